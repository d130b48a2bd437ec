#include "model/tree.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint32_t *path; /* (n,) */
    size_t n, cap;
    bool used;
};

struct tree {
    struct node *nodes; /* (n_nodes,) free ones among them */
    size_t n_nodes, nodes_cap, n_alive;
    uint32_t free_node; /* head of the list of free nodes; 0: none */
    uint32_t *buckets;  /* (n_buckets,) first child by (parent, symbol); 0: none.  A power of two. */
    size_t n_buckets;
    struct slot *slots;
    size_t n_slots, slots_cap;
    bool apart;
};

struct tree *tree_alloc(void)
{
    struct tree *t = mem_alloc(1, sizeof *t);
    mem_grow(&t->nodes, &t->nodes_cap, 1, sizeof *t->nodes);
    t->nodes[TREE_ROOT] = (struct node){ .held = 1, .page = -1 };
    t->n_nodes = t->n_alive = 1;
    t->n_buckets = 1024;
    t->buckets = mem_alloc(t->n_buckets, sizeof *t->buckets);
    return t;
}

struct tree *tree_alloc_apart(void)
{
    struct tree *t = tree_alloc();
    t->apart = true;
    return t;
}

void tree_free(struct tree *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_slots; i++)
        free(t->slots[i].path);
    free(t->slots);
    free(t->buckets);
    free(t->nodes);
    free(t);
}

struct node *tree_node(struct tree *t, uint32_t id)
{
    return &t->nodes[id];
}

size_t tree_count(const struct tree *t)
{
    return t->n_alive;
}

static uint32_t *bucket_of(struct tree *t, uint32_t parent, sym_t symbol)
{
    uint64_t h = ((uint64_t)parent << 32 | symbol) * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: Knuth's hash */
    return &t->buckets[h >> 32 & (t->n_buckets - 1)];
}

static void more_buckets(struct tree *t)
{
    free(t->buckets);
    t->n_buckets *= 2;
    t->buckets = mem_alloc(t->n_buckets, sizeof *t->buckets);
    for (uint32_t id = 1; id < t->n_nodes; id++) {
        struct node *n = &t->nodes[id];
        if (n->held == 0 && n->page < 0 && !n->rows)
            continue; /* free */
        uint32_t *bucket = bucket_of(t, n->parent, n->symbol);
        n->next = *bucket;
        *bucket = id;
    }
}

static uint32_t add_node(struct tree *t, uint32_t parent, sym_t symbol)
{
    uint32_t id = t->free_node;
    if (id) {
        t->free_node = t->nodes[id].next;
    } else {
        mem_grow(&t->nodes, &t->nodes_cap, t->n_nodes + 1, sizeof *t->nodes);
        id = (uint32_t)t->n_nodes++;
    }
    uint32_t *bucket = bucket_of(t, parent, symbol);
    t->nodes[id] = (struct node){ .parent = parent, .symbol = symbol, .next = *bucket, .page = -1 };
    *bucket = id;
    t->nodes[parent].held++;
    t->n_alive++;
    return id;
}

/* The node of parent's prefix and one symbol more.  A new one is held by nothing yet. */
static uint32_t child_of(struct tree *t, uint32_t parent, sym_t symbol)
{
    for (uint32_t id = t->apart ? 0 : *bucket_of(t, parent, symbol); id; id = t->nodes[id].next)
        if (t->nodes[id].parent == parent && t->nodes[id].symbol == symbol)
            return id;
    return add_node(t, parent, symbol);
}

static void remove_node(struct tree *t, uint32_t id)
{
    struct node *n = &t->nodes[id];
    uint32_t *link = bucket_of(t, n->parent, n->symbol);
    while (*link != id)
        link = &t->nodes[*link].next;
    *link = n->next;
    n->next = t->free_node;
    t->free_node = id;
    t->n_alive--;
}

void tree_release(struct tree *t, uint32_t id)
{
    while (id != TREE_ROOT) {
        struct node *n = &t->nodes[id];
        if (n->held > 0 || n->page >= 0 || n->rows)
            return;
        remove_node(t, id);
        id = n->parent;
        t->nodes[id].held--;
    }
}

static struct slot *slot_at(const struct tree *t, int slot)
{
    assert(slot >= 0 && (size_t)slot < t->n_slots && t->slots[slot].used);
    return &t->slots[slot];
}

static uint32_t last_of(const struct slot *s)
{
    return s->n > 0 ? s->path[s->n - 1] : TREE_ROOT;
}

static void extend(struct slot *s, const uint32_t path[], size_t n)
{
    mem_grow(&s->path, &s->cap, s->n + n, sizeof *s->path);
    if (n > 0)
        memcpy(s->path + s->n, path, n * sizeof *path);
    s->n += n;
}

int tree_fork(struct tree *t, int src, size_t len)
{
    size_t to = 0;
    while (to < t->n_slots && t->slots[to].used)
        to++;
    if (to == t->n_slots) {
        mem_grow(&t->slots, &t->slots_cap, to + 1, sizeof *t->slots);
        t->n_slots++;
    }
    struct slot *s = &t->slots[to];
    s->used = true;
    s->n = 0;
    assert(src >= 0 ? len <= slot_at(t, src)->n : len == 0);
    if (src >= 0)
        extend(s, t->slots[src].path, len);
    t->nodes[last_of(s)].held++;
    return (int)to;
}

void tree_push(struct tree *t, int slot, const sym_t s[], size_t n)
{
    struct slot *to = slot_at(t, slot);
    uint32_t old = last_of(to);
    for (size_t i = 0; i < n; i++) {
        uint32_t id = child_of(t, last_of(to), s[i]);
        extend(to, &id, 1);
    }
    t->nodes[last_of(to)].held++;
    t->nodes[old].held--; /* held by its child now, unless n is 0 */
    while (t->n_alive > t->n_buckets)
        more_buckets(t);
}

void tree_drop(struct tree *t, int slot)
{
    struct slot *s = slot_at(t, slot);
    uint32_t last = last_of(s);
    s->used = false;
    s->n = 0;
    t->nodes[last].held--;
    tree_release(t, last);
}

size_t tree_length(const struct tree *t, int slot)
{
    return slot_at(t, slot)->n;
}

const uint32_t *tree_path(const struct tree *t, int slot)
{
    return slot_at(t, slot)->path;
}

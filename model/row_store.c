#include "model/row_store.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/lm.h"
#include <stdlib.h>

struct row_store {
    struct tree *tree;
    struct remote *remote; /* NULL: no row lies on a device */
    uint32_t n_scores, n_hidden;
    size_t bytes, budget;
    struct kept_row *newest, *oldest;
    struct kept_row *spare; /* an evicted row of n_scores, for the next */
};

struct row_store *row_store_alloc(struct tree *tree, uint32_t n_scores, uint32_t n_hidden, size_t bytes)
{
    struct row_store *s = mem_alloc(1, sizeof *s);
    *s = (struct row_store){ .tree = tree, .n_scores = n_scores, .n_hidden = n_hidden, .budget = bytes };
    return s;
}

void row_store_place(struct row_store *s, struct remote *remote)
{
    s->remote = remote;
}

static void free_list(struct row_store *s, struct kept_row *r)
{
    for (struct kept_row *older; r; r = older) {
        older = r->older;
        if (r->block)
            remote_give(s->remote, r->block);
        free(r->row.score);
        free(r);
    }
}

void row_store_free(struct row_store *s)
{
    if (!s)
        return;
    free_list(s, s->newest);
    free_list(s, s->spare);
    free(s);
}

struct kept_row *row_store_find(struct tree *tree, uint32_t node, uint32_t tap)
{
    struct kept_row *r = tree_node(tree, node)->rows;
    while (r && r->tap != tap)
        r = r->next;
    return r;
}

static void unlink_row(struct row_store *s, struct kept_row *r)
{
    *(r->newer ? &r->newer->older : &s->newest) = r->older;
    *(r->older ? &r->older->newer : &s->oldest) = r->newer;
}

static void link_newest(struct row_store *s, struct kept_row *r)
{
    r->newer = NULL;
    r->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = r;
    s->newest = r;
}

void row_store_use(struct row_store *s, struct kept_row *r, uint64_t run)
{
    r->run = run;
    unlink_row(s, r);
    link_newest(s, r);
}

static size_t bytes_of(const struct kept_row *r)
{
    return sizeof *r + r->row.n * sizeof(float);
}

static void evict(struct row_store *s, struct kept_row *r)
{
    struct kept_row **link = &tree_node(s->tree, r->node)->rows;
    while (*link != r)
        link = &(*link)->next;
    *link = r->next;
    unlink_row(s, r);
    s->bytes -= bytes_of(r);
    tree_release(s->tree, r->node);
    if (r->block) {
        remote_give(s->remote, r->block);
        free(r);
    } else if (r->row.n == s->n_scores && !s->spare) {
        r->older = NULL;
        s->spare = r;
    } else {
        free(r->row.score);
        free(r);
    }
}

/* Older rows give theirs back where the device has no more. */
static void *take_block(struct row_store *s, uint64_t run)
{
    void *block;
    while (!(block = remote_take(s->remote))) {
        struct kept_row *old = s->oldest;
        while (old && !(old->block && old->run != run))
            old = old->newer;
        if (!old) {
            err_set(ERR_MEMORY, "the device has no memory for a row of %u scores more", s->n_scores);
            return NULL;
        }
        evict(s, old);
    }
    return block;
}

/* One without its fields but what holds its scores. */
static struct kept_row *take_row(struct row_store *s, uint32_t n, uint32_t tap, uint64_t run)
{
    struct kept_row *r = n == s->n_scores && tap != LM_TAP_THERE ? s->spare : NULL;
    void *block = tap == LM_TAP_THERE ? take_block(s, run) : NULL;
    if (tap == LM_TAP_THERE && !block)
        return NULL;
    if (r) {
        s->spare = NULL;
        return r;
    }
    r = mem_alloc(1, sizeof *r);
    r->block = block;
    r->row.score = block ? NULL : mem_aligned(n, sizeof(float));
    return r;
}

struct kept_row *row_store_add(struct row_store *s, uint32_t node, uint32_t tap, uint64_t run)
{
    uint32_t n = tap == LM_TAP_HIDDEN ? s->n_hidden : s->n_scores;
    while (s->oldest && s->oldest->run != run && s->bytes + n * sizeof(float) > s->budget)
        evict(s, s->oldest);
    struct kept_row *r = take_row(s, n, tap, run);
    if (!r)
        return NULL;
    float *score = r->row.score;
    void *block = r->block;
    struct node *of = tree_node(s->tree, node);
    *r = (struct kept_row){
        .row = row_over(score, n), .node = node, .tap = tap, .run = run, .next = of->rows, .block = block
    };
    of->rows = r;
    s->bytes += bytes_of(r);
    link_newest(s, r);
    return r;
}

void row_store_forget(struct row_store *s)
{
    for (struct kept_row *r = s->newest, *older; r; r = older) {
        older = r->older;
        if (!r->ready)
            evict(s, r);
    }
}

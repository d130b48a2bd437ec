#include "model/trie.h"
#include "base/hash.h"
#include "base/mem.h"
#include <stdlib.h>

#define FIRST_PLACES 256

/* An edge in open addressing; to is 0 in a free place. */
struct edge {
    uint64_t key; /* node << 8 | byte */
    uint32_t to;
};

struct trie {
    struct edge *place; /* (mask + 1,) */
    size_t mask;
    uint64_t secret;
    uint32_t n_nodes;
    int64_t *value; /* (n_nodes,) -1: no key ends here */
    size_t cap_value;
    uint32_t root[256]; /* children of the root: most texts go no further */
};

struct trie *trie_alloc(void)
{
    struct trie *t = mem_alloc(1, sizeof *t);
    t->mask = FIRST_PLACES - 1;
    t->place = mem_alloc(FIRST_PLACES, sizeof *t->place);
    uintptr_t address = (uintptr_t)t;
    t->secret = hash_bytes(&address, sizeof address, 1);
    mem_grow(&t->value, &t->cap_value, 1, sizeof *t->value);
    t->value[0] = -1;
    t->n_nodes = 1;
    return t;
}

void trie_free(struct trie *t)
{
    if (!t)
        return;
    free(t->place);
    free(t->value);
    free(t);
}

/* Moremur, as in model/bpe.c. */
static struct edge *find(const struct trie *t, uint64_t key)
{
    uint64_t h = key ^ t->secret;
    h = (h ^ h >> 27) * 0x3c79ac492ba7b653u;
    h = (h ^ h >> 33) * 0x1c69b3f74ac4ae35u;
    for (size_t i = (size_t)(h ^ h >> 27) & t->mask;; i = (i + 1) & t->mask)
        if (!t->place[i].to || t->place[i].key == key)
            return &t->place[i];
}

static void widen(struct trie *t)
{
    struct edge *old = t->place;
    size_t n = t->mask + 1;
    t->mask = 2 * n - 1;
    t->place = mem_alloc(2 * n, sizeof *t->place);
    for (size_t i = 0; i < n; i++)
        if (old[i].to)
            *find(t, old[i].key) = old[i];
    free(old);
}

uint32_t trie_child(const struct trie *t, uint32_t node, unsigned char byte)
{
    return node == 0 ? t->root[byte] : find(t, (uint64_t)node << 8 | byte)->to;
}

static uint32_t add_child(struct trie *t, uint32_t node, unsigned char byte)
{
    uint32_t to = t->n_nodes++;
    mem_grow(&t->value, &t->cap_value, t->n_nodes, sizeof *t->value);
    t->value[to] = -1;
    if (node == 0) {
        t->root[byte] = to;
        return to;
    }
    if (t->n_nodes > t->mask / 2)
        widen(t);
    uint64_t key = (uint64_t)node << 8 | byte;
    *find(t, key) = (struct edge){ key, to };
    return to;
}

bool trie_put(struct trie *t, const char *key, size_t n, uint32_t value)
{
    uint32_t node = 0;
    if (n == 0 || n > TRIE_NODES_MAX - t->n_nodes)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t child = trie_child(t, node, (unsigned char)key[i]);
        node = child ? child : add_child(t, node, (unsigned char)key[i]);
    }
    if (t->value[node] >= 0)
        return false;
    t->value[node] = value;
    return true;
}

int64_t trie_value(const struct trie *t, uint32_t node)
{
    return t->value[node];
}

size_t trie_longest(const struct trie *t, const char *s, size_t n, uint32_t *value)
{
    size_t longest = 0;
    uint32_t node = 0;
    for (size_t i = 0; i < n; i++) {
        node = trie_child(t, node, (unsigned char)s[i]);
        if (!node)
            break;
        if (t->value[node] >= 0) {
            longest = i + 1;
            *value = (uint32_t)t->value[node];
        }
    }
    return longest;
}

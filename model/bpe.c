#include "model/bpe.h"
#include "base/hash.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define NONE         UINT32_MAX
#define FIRST_PLACES 64

/* A merge, in open addressing by its pair; rank is NONE in a free place. */
struct merge {
    sym_t left, right, joined;
    uint32_t rank;
};

/* A symbol of the piece at work. */
struct link {
    sym_t s;
    uint32_t before, after; /* neighbours, NONE at the ends */
    bool gone;              /* merged into the one before */
};

/* A pair that may merge: the one at `at` and its neighbour.  Stale when the pair there has another rank by now. */
struct pair {
    uint32_t rank, at;
};

struct bpe {
    struct merge *place; /* (mask + 1,) */
    size_t mask, n_merges;
    uint64_t secret;
    struct link *link; /* scratch */
    size_t cap_link;
    struct pair *heap; /* scratch: a binary heap, the least first */
    size_t n_heap, cap_heap;
};

static struct merge *places(size_t n)
{
    struct merge *m = mem_alloc(n, sizeof *m);
    for (size_t i = 0; i < n; i++)
        m[i].rank = NONE;
    return m;
}

struct bpe *bpe_alloc(void)
{
    struct bpe *b = mem_alloc(1, sizeof *b);
    b->mask = FIRST_PLACES - 1;
    b->place = places(FIRST_PLACES);
    uintptr_t address = (uintptr_t)b;
    b->secret = hash_bytes(&address, sizeof address, 0);
    return b;
}

void bpe_free(struct bpe *b)
{
    if (!b)
        return;
    free(b->place);
    free(b->link);
    free(b->heap);
    free(b);
}

/* Moremur (Pelle Evensen's constants for the finaliser of MurmurHash3), from a secret that the makers of a file do not
 * have: whose merges would otherwise all want one place. */
static uint64_t hash_of(const struct bpe *b, sym_t left, sym_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) ^ b->secret;
    h = (h ^ h >> 27) * 0x3c79ac492ba7b653u;
    h = (h ^ h >> 33) * 0x1c69b3f74ac4ae35u;
    return h ^ h >> 27;
}

static struct merge *find(const struct bpe *b, sym_t left, sym_t right)
{
    for (size_t i = (size_t)hash_of(b, left, right) & b->mask;; i = (i + 1) & b->mask) {
        struct merge *m = &b->place[i];
        if (m->rank == NONE || (m->left == left && m->right == right))
            return m;
    }
}

static void widen(struct bpe *b)
{
    struct merge *old = b->place;
    size_t n = b->mask + 1;
    b->mask = 2 * n - 1;
    b->place = places(2 * n);
    for (size_t i = 0; i < n; i++)
        if (old[i].rank != NONE)
            *find(b, old[i].left, old[i].right) = old[i];
    free(old);
}

bool bpe_add_ranked(struct bpe *b, sym_t left, sym_t right, sym_t joined, uint32_t rank)
{
    assert(rank != NONE);
    if (find(b, left, right)->rank != NONE)
        return false;
    if (b->n_merges >= b->mask / 2)
        widen(b);
    *find(b, left, right) = (struct merge){ .left = left, .right = right, .joined = joined, .rank = rank };
    b->n_merges++;
    return true;
}

bool bpe_add(struct bpe *b, sym_t left, sym_t right, sym_t joined)
{
    return bpe_add_ranked(b, left, right, joined, (uint32_t)b->n_merges);
}

static bool before(struct pair a, struct pair b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_put(struct bpe *b, struct pair p)
{
    size_t i = b->n_heap++;
    for (; i > 0 && before(p, b->heap[(i - 1) / 2]); i = (i - 1) / 2)
        b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = p;
}

static struct pair heap_take(struct bpe *b)
{
    struct pair least = b->heap[0], last = b->heap[--b->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < b->n_heap; i = child) {
        if (child + 1 < b->n_heap && before(b->heap[child + 1], b->heap[child]))
            child++;
        if (!before(b->heap[child], last))
            break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = last;
    return least;
}

/* Puts the pair of i and its neighbour on the heap if it can merge. */
static void offer(struct bpe *b, uint32_t i)
{
    if (i == NONE || b->link[i].after == NONE)
        return;
    const struct merge *m = find(b, b->link[i].s, b->link[b->link[i].after].s);
    if (m->rank != NONE)
        heap_put(b, (struct pair){ m->rank, i });
}

static void join(struct bpe *b, uint32_t i, sym_t joined)
{
    struct link *left = &b->link[i], *right = &b->link[left->after];
    left->s = joined;
    left->after = right->after;
    right->gone = true;
    if (left->after != NONE)
        b->link[left->after].before = i;
    offer(b, left->before);
    offer(b, i);
}

size_t bpe_merge(struct bpe *b, sym_t s[], size_t n)
{
    assert(n < NONE);
    mem_grow(&b->link, &b->cap_link, n, sizeof *b->link);
    mem_grow(&b->heap, &b->cap_heap, 3 * n + 1,
             sizeof *b->heap); /* n - 1 pairs, then two more for each of n - 1 joins */
    b->n_heap = 0;
    for (uint32_t i = 0; i < n; i++)
        b->link[i] = (struct link){ .s = s[i], .before = i > 0 ? i - 1 : NONE, .after = i + 1 < n ? i + 1 : NONE };
    for (uint32_t i = 0; i < n; i++)
        offer(b, i);
    while (b->n_heap > 0) {
        struct pair p = heap_take(b);
        const struct link *left = &b->link[p.at];
        if (left->gone || left->after == NONE)
            continue;
        const struct merge *m = find(b, left->s, b->link[left->after].s);
        if (m->rank == p.rank)
            join(b, p.at, m->joined);
    }
    size_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!b->link[i].gone)
            s[kept++] = b->link[i].s;
    return kept;
}

#include "model/bpe.h"
#include "base/hash.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE         UINT32_MAX
#define FIRST_PLACES 64
#define SHORT        64 /* symbols of a piece that is searched instead of put on a heap */

/* A merge, in open addressing by its pair; rank is NONE in a free place. */
struct merge {
    uint64_t pair; /* left << 32 | right */
    sym_t joined;
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
    uint64_t *
        sieve; /* (8 * (mask + 1) bits) set where a merge hashes to: most pairs have none, and are told by this alone */
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
    b->sieve = mem_alloc(FIRST_PLACES / 8, sizeof *b->sieve);
    uintptr_t address = (uintptr_t)b;
    b->secret = hash_bytes(&address, sizeof address, 0);
    return b;
}

void bpe_free(struct bpe *b)
{
    if (!b)
        return;
    free(b->place);
    free(b->sieve);
    free(b->link);
    free(b->heap);
    free(b);
}

static uint64_t pair_of(sym_t left, sym_t right)
{
    return (uint64_t)left << 32 | right;
}

/* Moremur (Pelle Evensen's constants for the finaliser of MurmurHash3), from a secret that the makers of a file do not
 * have: whose merges would otherwise all want one place. */
static uint64_t hash_of(const struct bpe *b, uint64_t pair)
{
    uint64_t h = pair ^ b->secret;
    h = (h ^ h >> 27) * 0x3c79ac492ba7b653u;
    h = (h ^ h >> 33) * 0x1c69b3f74ac4ae35u;
    return h ^ h >> 27;
}

static struct merge *find_from(const struct bpe *b, uint64_t hash, uint64_t pair)
{
    for (size_t i = (size_t)hash & b->mask;; i = (i + 1) & b->mask) {
        struct merge *m = &b->place[i];
        if (m->rank == NONE || m->pair == pair)
            return m;
    }
}

static struct merge *find(const struct bpe *b, uint64_t pair)
{
    return find_from(b, hash_of(b, pair), pair);
}

/* Other bits of the hash than those of the place. */
static uint64_t sieve_bit(const struct bpe *b, uint64_t hash)
{
    return hash >> 24 & (8 * (b->mask + 1) - 1);
}

static const struct merge *find_quickly(const struct bpe *b, uint64_t pair)
{
    static const struct merge none = { .rank = NONE };
    uint64_t hash = hash_of(b, pair), bit = sieve_bit(b, hash);
    return b->sieve[bit / 64] >> bit % 64 & 1 ? find_from(b, hash, pair) : &none;
}

static void put(struct bpe *b, struct merge m)
{
    uint64_t hash = hash_of(b, m.pair), bit = sieve_bit(b, hash);
    *find_from(b, hash, m.pair) = m;
    b->sieve[bit / 64] |= (uint64_t)1 << bit % 64;
}

static void widen(struct bpe *b)
{
    struct merge *old = b->place;
    size_t n = b->mask + 1;
    b->mask = 2 * n - 1;
    b->place = places(2 * n);
    free(b->sieve);
    b->sieve = mem_alloc(2 * n / 8, sizeof *b->sieve);
    for (size_t i = 0; i < n; i++)
        if (old[i].rank != NONE)
            put(b, old[i]);
    free(old);
}

bool bpe_add_ranked(struct bpe *b, sym_t left, sym_t right, sym_t joined, uint32_t rank)
{
    uint64_t pair = pair_of(left, right);
    assert(rank != NONE);
    if (find(b, pair)->rank != NONE)
        return false;
    if (b->n_merges >= b->mask / 2)
        widen(b);
    b->n_merges++;
    put(b, (struct merge){ .pair = pair, .joined = joined, .rank = rank });
    return true;
}

bool bpe_add(struct bpe *b, sym_t left, sym_t right, sym_t joined)
{
    return bpe_add_ranked(b, left, right, joined, (uint32_t)b->n_merges);
}

static struct bpe_merge_row row_of(const struct merge *m)
{
    return (struct bpe_merge_row){ (sym_t)(m->pair >> 32), (sym_t)m->pair, m->joined, m->rank };
}

void bpe_each(const struct bpe *b, void (*f)(void *to, struct bpe_merge_row merge), void *to)
{
    for (size_t i = 0; i <= b->mask; i++)
        if (b->place[i].rank != NONE)
            f(to, row_of(&b->place[i]));
}

bool bpe_find(const struct bpe *b, sym_t left, sym_t right, struct bpe_merge_row *merge)
{
    *merge = row_of(find(b, pair_of(left, right)));
    return merge->rank != NONE;
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
    const struct merge *m = find_quickly(b, pair_of(b->link[i].s, b->link[b->link[i].after].s));
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

/* A short piece: symbols stay in their places, and a merge leaves a gap behind its first. */
struct row {
    sym_t *s;             /* (n,) */
    uint64_t left;        /* bit i: s[i] is there, not merged into one before it */
    uint64_t best[SHORT]; /* rank << 32 | i of the merge of s[i] and what is behind it; UINT64_MAX: none */
    sym_t joined[SHORT];  /* what that makes */
};

static void look_up(const struct bpe *b, struct row *row, unsigned i, unsigned next)
{
    const struct merge *m = find_quickly(b, pair_of(row->s[i], row->s[next]));
    row->best[i] = m->rank == NONE ? UINT64_MAX : (uint64_t)m->rank << 32 | i;
    row->joined[i] = m->joined;
}

/* All pairs at the beginning: first which may have a merge, without a branch that depends on it, then the merges. */
static void look_up_all(const struct bpe *b, struct row *row, size_t n)
{
    uint64_t hash[SHORT], some = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        hash[i] = hash_of(b, pair_of(row->s[i], row->s[i + 1]));
        uint64_t bit = sieve_bit(b, hash[i]);
        some |= (b->sieve[bit / 64] >> bit % 64 & 1) << i;
        row->best[i] = UINT64_MAX;
    }
    for (; some; some &= some - 1) {
        unsigned i = (unsigned)__builtin_ctzll(some);
        const struct merge *m = find_from(b, hash[i], pair_of(row->s[i], row->s[i + 1]));
        row->best[i] = m->rank == NONE ? UINT64_MAX : (uint64_t)m->rank << 32 | i;
        row->joined[i] = m->joined;
    }
}

static uint64_t least(const uint64_t best[], size_t n)
{
    uint64_t even = UINT64_MAX, odd = UINT64_MAX; /* two chains of comparisons, which do not wait for each other */
    for (size_t i = 0; i + 1 < n; i += 2) {
        even = best[i] < even ? best[i] : even;
        odd = best[i + 1] < odd ? best[i + 1] : odd;
    }
    if (n % 2 && best[n - 1] < even)
        even = best[n - 1];
    return even < odd ? even : odd;
}

static void join_short(const struct bpe *b, struct row *row, unsigned i)
{
    uint64_t right = row->left >> (i + 1) << (i + 1), before = row->left & (((uint64_t)1 << i) - 1);
    unsigned gone = (unsigned)__builtin_ctzll(right);
    row->s[i] = row->joined[i];
    row->best[i] = row->best[gone] = UINT64_MAX;
    row->left &= ~((uint64_t)1 << gone);
    right &= right - 1;
    if (right)
        look_up(b, row, i, (unsigned)__builtin_ctzll(right));
    if (before)
        look_up(b, row, 63u - (unsigned)__builtin_clzll(before), i);
}

static size_t merge_short(const struct bpe *b, sym_t s[], size_t n)
{
    struct row row; /* of which the first n are made use of */
    uint64_t best;
    row.s = s;
    row.left = UINT64_MAX >> (SHORT - n);
    look_up_all(b, &row, n);
    while ((best = least(row.best, n - 1)) != UINT64_MAX)
        join_short(b, &row, (unsigned)(best & UINT32_MAX));
    size_t kept = 0;
    for (uint64_t left = row.left; left; left &= left - 1)
        s[kept++] = s[__builtin_ctzll(left)];
    return kept;
}

/* Two symbols, of many words all that is left to merge. */
static size_t merge_two(const struct bpe *b, sym_t s[])
{
    const struct merge *m = find_quickly(b, pair_of(s[0], s[1]));
    if (m->rank == NONE)
        return 2;
    s[0] = m->joined;
    return 1;
}

static size_t merge_long(struct bpe *b, sym_t s[], size_t n)
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
        const struct merge *m = find(b, pair_of(left->s, b->link[left->after].s));
        if (m->rank == p.rank)
            join(b, p.at, m->joined);
    }
    size_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!b->link[i].gone)
            s[kept++] = b->link[i].s;
    return kept;
}

size_t bpe_merge(struct bpe *b, sym_t s[], size_t n)
{
    if (n < 2)
        return n;
    return n == 2 ? merge_two(b, s) : n <= SHORT ? merge_short(b, s, n) : merge_long(b, s, n);
}

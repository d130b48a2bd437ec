#include "ensemble/bytes_adjacent.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE        UINT32_MAX
#define SPINE       512u  /* symbols of a token that is not odd */
#define CACHED      1024u /* left tokens whose barred ones are kept */
#define CACHED_BITS ((size_t)1 << 28)

/* How a token is made: the last merge of its bytes. */
struct derivation {
    sym_t left, right;
    int64_t rank; /* -1: it is not made, but a symbol of its own */
    bool reached, odd;
};

struct kept {
    sym_t left;
    bool used;
    uint64_t *bits;
};

struct bytes_adjacent {
    const struct bytes_vocab *t;
    const struct bpe *merges;
    struct derivation *of; /* (space->n,) */
    struct kept *kept;     /* (n_kept,) by left token, direct */
    size_t n_kept, n_words;
    struct symbols work;
};

/* The pair of s[n] that merges first; n: none does. */
static size_t first_merge(const struct bpe *merges, const sym_t s[], size_t n, struct bpe_merge_row *best)
{
    size_t at = n;
    best->rank = NONE;
    for (size_t i = 0; i + 1 < n; i++) {
        struct bpe_merge_row m;
        if (bpe_find(merges, s[i], s[i + 1], &m) && m.rank < best->rank) {
            *best = m;
            at = i;
        }
    }
    return at;
}

static bool is_odd(const struct bytes_adjacent *a, const struct bpe_merge_row *m)
{
    const struct derivation *l = &a->of[m->left], *r = &a->of[m->right];
    return l->odd || r->odd || l->rank >= (int64_t)m->rank || r->rank >= (int64_t)m->rank;
}

/* Merges the token's own symbols; its parts, shorter, have been derived before it. */
static struct derivation derive(struct bytes_adjacent *a, sym_t id)
{
    struct derivation d = { .rank = -1 };
    size_t length;
    const uint8_t *s = space_text(a->t->space, id, &length);
    a->work.n = 0;
    if (!vocab_view_symbols(a->t->vocab, (const char *)s, length, &a->work))
        return d;
    size_t n = a->work.n;
    if (n > SPINE) {
        a->work.n = 0;
        d.odd = vocab_view_merge(a->t->vocab, (const char *)s, length, &a->work);
        d.reached = d.odd && a->work.n == 1 && a->work.s[0] == id;
        return d;
    }
    struct bpe_merge_row m = { 0 };
    for (size_t at; n > 1 && (at = first_merge(a->merges, a->work.s, n, &m)) < n; n--) {
        a->work.s[at] = m.joined;
        memmove(a->work.s + at + 1, a->work.s + at + 2, (n - at - 2) * sizeof *a->work.s);
    }
    d.reached = n == 1 && a->work.s[0] == id;
    if (d.reached && a->work.n > 1) {
        d.left = m.left;
        d.right = m.right;
        d.rank = m.rank;
        d.odd = is_odd(a, &m);
    }
    return d;
}

static int by_length(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Shorter tokens first, as the parts of a token are. */
static void derive_all(struct bytes_adjacent *a)
{
    const struct bytes_vocab *t = a->t;
    uint64_t *order = mem_alloc(t->n, sizeof *order);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t n;
        bytes_vocab_text(t, i, &n);
        order[i] = (uint64_t)n << 32 | t->id[i];
    }
    qsort(order, t->n, sizeof *order, by_length);
    for (uint32_t i = 0; i < t->n; i++) {
        sym_t id = (sym_t)order[i];
        if (!t->is_added[t->place[id]])
            a->of[id] = derive(a, id);
    }
    free(order);
}

struct bytes_adjacent *bytes_adjacent_alloc(const struct bytes_vocab *t)
{
    struct bytes_adjacent *a = mem_alloc(1, sizeof *a);
    a->t = t;
    a->merges = vocab_view_merges(t->vocab);
    assert(a->merges);
    a->of = mem_alloc(t->space->n, sizeof *a->of);
    a->n_words = t->n / 64 + 1;
    a->n_kept = CACHED_BITS / 64 / a->n_words;
    a->n_kept = a->n_kept > CACHED ? CACHED : a->n_kept < 1 ? 1 : a->n_kept;
    a->kept = mem_alloc(a->n_kept, sizeof *a->kept);
    derive_all(a);
    return a;
}

void bytes_adjacent_free(struct bytes_adjacent *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_kept; i++)
        free(a->kept[i].bits);
    free(a->kept);
    free(a->of);
    free(a->work.s);
    free(a);
}

bool bytes_adjacent_reaches(const struct bytes_adjacent *a, sym_t id)
{
    return a->of[id].reached;
}

static bool pair_anew(struct bytes_adjacent *a, sym_t left, sym_t right)
{
    size_t n_left, n_right;
    const uint8_t *l = space_text(a->t->space, left, &n_left), *r = space_text(a->t->space, right, &n_right);
    struct text both = { 0 };
    text_addn(&both, l, n_left);
    text_addn(&both, r, n_right);
    a->work.n = 0;
    bool merges = vocab_view_merge(a->t->vocab, text_s(&both), both.len, &a->work);
    text_free(&both);
    return merges && a->work.n == 2 && a->work.s[0] == left && a->work.s[1] == right;
}

/* The symbols at one side of the boundary, outermost (the whole token) first. */
static size_t right_spine(const struct bytes_adjacent *a, sym_t t, sym_t out[])
{
    size_t n = 0;
    for (out[n++] = t; a->of[t].rank >= 0; out[n++] = t)
        t = a->of[t].right;
    return n;
}

static size_t left_spine(const struct bytes_adjacent *a, sym_t t, sym_t out[])
{
    size_t n = 0;
    for (out[n++] = t; a->of[t].rank >= 0; out[n++] = t)
        t = a->of[t].left;
    return n;
}

/* Whether no merge across the boundary comes before those within; ls[n_left] and rs[n_right] are the spines. */
static bool stays_apart(const struct bytes_adjacent *a, const sym_t ls[], size_t n_left, const sym_t rs[],
                        size_t n_right)
{
    size_t l = n_left - 1, r = n_right - 1;
    for (;;) {
        struct bpe_merge_row across;
        int64_t left = l > 0 ? a->of[ls[l - 1]].rank : INT64_MAX, right = r > 0 ? a->of[rs[r - 1]].rank : INT64_MAX;
        bool takes_left = left <= right;
        if (bpe_find(a->merges, ls[l], rs[r], &across)) {
            int64_t next = takes_left ? left : right;
            if ((int64_t)across.rank < next || (!takes_left && (int64_t)across.rank == next))
                return false;
        }
        if (l == 0 && r == 0)
            return true;
        if (takes_left)
            l--;
        else
            r--;
    }
}

bool bytes_adjacent_pair(struct bytes_adjacent *a, sym_t left, sym_t right)
{
    sym_t ls[SPINE + 1], rs[SPINE + 1];
    if (!a->of[left].reached || !a->of[right].reached)
        return false;
    if (a->of[left].odd || a->of[right].odd)
        return pair_anew(a, left, right);
    return stays_apart(a, ls, right_spine(a, left, ls), rs, left_spine(a, right, rs));
}

static void bar(struct bytes_adjacent *a, sym_t left, uint64_t bits[])
{
    const struct bytes_vocab *t = a->t;
    sym_t ls[SPINE + 1], rs[SPINE + 1];
    bool odd = !a->of[left].reached || a->of[left].odd;
    size_t n_left = odd ? 0 : right_spine(a, left, ls);
    memset(bits, 0, a->n_words * sizeof *bits);
    for (uint32_t i = 0; i < t->n; i++) {
        const struct derivation *d = &a->of[t->id[i]];
        bool ok = t->is_added[i] ||
                  (d->reached && (odd || d->odd ? bytes_adjacent_pair(a, left, t->id[i])
                                                : stays_apart(a, ls, n_left, rs, left_spine(a, t->id[i], rs))));
        bits[i / 64] |= (uint64_t)!ok << i % 64;
    }
}

const uint64_t *bytes_adjacent_barred(struct bytes_adjacent *a, sym_t left)
{
    struct kept *k = &a->kept[left % a->n_kept];
    if (!k->bits)
        k->bits = mem_alloc(a->n_words, sizeof *k->bits);
    if (!k->used || k->left != left)
        bar(a, left, k->bits);
    k->used = true;
    k->left = left;
    return k->bits;
}

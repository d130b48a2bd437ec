#include "ensemble/bytes_derive.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct work {
    const struct bytes_vocab *t;
    const struct bpe *merges;
    struct bytes_derivation *of; /* (space->n,) */
    struct symbols s;
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

static bool is_odd(const struct work *w, const struct bpe_merge_row *m)
{
    const struct bytes_derivation *l = &w->of[m->left], *r = &w->of[m->right];
    return l->odd || r->odd || l->rank >= (int64_t)m->rank || r->rank >= (int64_t)m->rank;
}

/* Merges the token's own symbols; its parts, shorter, have been derived before it. */
static struct bytes_derivation derive(struct work *w, sym_t id)
{
    struct bytes_derivation d = { .rank = -1 };
    size_t length;
    const uint8_t *s = space_text(w->t->space, id, &length);
    w->s.n = 0;
    if (!vocab_view_symbols(w->t->vocab, (const char *)s, length, &w->s))
        return d;
    size_t n = w->s.n;
    if (n > BYTES_SPINE) {
        w->s.n = 0;
        d.odd = vocab_view_merge(w->t->vocab, (const char *)s, length, &w->s);
        d.reached = d.odd && w->s.n == 1 && w->s.s[0] == id;
        return d;
    }
    struct bpe_merge_row m = { 0 };
    for (size_t at; n > 1 && (at = first_merge(w->merges, w->s.s, n, &m)) < n; n--) {
        w->s.s[at] = m.joined;
        memmove(w->s.s + at + 1, w->s.s + at + 2, (n - at - 2) * sizeof *w->s.s);
    }
    d.reached = n == 1 && w->s.s[0] == id;
    d.odd = !vocab_view_is_bytewise(w->t->vocab) && text_utf8_ready((const char *)s, length) < length;
    if (d.reached && w->s.n > 1) {
        d.left = m.left;
        d.right = m.right;
        d.rank = m.rank;
        d.odd = is_odd(w, &m);
    }
    return d;
}

static int by_length(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Shorter tokens first, as the parts of a token are. */
struct bytes_derivation *bytes_derive(const struct bytes_vocab *t)
{
    struct work w = { .t = t, .merges = vocab_view_merges(t->vocab), .of = mem_alloc(t->space->n, sizeof *w.of) };
    uint64_t *order = mem_alloc(t->n, sizeof *order);
    for (sym_t v = 0; v < t->space->n; v++)
        w.of[v].rank = -1;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t n;
        bytes_vocab_text(t, i, &n);
        order[i] = (uint64_t)n << 32 | t->id[i];
    }
    qsort(order, t->n, sizeof *order, by_length);
    for (uint32_t i = 0; i < t->n; i++) {
        sym_t id = (sym_t)order[i];
        if (!t->is_added[t->place[id]])
            w.of[id] = derive(&w, id);
    }
    free(order);
    free(w.s.s);
    return w.of;
}

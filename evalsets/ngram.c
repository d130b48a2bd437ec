#include "evalsets/ngram.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct ngram *x = a, *y = b;
    for (size_t i = 0; i < NGRAM_MAX; i++)
        if (x->id[i] != y->id[i])
            return x->id[i] < y->id[i] ? -1 : 1;
    return 0;
}

void ngram_add(struct ngram_bag *b, const struct words *w, unsigned order)
{
    assert(order >= 1 && order <= NGRAM_MAX && b->n == 0);
    if (w->n < order)
        return;
    size_t more = w->n - order + 1;
    mem_grow(&b->gram, &b->cap, b->total + more, sizeof *b->gram);
    for (size_t i = 0; i < more; i++)
        memcpy(b->gram[b->total + i].id, w->id + i, order * sizeof *w->id);
    b->total += more;
}

void ngram_sort(struct ngram_bag *b)
{
    assert(b->n == 0);
    mem_grow(&b->count, &b->cap_count, b->total, sizeof *b->count);
    if (b->total > 0)
        qsort(b->gram, b->total, sizeof *b->gram, compare);
    for (size_t i = 0; i < b->total; i++) {
        if (b->n == 0 || compare(&b->gram[b->n - 1], &b->gram[i]) != 0) {
            b->gram[b->n] = b->gram[i];
            b->count[b->n++] = 0;
        }
        b->count[b->n - 1]++;
    }
}

void ngram_free(struct ngram_bag *b)
{
    free(b->gram);
    free(b->count);
    *b = (struct ngram_bag){ 0 };
}

size_t ngram_count(const struct ngram_bag *b, const struct ngram *g)
{
    if (b->n == 0)
        return 0;
    const struct ngram *found = bsearch(g, b->gram, b->n, sizeof *b->gram, compare);
    return found ? b->count[found - b->gram] : 0;
}

size_t ngram_common(const struct ngram_bag *a, const struct ngram_bag *b)
{
    size_t common = 0;
    for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
        int order = compare(&a->gram[i], &b->gram[j]);
        common += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return common;
}

double ngram_distinct(const struct words texts[], size_t n_texts, unsigned order)
{
    struct ngram_bag b = { 0 };
    for (size_t i = 0; i < n_texts; i++)
        ngram_add(&b, &texts[i], order);
    ngram_sort(&b);
    double ratio = b.total > 0 ? (double)b.n / (double)b.total : NAN;
    ngram_free(&b);
    return ratio;
}

double ngram_ead(size_t distinct, size_t total, size_t n_vocab)
{
    if (total == 0)
        return NAN;
    double v = (double)n_vocab;
    /* expm1 and log1p: for total << n_vocab the difference from 1 would lose most of its digits */
    return (double)distinct / (-v * expm1((double)total * log1p(-1 / v)));
}

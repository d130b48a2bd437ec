/* isotonic and histogram: values that the events themselves give, at places x, constant before the first and after the last. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/calibrator_types.h"
#include <stdlib.h>

struct block {
    double low, high; /* of p */
    double sum, n;
};

/* Events of one p are one block; then blocks whose means fall are merged from the left. */
static size_t pool_adjacent(const struct calibrator_event e[], size_t n, struct block out[])
{
    size_t m = 0;
    for (size_t i = 0; i < n;) {
        struct block b = { .low = e[i].p, .high = e[i].p };
        for (; i < n && e[i].p == b.high; i++) {
            b.sum += e[i].y;
            b.n++;
        }
        for (; m > 0 && out[m - 1].sum * b.n >= b.sum * out[m - 1].n; m--) {
            b.low = out[m - 1].low;
            b.sum += out[m - 1].sum;
            b.n += out[m - 1].n;
        }
        out[m++] = b;
    }
    return m;
}

static int isotonic_fit(struct calibrator *c, const double p[], const bool y[], size_t n)
{
    struct calibrator_event *e = calibrator_sorted(p, y, n);
    struct block *blocks = mem_alloc(n, sizeof *blocks);
    size_t m = pool_adjacent(e, n, blocks);
    c->x = mem_alloc(2 * m, sizeof *c->x);
    c->y = mem_alloc(2 * m, sizeof *c->y);
    for (size_t i = 0; i < m; i++) {
        c->x[c->n] = blocks[i].low;
        c->y[c->n++] = blocks[i].sum / blocks[i].n;
        if (blocks[i].high > blocks[i].low) {
            c->x[c->n] = blocks[i].high;
            c->y[c->n++] = blocks[i].sum / blocks[i].n;
        }
    }
    free(e);
    free(blocks);
    return 0;
}

/* The first place at or above p. */
static size_t find(const struct calibrator *c, double p)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->x[middle] < p)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double isotonic_apply(const struct calibrator *c, double p)
{
    size_t i = find(c, p);
    if (i == 0)
        return c->y[0];
    if (i == c->n)
        return c->y[c->n - 1];
    double share = (p - c->x[i - 1]) / (c->x[i] - c->x[i - 1]);
    return c->y[i - 1] + share * (c->y[i] - c->y[i - 1]);
}

/* x is the upper edge of each bin: half way to the next bin's first event; events of one p stay together. */
static int histogram_fit(struct calibrator *c, const double p[], const bool y[], size_t n)
{
    size_t bins = (size_t)c->value[0].number, from = 0;
    struct calibrator_event *e = calibrator_sorted(p, y, n);
    c->x = mem_alloc(bins, sizeof *c->x);
    c->y = mem_alloc(bins, sizeof *c->y);
    for (size_t b = 0; b < bins && from < n; b++) {
        size_t to = (size_t)((double)(b + 1) * (double)n / (double)bins + 0.5);
        double sum = 0;
        for (to = to > from ? to : from + 1; to < n && e[to].p == e[to - 1].p;)
            to++;
        if (b + 1 == bins || to > n)
            to = n;
        for (size_t i = from; i < to; i++)
            sum += e[i].y;
        c->x[c->n] = to < n ? (e[to - 1].p + e[to].p) / 2 : 1;
        c->y[c->n++] = sum / (double)(to - from);
        from = to;
    }
    free(e);
    return 0;
}

static double histogram_apply(const struct calibrator *c, double p)
{
    size_t i = find(c, p);
    return c->y[i < c->n ? i : c->n - 1];
}

static const struct param histogram_params[] = {
    { .name = "bins", .kind = PARAM_INT, .min = 1, .max = 1000, .value = 15, .meaning = "bins of equal mass" },
};

const struct calibrator_type calibrator_isotonic = {
    .name = "isotonic",
    .meaning = "the nearest curve that never falls",
    .source = "Zadrozny & Elkan 2002",
    .fit = isotonic_fit,
    .apply = isotonic_apply,
};

const struct calibrator_type calibrator_histogram = {
    .name = "histogram",
    .params = histogram_params,
    .n_params = 1,
    .meaning = "the rate of what happened in each bin",
    .source = "Zadrozny & Elkan 2001",
    .fit = histogram_fit,
    .apply = histogram_apply,
};

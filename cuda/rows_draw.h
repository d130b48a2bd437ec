/* Gumbel arg max with top-down noise, as base/row_draw.c says it: the same words for the same symbols, so the same symbol
 * for the same scores. */
#ifndef CUDA_ROWS_DRAW_H
#define CUDA_ROWS_DRAW_H

#include "cuda/rows_cut.h"

#define ROWS_CLOSE  0x1p-15     /* more than a float of a bound errs */
#define ROWS_WITHIN 0x80000000u /* index of what is within blocks */

struct rows_clock { /* of a block: its least time, and whose it is */
    uint32_t block, place;
    double time;
};

ROWS_INLINE void rows_words(const struct device_decision *d, uint32_t index, uint32_t out[4])
{
    uint32_t counter[4] = { index, d->counter[0], d->counter[1], d->counter[2] };
    philox_words(counter, d->key, out);
}

ROWS_CALL struct rows_clock rows_clock_at(const struct device_decision *d, uint32_t block)
{
    struct rows_clock c;
    uint32_t w[4];
    rows_words(d, block, w);
    c.block = block;
    c.place = w[2] >> 26;
    c.time = (0 - math_log64(philox_open53(w[0], w[1]))) * (1. / DEVICE_BLOCK);
    return c;
}

ROWS_CALL double rows_noise_within(const struct device_decision *d, const struct rows_clock *at, uint32_t j)
{
    double time = at->time;
    if (j != at->place) {
        uint32_t w[4];
        rows_words(d, ROWS_WITHIN + at->block * (DEVICE_BLOCK / 2) + j / 2, w);
        time += 0 - math_log64(philox_open53(w[j % 2 * 2], w[j % 2 * 2 + 1]));
    }
    return 0 - math_log64(time);
}

/* No symbol of the block is drawn at more than this; -INFINITY: nothing is left of it. */
ROWS_INLINE double rows_draw_bound(const struct rows_view *w, const struct device_decision *d, uint32_t block)
{
    float most = rows_view_most(w, block);
    if (!(most > -INFINITY))
        return -INFINITY;
    return (double)most + (ROWS_CLOSE - math_log64(rows_clock_at(d, block).time));
}

/* A symbol of a block, if it could still win. */
ROWS_INLINE void rows_draw_one(const struct rows_view *w, const struct device_decision *d, const struct rows_clock *at,
                               uint32_t j, struct rows_best *best)
{
    uint32_t v = at->block * DEVICE_BLOCK + j;
    float x = rows_view_at(w, v);
    if (x > -INFINITY && (double)x + (ROWS_CLOSE - math_log64(at->time)) >= best->value)
        rows_take(best, (double)x + rows_noise_within(d, at, j), v);
}

/* A block, by the threads of one warp. */
ROWS_CALL void rows_draw_block(const struct rows_view *w, const struct device_decision *d, uint32_t block,
                               struct rows_best *best)
{
    struct rows_clock at = rows_clock_at(d, block);
    uint32_t lane = threadIdx.x % CUDA_WARP;
    rows_draw_one(w, d, &at, lane, best);
    rows_draw_one(w, d, &at, lane + CUDA_WARP, best);
}

/* The best block by its bound first, so that few of the others are looked at; w is not dead. */
ROWS_CALL uint32_t rows_draw(struct rows_cut *c, const struct rows_view *w, const struct device_decision *d,
                             struct rows_reduce *r)
{
    struct rows_best lead = { -INFINITY, DEVICE_NONE }, best = { -INFINITY, DEVICE_NONE };
    uint32_t warp = threadIdx.x / CUDA_WARP;
    for (uint32_t b = threadIdx.x; b < w->n_blocks; b += ROWS_THREADS)
        rows_take(&lead, rows_draw_bound(w, d, b), b);
    lead = rows_best(r, lead);
    if (warp == 0)
        rows_draw_block(w, d, lead.v, &best);
    best = rows_best(r, best);
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_LISTED) {
        uint32_t end = w->n_blocks - first < ROWS_LISTED ? w->n_blocks : first + ROWS_LISTED;
        if (threadIdx.x == 0)
            c->n_listed = 0;
        __syncthreads();
        for (uint32_t b = first + threadIdx.x; b < end; b += ROWS_THREADS)
            if (b != lead.v && rows_draw_bound(w, d, b) >= best.value)
                c->id[atomicAdd(&c->n_listed, 1u)] = b;
        __syncthreads();
        for (uint32_t i = warp; i < c->n_listed; i += ROWS_WARPS)
            rows_draw_block(w, d, c->id[i], &best);
        __syncthreads();
    }
    return rows_best(r, best).v;
}

#endif

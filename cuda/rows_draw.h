/* Gumbel arg max with top-down noise, as base/row_draw.c says it: the same words for the same symbols, so the same
 * symbol for the same scores. */
#ifndef CUDA_ROWS_DRAW_H
#define CUDA_ROWS_DRAW_H

#include "cuda/rows_find.h"

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

ROWS_INLINE struct rows_clock rows_clock_at(const struct device_decision *d, uint32_t block)
{
    struct rows_clock c;
    uint32_t w[4];
    rows_words(d, block, w);
    c.block = block;
    c.place = w[2] >> 26;
    c.time = (0 - math_log64(philox_open53(w[0], w[1]))) * (1. / DEVICE_BLOCK);
    return c;
}

ROWS_INLINE double rows_noise_within(const struct device_decision *d, const struct rows_clock *at, uint32_t j)
{
    double time = at->time;
    if (j != at->place) {
        uint32_t w[4];
        rows_words(d, ROWS_WITHIN + at->block * (DEVICE_BLOCK / 2) + j / 2, w);
        time += 0 - math_log64(j % 2 ? philox_open53(w[2], w[3]) : philox_open53(w[0], w[1]));
    }
    return 0 - math_log64(time);
}

/* No noise of the block is more than this. */
ROWS_INLINE double rows_most_noise(const struct rows_clock *at)
{
    return ROWS_CLOSE - (double)math_log((float)at->time);
}

/* No symbol of the block is drawn at more than this; -INFINITY: nothing is left of it. */
ROWS_CALL float rows_draw_bound(const struct rows_view *w, const struct device_decision *d, uint32_t block)
{
    float most = rows_view_most(w, block);
    if (!(most > -INFINITY))
        return -INFINITY;
    struct rows_clock at = rows_clock_at(d, block);
    return (float)((double)most + rows_most_noise(&at));
}

/* A block, by one warp: the symbols that could win against `lead`, a float of a value that one was drawn at. */
ROWS_CALL struct rows_best rows_draw_block(const struct rows_view *w, const struct device_decision *d, uint32_t block,
                                           float lead)
{
    struct rows_best best = { -INFINITY, DEVICE_NONE };
    uint32_t lane = threadIdx.x % CUDA_WARP, v = block * DEVICE_BLOCK + lane;
    float x[2] = { w->score[v], w->score[v + CUDA_WARP] };
    struct rows_clock at = rows_clock_at(d, block);
    double noise = rows_most_noise(&at);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        float y = rows_view_value(w, x[i], v + i * CUDA_WARP);
        if (y > -INFINITY && (float)((double)y + noise) >= lead)
            rows_take(&best, (double)y + rows_noise_within(d, &at, lane + i * CUDA_WARP), v + i * CUDA_WARP);
    }
    return best;
}

#define ROWS_SHARE 4u /* blocks of a thread, of those whose bounds are known together */

/* Bounds of a warp's share of blocks: lane l has those of first + l, first + l + 32, ... */
struct rows_bounds {
    uint32_t first;
    float most[ROWS_SHARE];
};

ROWS_INLINE float rows_bounds_most(const struct rows_bounds *b)
{
    return vf_max(vf_max(b->most[0], b->most[1]), vf_max(b->most[2], b->most[3]));
}

/* One lane's block of that bound, which it then has no longer. */
ROWS_INLINE uint32_t rows_bounds_take(struct rows_bounds *b, float most)
{
    uint32_t block = DEVICE_NONE;
    CUDA_UNROLL
    for (uint32_t i = 0; i < ROWS_SHARE; i++)
        if (block == DEVICE_NONE && b->most[i] == most) {
            block = b->first + i * CUDA_WARP + threadIdx.x % CUDA_WARP;
            b->most[i] = -INFINITY;
        }
    return block;
}

/* A warp's share, the best by its bound first, until none could win against what any warp has drawn. */
ROWS_INLINE void rows_draw_share(struct rows_cut *c, const struct rows_view *w, const struct device_decision *d,
                                 struct rows_bounds *b, struct rows_best *best)
{
    for (;;) {
        uint32_t lane = threadIdx.x % CUDA_WARP, block = DEVICE_NONE;
        float mine = rows_bounds_most(b), most = cuda_warp_max(mine);
        uint32_t lead = lane == 0 ? atomicMax(&c->lead, 0u) : 0;
        lead = __shfl_sync(CUDA_ALL, lead, 0);
        if (!(most > -INFINITY) || rows_ascending(most) < lead)
            return;
        uint32_t who = (uint32_t)__ffs((int)__ballot_sync(CUDA_ALL, mine == most)) - 1;
        if (lane == who)
            block = rows_bounds_take(b, most);
        block = __shfl_sync(CUDA_ALL, block, (int)who);
        struct rows_best drawn = rows_draw_block(w, d, block, lead > 0 ? rows_of_ascending(lead) : -INFINITY);
        rows_take(best, drawn.value, drawn.v);
        float value = cuda_warp_max((float)drawn.value);
        if (lane == 0 && value > -INFINITY)
            atomicMax(&c->lead, rows_ascending(value));
        __syncwarp();
    }
}

/* w is not dead. */
ROWS_CALL uint32_t rows_draw(struct rows_cut *c, const struct rows_view *w, const struct device_decision *d,
                             struct rows_reduce *r)
{
    struct rows_best best = { -INFINITY, DEVICE_NONE };
    uint32_t warp = threadIdx.x / CUDA_WARP, lane = threadIdx.x % CUDA_WARP;
    __syncthreads();
    if (threadIdx.x == 0)
        c->lead = 0;
    __syncthreads();
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_SHARE * ROWS_THREADS) {
        struct rows_bounds b = { first + warp * ROWS_SHARE * CUDA_WARP, { 0, 0, 0, 0 } };
        CUDA_UNROLL
        for (uint32_t i = 0; i < ROWS_SHARE; i++) {
            uint32_t block = b.first + i * CUDA_WARP + lane;
            b.most[i] = block < w->n_blocks ? rows_draw_bound(w, d, block) : -INFINITY;
        }
        rows_draw_share(c, w, d, &b, &best);
    }
    return rows_best(r, best).v;
}

#endif

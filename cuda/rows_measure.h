/* A row measured in one pass: each warp keeps its sums relative to about the largest score that it has seen. */
#ifndef CUDA_ROWS_MEASURE_H
#define CUDA_ROWS_MEASURE_H

#include "cuda/rows_block.h"

#define ROWS_RISE 4.f /* above what sums are relative to, a score makes them relative to itself */

/* What one thread has seen.  Sums are relative to `base`, one of a warp. */
struct rows_seen {
    float base, top; /* top, of block `first`: the largest peak that this thread was told */
    uint32_t first, count, bad;
    double sum, surprise; /* of exp(d) and exp(d) (-d), d = score - base */
};

/* Sums relative to another score: d grows by -by. */
ROWS_INLINE void rows_seen_move(struct rows_seen *s, float base)
{
    double by = (double)base - (double)s->base, factor = math_exp64(0 - by);
    if (s->base > -INFINITY) {
        s->surprise = factor * (s->surprise + by * s->sum);
        s->sum *= factor;
    }
    s->base = base;
}

ROWS_INLINE void rows_see(struct rows_seen *s, const float x[4])
{
    float e[4], d[4];
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float y = x[i] - s->base;
        e[i] = math_exp(y);
        d[i] = rows_surprise(e[i], y);
    }
    s->sum += rows_four(e);
    s->surprise += rows_four(d);
}

/* All threads' sums; the first writes the result. */
ROWS_CALL void rows_seen_end(struct rows_seen *s, struct rows_reduce *r, const float *row, struct device_measured *out)
{
    float top = rows_block_max(r, s->top);
    uint32_t block = (uint32_t)rows_least(r, s->top == top ? s->first : DEVICE_NONE);
    uint32_t bad = (uint32_t)rows_least(r, s->bad), count = (uint32_t)rows_count(r, s->count), first = DEVICE_NONE;
    double x[2] = { 0, 0 };
    if (block != DEVICE_NONE && threadIdx.x < DEVICE_BLOCK && row[block * DEVICE_BLOCK + threadIdx.x] == top)
        first = block * DEVICE_BLOCK + threadIdx.x;
    first = (uint32_t)rows_least(r, first);
    if (s->base > -INFINITY) {
        rows_seen_move(s, top);
        x[0] = s->sum;
        x[1] = s->surprise;
    }
    rows_add(r, x, 2);
    if (threadIdx.x > 0)
        return;
    double log_sum = top > -INFINITY ? math_log64(x[0]) : 0;
    out->log_z = (double)top + log_sum;
    out->entropy = top > -INFINITY ? log_sum + x[1] * math_exp64(0 - log_sum) : 0;
    out->slide = 0;
    out->log_weight = 0;
    out->top = top;
    out->argmax = first;
    out->count = count;
    out->bad = bad;
}

#define ROWS_FOUR 4u /* blocks whose scores are asked for before the first is used */

/* Scores of four blocks as they are; what lies behind the row is masked, and filled up to a whole block. */
ROWS_INLINE void rows_read(float x[ROWS_FOUR][4], float *row, uint32_t n, uint32_t block)
{
    uint32_t most = block + (ROWS_FOUR - 1) * ROWS_GROUPS;
    if ((most + 1) * DEVICE_BLOCK <= n) {
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_FOUR; h++)
            rows_load(x[h], row, block + h * ROWS_GROUPS);
        return;
    }
    CUDA_UNROLL
    for (uint32_t h = 0; h < ROWS_FOUR; h++) {
        CUDA_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t v = rows_symbol(block + h * ROWS_GROUPS, i);
            x[h][i] = v < n ? row[v] : -INFINITY;
            if (v >= n && v < rows_blocks(n) * DEVICE_BLOCK)
                row[v] = -INFINITY;
        }
    }
}

/* Asks the second cache for four blocks that are read next, two lanes for each. */
ROWS_INLINE void rows_prefetch(const float *row, uint32_t n, uint32_t block)
{
    uint32_t lane = rows_lane(), v = (block + lane / 2 * ROWS_GROUPS) * DEVICE_BLOCK + lane % 2 * (DEVICE_BLOCK / 2);
    if (lane < 2 * ROWS_FOUR && v < n)
        cuda_prefetch(row + v);
}

/* Scores that are none count as masked, and are told.  A finite sum says that there are none, nor anything masked. */
ROWS_INLINE void rows_check(float x[4], uint32_t block, struct rows_seen *s)
{
    if (cuda_finite((x[0] + x[1]) + (x[2] + x[3]))) {
        s->count += 4;
        return;
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t v = rows_symbol(block, i);
        if (!(x[i] < INFINITY)) {
            s->bad = v < s->bad ? v : s->bad;
            x[i] = -INFINITY;
        }
        s->count += x[i] > -INFINITY;
    }
}

/* The peaks of four blocks from what each thread has of each: the lanes of a quarter of the group get one. */
ROWS_INLINE float rows_group_four(const float most[ROWS_FOUR])
{
    uint32_t upper = rows_lane() & 8, odd = rows_lane() & 4;
    float first = upper ? most[2] : most[0], second = upper ? most[3] : most[1];
    float other = __shfl_xor_sync(CUDA_ALL, upper ? most[0] : most[2], 8);
    float another = __shfl_xor_sync(CUDA_ALL, upper ? most[1] : most[3], 8);
    first = fmaxf(first, other);
    second = fmaxf(second, another);
    other = __shfl_xor_sync(CUDA_ALL, odd ? first : second, 4);
    first = fmaxf(odd ? second : first, other);
    first = fmaxf(first, __shfl_xor_sync(CUDA_ALL, first, 2));
    return fmaxf(first, __shfl_xor_sync(CUDA_ALL, first, 1));
}

/* Of the row's n scores: peaks and numbers. */
ROWS_CALL void rows_measure_row(float *row, uint32_t n, struct rows_reduce *r)
{
    struct rows_seen s = { -INFINITY, -INFINITY, DEVICE_NONE, 0, DEVICE_NONE, 0, 0 };
    uint32_t n_blocks = rows_blocks(n), quarter = rows_lane() / 4;
    float *peak = rows_peaks(row, n);
    for (uint32_t first = 0; first < n_blocks; first += ROWS_FOUR * ROWS_GROUPS) {
        uint32_t block = first + rows_group(), mine = block + quarter * ROWS_GROUPS;
        float x[ROWS_FOUR][4], most[ROWS_FOUR];
        rows_read(x, row, n, block);
        rows_prefetch(row, n, block + ROWS_FOUR * ROWS_GROUPS);
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_FOUR; h++) {
            rows_check(x[h], block + h * ROWS_GROUPS, &s);
            most[h] = fmaxf(fmaxf(x[h][0], x[h][1]), fmaxf(x[h][2], x[h][3]));
        }
        float all = fmaxf(fmaxf(most[0], most[1]), fmaxf(most[2], most[3]));
        if (__any_sync(CUDA_ALL, all > s.base + ROWS_RISE))
            rows_seen_move(&s, cuda_warp_max(all));
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_FOUR; h++)
            rows_see(&s, x[h]);
        float told = rows_group_four(most);
        if (rows_lane() % 4 == 0 && mine < n_blocks)
            peak[mine] = told;
        s.first = told > s.top ? mine : s.first;
        s.top = fmaxf(told, s.top);
    }
    rows_seen_end(&s, r, row, rows_measured(row, n));
}

#endif

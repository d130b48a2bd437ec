/* A row measured in one pass: each thread keeps its sums relative to the largest score that it has seen. */
#ifndef CUDA_ROWS_MEASURE_H
#define CUDA_ROWS_MEASURE_H

#include "cuda/rows_block.h"

/* What one thread has seen. */
struct rows_seen {
    float top;
    uint32_t argmax, count, bad;
    double sum, surprise; /* of exp(d) and exp(d) (-d), d = score - top */
};

/* Sums relative to a larger score: d grows by -by. */
ROWS_INLINE void rows_seen_move(struct rows_seen *s, float top)
{
    double by = (double)top - (double)s->top, factor = math_exp64(0 - by);
    if (s->top > -INFINITY) {
        s->surprise = factor * (s->surprise + by * s->sum);
        s->sum *= factor;
    }
    s->top = top;
}

ROWS_INLINE void rows_see(struct rows_seen *s, const float x[4], uint32_t block)
{
    float most = rows_most(x), e[4], d[4];
    if (most > s->top) {
        rows_seen_move(s, most);
        for (uint32_t i = 4; i-- > 0;)
            s->argmax = x[i] == most ? rows_symbol(block, i) : s->argmax;
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float y = x[i] - s->top;
        e[i] = math_exp(y);
        d[i] = rows_surprise(e[i], y);
        s->count += x[i] > -INFINITY;
    }
    s->sum += rows_four(e);
    s->surprise += rows_four(d);
}

/* All threads' sums; the first writes the result. */
ROWS_CALL void rows_seen_end(struct rows_seen *s, struct rows_reduce *r, struct device_measured *out)
{
    float top = rows_block_max(r, s->top);
    uint32_t first = (uint32_t)rows_least(r, s->top == top ? s->argmax : DEVICE_NONE);
    uint32_t bad = (uint32_t)rows_least(r, s->bad), count = (uint32_t)rows_count(r, s->count);
    double x[2] = { 0, 0 };
    if (s->top > -INFINITY) {
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

#define ROWS_AHEAD 2u /* blocks whose scores are asked for before the first is used */

/* The scores of a block as they are; what lies behind the row is masked. */
ROWS_INLINE void rows_read(float x[4], const float *row, uint32_t n, uint32_t block)
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t v = rows_symbol(block, i);
        x[i] = v < n ? row[v] : -INFINITY;
    }
}

/* Scores that are none count as masked, and are told; fills up the row's last block. */
ROWS_INLINE void rows_check(float x[4], float *row, uint32_t n, uint32_t block, struct rows_seen *s)
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t v = rows_symbol(block, i);
        if (v >= n && block < rows_blocks(n))
            row[v] = -INFINITY;
        if (!(x[i] < INFINITY)) {
            s->bad = v < s->bad ? v : s->bad;
            x[i] = -INFINITY;
        }
    }
}

/* Of the row's n scores: peaks and numbers. */
ROWS_CALL void rows_measure_row(float *row, uint32_t n, struct rows_reduce *r)
{
    struct rows_seen s = { -INFINITY, DEVICE_NONE, 0, DEVICE_NONE, 0, 0 };
    uint32_t n_blocks = rows_blocks(n);
    float *peak = rows_peaks(row, n);
    for (uint32_t first = 0; first < n_blocks; first += ROWS_AHEAD * ROWS_GROUPS) {
        uint32_t block = first + rows_group();
        float x[ROWS_AHEAD][4];
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_AHEAD; h++)
            rows_read(x[h], row, n, block + h * ROWS_GROUPS);
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_AHEAD; h++, block += ROWS_GROUPS) {
            rows_check(x[h], row, n, block, &s);
            rows_see(&s, x[h], block);
            float most = rows_group_max(rows_most(x[h]));
            if (rows_lane() == 0 && block < n_blocks)
                peak[block] = most;
        }
    }
    rows_seen_end(&s, r, rows_measured(row, n));
}

#endif

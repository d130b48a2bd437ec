/* A view: what a program has made of a row so far, without a write: the row's scores and a list of what is done to each as
 * it is read.  A truncation is where it cuts the rank order; so a program of temperatures and truncations reads memory
 * alone, and of that only the blocks whose peaks say that something is left. */
#ifndef CUDA_ROWS_VIEW_H
#define CUDA_ROWS_VIEW_H

#include "cuda/rows_block.h"

#define ROWS_OPS (2 * DEVICE_MOST_STEPS + 1)

enum rows_op_kind {
    ROWS_SCALED,  /* high, low */
    ROWS_MOVED,   /* center, factor, offset */
    ROWS_SLID,    /* high, low: near and rest */
    ROWS_CUT,     /* masks what stands behind symbol `last` of score `high` in rank order */
    ROWS_CUT_FAR, /* masks what stands behind symbol `last` at distance `high` of center */
    ROWS_ONLY,    /* masks all but `last` */
};

struct rows_op {
    uint32_t kind, last;
    float high, low;
    double center, factor, offset;
};

struct rows_view {
    float *score;      /* (n_blocks * DEVICE_BLOCK,) */
    const float *peak; /* (n_blocks,) of these scores */
    uint32_t n, n_blocks, n_ops;
    uint32_t measured; /* log_z, entropy, count and mass are right */
    uint32_t topped;   /* top is */
    uint32_t
        ranked; /* what is left is the beginning of the rank order: peaks of blocks with something left are there */
    float top;
    uint32_t count;
    double log_z, entropy; /* log_z -INFINITY: dead */
    struct rows_op op[ROWS_OPS];
};

ROWS_INLINE float rows_op_value(const struct rows_op *op, float x, uint32_t v)
{
    switch (op->kind) {
    case ROWS_SCALED: return rows_scaled(x, op->high, op->low);
    case ROWS_MOVED: return rows_affine(x, op->center, op->factor, op->offset);
    case ROWS_SLID: return rows_slide(x, op->high, op->low);
    case ROWS_CUT: return x > op->high || (x == op->high && v <= op->last) ? x : -INFINITY;
    case ROWS_CUT_FAR: {
        float d = rows_distance(x, op->center);
        return d < op->high || (d == op->high && v <= op->last) ? x : -INFINITY;
    }
    default: return v == op->last ? x : -INFINITY;
    }
}

/* Symbol v, whose score is x. */
ROWS_INLINE float rows_view_value(const struct rows_view *w, float x, uint32_t v)
{
    for (uint32_t i = 0; i < w->n_ops; i++)
        x = rows_op_value(&w->op[i], x, v);
    return x;
}

ROWS_INLINE float rows_view_at(const struct rows_view *w, uint32_t v)
{
    return rows_view_value(w, w->score[v], v);
}

/* No symbol of the block is above it.  Ties at a cut go by id: with the block's first symbol this is an upper bound, with
 * its last, of a ranked view, the value of its largest or less. */
ROWS_CALL float rows_view_bound(const struct rows_view *w, uint32_t block, uint32_t v)
{
    float x = w->peak[block];
    for (uint32_t i = 0; i < w->n_ops; i++) {
        const struct rows_op *op = &w->op[i];
        if (op->kind == ROWS_ONLY)
            x = op->last / DEVICE_BLOCK == block ? x : -INFINITY;
        else if (op->kind != ROWS_CUT_FAR)
            x = rows_op_value(op, x, v);
    }
    return x;
}

ROWS_INLINE float rows_view_most(const struct rows_view *w, uint32_t block)
{
    return rows_view_bound(w, block, block * DEVICE_BLOCK);
}

/* The four values of a block that this thread sees. */
ROWS_INLINE void rows_view_load(float x[4], const struct rows_view *w, uint32_t block)
{
    rows_load(x, w->score, block);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        x[i] = rows_view_value(w, x[i], rows_symbol(block, i));
}

/* The row as it was measured. */
ROWS_INLINE void rows_view_begin(struct rows_view *w, const void *row, uint32_t n)
{
    const struct device_measured *m = rows_measured(row, n);
    w->score = (float *)row;
    w->peak = rows_peaks(row, n);
    w->n = n;
    w->n_blocks = rows_blocks(n);
    w->n_ops = 0;
    w->measured = w->topped = w->ranked = 1;
    w->top = m->top;
    w->count = m->count;
    w->log_z = m->log_z;
    w->entropy = m->entropy;
    if (m->slide == 0)
        return;
    struct rows_op *op = &w->op[w->n_ops++];
    op->kind = ROWS_SLID;
    op->high = (float)m->slide;
    op->low = (float)(m->slide - (double)op->high);
    w->top = rows_slide(w->top, op->high, op->low);
}

/* The functions below are for all threads together; they change a view in shared memory. */

/* One thread adds what is done next. */
ROWS_CALL void rows_view_add(struct rows_view *w, const struct rows_op *op)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        w->op[w->n_ops++] = *op;
        w->measured = 0;
        if (op->kind == ROWS_CUT_FAR)
            w->topped = w->ranked = 0;
        else if (op->kind == ROWS_ONLY)
            w->ranked = 0;
        else
            w->top = rows_op_value(op, w->top, 0);
    }
    __syncthreads();
}

ROWS_CALL void rows_view_top(struct rows_view *w, struct rows_reduce *r)
{
    float top = -INFINITY, x[4];
    if (w->topped)
        return;
    for (uint32_t b = rows_group(); b < w->n_blocks; b += ROWS_GROUPS)
        if (rows_view_most(w, b) > top) {
            rows_view_load(x, w, b);
            top = vf_max(rows_most(x), top);
        }
    top = rows_block_max(r, top);
    if (threadIdx.x == 0) {
        w->top = top;
        w->topped = 1;
    }
    __syncthreads();
}

/* Sums over one thread's symbols: of exp(d), exp(d) (-d), d = score - top, and of exp(d) of the same symbols in another
 * view. */
struct rows_left {
    double sum[3];
    uint64_t count;
};

ROWS_INLINE void rows_left_add(struct rows_left *l, const struct rows_view *w, float x[4], uint32_t block)
{
    float e[4], d[4];
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        x[i] = rows_view_value(w, x[i], rows_symbol(block, i));
        float y = x[i] - w->top;
        e[i] = math_exp(y);
        d[i] = rows_surprise(e[i], y);
        l->count += x[i] > -INFINITY;
    }
    l->sum[0] += rows_four(e);
    l->sum[1] += rows_four(d);
}

ROWS_INLINE void rows_left_given(struct rows_left *l, const struct rows_view *given, const float x[4], uint32_t block)
{
    float e[4];
    rows_view_load(e, given, block);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        e[i] = x[i] > -INFINITY ? math_exp(e[i] - given->top) : 0;
    l->sum[2] += rows_four(e);
}

#define ROWS_VIEW_AHEAD 2u /* blocks whose scores are asked for before the first is used */

/* All blocks of which something is left. */
ROWS_INLINE void rows_left_sum(struct rows_left *l, const struct rows_view *w, const struct rows_view *given)
{
    for (uint32_t first = rows_group(); first < w->n_blocks; first += ROWS_VIEW_AHEAD * ROWS_GROUPS) {
        float x[ROWS_VIEW_AHEAD][4];
        int left[ROWS_VIEW_AHEAD];
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_VIEW_AHEAD; h++) {
            uint32_t block = first + h * ROWS_GROUPS;
            left[h] = block < w->n_blocks && rows_view_most(w, block) > -INFINITY;
            if (left[h])
                rows_load(x[h], w->score, block);
        }
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_VIEW_AHEAD; h++)
            if (left[h]) {
                rows_left_add(l, w, x[h], first + h * ROWS_GROUPS);
                if (given)
                    rows_left_given(l, given, x[h], first + h * ROWS_GROUPS);
            }
    }
}

/* log Z, entropy and number of what is left.  Returns the sum of exp(score - top) that the same symbols have in `given`, a
 * view of the same n whose top is known; NULL: 0. */
ROWS_CALL double rows_view_measure(struct rows_view *w, const struct rows_view *given, struct rows_reduce *r)
{
    struct rows_left l = { { 0, 0, 0 }, 0 };
    rows_view_top(w, r);
    rows_left_sum(&l, w, given);
    rows_add(r, l.sum, 3);
    l.count = rows_count(r, l.count);
    if (threadIdx.x == 0) {
        double log_sum = w->top > -INFINITY ? math_log64(l.sum[0]) : 0;
        w->log_z = (double)w->top + log_sum;
        w->entropy = w->top > -INFINITY ? log_sum + l.sum[1] * math_exp64(0 - log_sum) : 0;
        w->count = (uint32_t)l.count;
        w->measured = 1;
    }
    __syncthreads();
    return l.sum[2];
}

/* At least log Z and the entropy. */
ROWS_INLINE void rows_view_know(struct rows_view *w, struct rows_reduce *r)
{
    if (!w->measured)
        (void)rows_view_measure(w, (const struct rows_view *)0, r);
}

#endif

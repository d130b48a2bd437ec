/* A view: what a program has made of a row so far, without a write: the row's scores and a list of what is done to each
 * as it is read.  A truncation is where it cuts the rank order; so a program of temperatures and truncations reads
 * memory alone, and of that only the blocks whose peaks say that something is left. */
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
    double mass;           /* sum of exp(score - top); 0 in a view as it began */
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

ROWS_CALL float rows_view_at(const struct rows_view *w, uint32_t v)
{
    return rows_view_value(w, w->score[v], v);
}

/* No symbol of a block whose largest score is x is above it.  Ties at a cut go by id: with the block's first symbol
 * this is an upper bound, with its last, of a ranked view, the value of its largest or less. */
ROWS_INLINE float rows_bound(const struct rows_view *w, float x, uint32_t block, uint32_t v)
{
    for (uint32_t i = 0; i < w->n_ops; i++) {
        const struct rows_op *op = &w->op[i];
        if (op->kind == ROWS_ONLY)
            x = op->last / DEVICE_BLOCK == block ? x : -INFINITY;
        else if (op->kind != ROWS_CUT_FAR)
            x = rows_op_value(op, x, v);
    }
    return x;
}

ROWS_CALL float rows_view_bound(const struct rows_view *w, uint32_t block, uint32_t v)
{
    return rows_bound(w, w->peak[block], block, v);
}

ROWS_INLINE float rows_view_most(const struct rows_view *w, uint32_t block)
{
    return rows_view_bound(w, block, block * DEVICE_BLOCK);
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
    w->mass = 0;
    if (m->slide == 0)
        return;
    struct rows_op *op = &w->op[w->n_ops++];
    op->kind = ROWS_SLID;
    op->high = (float)m->slide;
    op->low = (float)(m->slide - (double)op->high);
    w->top = rows_slide(w->top, op->high, op->low);
}

/* All threads together, of a view in shared memory: one of them adds what is done next. */
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

#endif

/* A walk over what is left of a view: the blocks that have anything are listed first, in order, so that each thread can
 * ask for the scores of several of them before it uses the first, and so that what is done to a score is looked up once
 * for all. */
#ifndef CUDA_ROWS_WALK_H
#define CUDA_ROWS_WALK_H

#include "cuda/rows_view.h"

#define ROWS_AHEAD 4u /* blocks whose scores a thread asks for at once */
#define ROWS_EACH  4u /* neighbouring blocks that a thread looks at to list them */
#define ROWS_CHUNK (ROWS_EACH * ROWS_THREADS)

/* Blocks from `first` on of which something may be left, less that. */
struct rows_live {
    uint32_t first, n;
    uint32_t part[ROWS_WARPS];
    uint16_t block[ROWS_CHUNK];
};

/* Shared memory of walks. */
struct rows_scratch {
    struct rows_reduce reduce;
    struct rows_live live;
};

/* How many of the threads before this one, and of all, as each has n; part has room for a number of each warp. */
ROWS_INLINE uint32_t rows_before(uint32_t part[ROWS_WARPS], uint32_t n, uint32_t *all)
{
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP, sum = n;
    CUDA_UNROLL
    for (unsigned step = 1; step < CUDA_WARP; step *= 2) {
        uint32_t other = __shfl_up_sync(CUDA_ALL, sum, step);
        sum += lane >= step ? other : 0;
    }
    __syncthreads();
    if (lane == CUDA_WARP - 1)
        part[warp] = sum;
    __syncthreads();
    sum -= n;
    *all = 0;
    CUDA_UNROLL
    for (uint32_t i = 0; i < ROWS_WARPS; i++) {
        sum += i < warp ? part[i] : 0;
        *all += part[i];
    }
    return sum;
}

/* The blocks from `first` on, at most ROWS_CHUNK, that may have a symbol of at least that value. */
ROWS_CALL void rows_live_find(struct rows_live *l, const struct rows_view *w, uint32_t first, float least)
{
    uint32_t at = ROWS_EACH * threadIdx.x, live = 0, n = 0, all;
    float most[ROWS_EACH];
    CUDA_UNROLL
    for (uint32_t i = 0; i < ROWS_EACH; i++)
        most[i] = first + at + i < w->n_blocks ? w->peak[first + at + i] : -INFINITY;
    CUDA_UNROLL
    for (uint32_t i = 0; i < ROWS_EACH; i++) {
        uint32_t block = first + at + i, is = rows_bound(w, most[i], block, block * DEVICE_BLOCK) >= least;
        live |= is << i;
        n += is;
    }
    uint32_t put = rows_before(l->part, n, &all);
    CUDA_UNROLL
    for (uint32_t i = 0; i < ROWS_EACH; i++)
        if (live >> i & 1)
            l->block[put++] = (uint16_t)(at + i);
    if (threadIdx.x == 0) {
        l->first = first;
        l->n = all;
    }
    __syncthreads();
}

/* The values that a thread sees of ROWS_AHEAD blocks; DEVICE_NONE: no block, and masked. */
struct rows_some {
    uint32_t block[ROWS_AHEAD];
    float x[ROWS_AHEAD][4];
};

/* With every value x of symbol v. */
#define ROWS_SOME(s, STEP)                                                                                             \
    CUDA_UNROLL                                                                                                        \
    for (uint32_t some_h = 0; some_h < ROWS_AHEAD; some_h++) {                                                         \
        CUDA_UNROLL                                                                                                    \
        for (uint32_t some_i = 0; some_i < 4; some_i++) {                                                              \
            uint32_t v = rows_symbol((s)->block[some_h], some_i);                                                      \
            float *x = &(s)->x[some_h][some_i];                                                                        \
            (void)v;                                                                                                   \
            STEP;                                                                                                      \
        }                                                                                                              \
    }

struct rows_quad {
    float x[4];
};

/* What is rare is compiled once. */
ROWS_CALL struct rows_quad rows_op_four(const struct rows_op *op, struct rows_quad f, uint32_t block)
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        f.x[i] = rows_op_value(op, f.x[i], rows_symbol(block, i));
    return f;
}

/* What a view makes of them, where that is no walk. */
ROWS_INLINE void rows_view_four(const struct rows_view *w, float x[4], uint32_t block)
{
    struct rows_quad f = { { x[0], x[1], x[2], x[3] } };
    for (uint32_t i = 0; i < w->n_ops; i++)
        f = rows_op_four(&w->op[i], f, block);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        x[i] = f.x[i];
}

ROWS_INLINE void rows_some_rare(struct rows_some *s, const struct rows_op *op)
{
    CUDA_UNROLL
    for (uint32_t h = 0; h < ROWS_AHEAD; h++) {
        struct rows_quad f = { { s->x[h][0], s->x[h][1], s->x[h][2], s->x[h][3] } };
        f = rows_op_four(op, f, s->block[h]);
        CUDA_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            s->x[h][i] = f.x[i];
    }
}

/* What rows_op_value() does, to all of them. */
ROWS_INLINE void rows_some_apply(struct rows_some *s, const struct rows_op *op)
{
    float high = op->high, low = op->low;
    switch (op->kind) {
    case ROWS_SCALED: ROWS_SOME(s, *x = rows_scaled(*x, high, low)) break;
    case ROWS_SLID: ROWS_SOME(s, *x = rows_slide(*x, high, low)) break;
    case ROWS_CUT: {
        uint32_t last = op->last;
        ROWS_SOME(s, *x = (*x > high) | ((*x == high) & (v <= last)) ? *x : -INFINITY)
        break;
    }
    default: rows_some_rare(s, op); break;
    }
}

/* Of the blocks i, i + ROWS_GROUPS, ... of the list. */
ROWS_INLINE void rows_some_load(struct rows_some *s, const struct rows_view *w, const struct rows_live *l, uint32_t i)
{
    CUDA_UNROLL
    for (uint32_t h = 0; h < ROWS_AHEAD; h++) {
        uint32_t at = i + h * ROWS_GROUPS;
        s->block[h] = at < l->n ? l->first + l->block[at] : DEVICE_NONE;
    }
    if (s->block[ROWS_AHEAD - 1] != DEVICE_NONE) {
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_AHEAD; h++)
            rows_load(s->x[h], w->score, s->block[h]);
    } else {
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_AHEAD; h++) {
            CUDA_UNROLL
            for (uint32_t j = 0; j < 4; j++)
                s->x[h][j] = s->block[h] != DEVICE_NONE ? w->score[rows_symbol(s->block[h], j)] : -INFINITY;
        }
    }
    for (uint32_t op = 0; op < w->n_ops; op++)
        rows_some_apply(s, &w->op[op]);
}

#endif

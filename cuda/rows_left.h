/* What is known of a view: its largest score, log Z, entropy, how many symbols are left.  All threads of a block
 * together, of views in shared memory. */
#ifndef CUDA_ROWS_LEFT_H
#define CUDA_ROWS_LEFT_H

#include "cuda/rows_walk.h"

ROWS_CALL void rows_view_top(struct rows_view *w, struct rows_scratch *r)
{
    float top = -INFINITY;
    if (w->topped)
        return;
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_CHUNK) {
        rows_live_find(&r->live, w, first, -FLT_MAX);
        for (uint32_t i = rows_group(); i < r->live.n; i += ROWS_AHEAD * ROWS_GROUPS) {
            struct rows_some s;
            rows_some_load(&s, w, &r->live, i);
            ROWS_SOME(&s, top = vf_max(*x, top))
        }
    }
    top = rows_block_max(&r->reduce, top);
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
    uint32_t count;
};

ROWS_INLINE void rows_left_add(struct rows_left *l, const float x[4], float top)
{
    float e[4], d[4];
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float y = x[i] - top;
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
    if (block == DEVICE_NONE)
        return;
    rows_load(e, given->score, block);
    rows_view_four(given, e, block);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        e[i] = x[i] > -INFINITY ? math_exp(e[i] - given->top) : 0;
    l->sum[2] += rows_four(e);
}

/* All blocks of which something is left; given may be NULL. */
ROWS_INLINE void rows_left_sum(struct rows_left *l, const struct rows_view *w, const struct rows_view *given,
                               struct rows_live *live)
{
    float top = w->top;
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_CHUNK) {
        rows_live_find(live, w, first, -FLT_MAX);
        for (uint32_t i = rows_group(); i < live->n; i += ROWS_AHEAD * ROWS_GROUPS) {
            struct rows_some s;
            rows_some_load(&s, w, live, i);
            CUDA_UNROLL
            for (uint32_t h = 0; h < ROWS_AHEAD; h++) {
                rows_left_add(l, s.x[h], top);
                if (given)
                    rows_left_given(l, given, s.x[h], s.block[h]);
            }
        }
    }
}

/* The sums of all threads. */
ROWS_INLINE double rows_left_end(struct rows_left *l, struct rows_view *w, struct rows_reduce *r)
{
    double sum[3] = { l->sum[0], l->sum[1], l->sum[2] };
    rows_add(r, sum, 3);
    uint32_t count = (uint32_t)rows_count(r, l->count);
    if (threadIdx.x == 0) {
        double log_sum = w->top > -INFINITY ? math_log64(sum[0]) : 0;
        w->log_z = (double)w->top + log_sum;
        w->entropy = w->top > -INFINITY ? log_sum + sum[1] * math_exp64(0 - log_sum) : 0;
        w->count = count;
        w->mass = sum[0];
        w->measured = 1;
    }
    __syncthreads();
    return sum[2];
}

ROWS_CALL void rows_view_measure(struct rows_view *w, struct rows_scratch *r)
{
    struct rows_left l = { { 0, 0, 0 }, 0 };
    rows_view_top(w, r);
    rows_left_sum(&l, w, (const struct rows_view *)0, &r->live);
    (void)rows_left_end(&l, w, &r->reduce);
}

/* log Z, entropy and number of what is left. */
ROWS_INLINE void rows_view_know(struct rows_view *w, struct rows_scratch *r)
{
    if (!w->measured)
        rows_view_measure(w, r);
}

ROWS_CALL double rows_view_measure_in(struct rows_view *w, const struct rows_view *given, struct rows_scratch *r)
{
    struct rows_left l = { { 0, 0, 0 }, 0 };
    rows_view_top(w, r);
    rows_left_sum(&l, w, given, &r->live);
    return rows_left_end(&l, w, &r->reduce);
}

/* Whether the view is `given`, which it began as, with some symbols masked. */
ROWS_INLINE int rows_view_masks(const struct rows_view *w, const struct rows_view *given)
{
    int masks = w->score == given->score && w->topped && w->top == given->top;
    for (uint32_t i = given->n_ops; i < w->n_ops; i++)
        masks = masks && w->op[i].kind >= ROWS_CUT;
    return masks;
}

/* Knows the view, and returns the sum of exp(score - top) that what is left of it has in `given`, which it began as; of
 * a view that nothing has been done to: what the view itself was told. */
ROWS_INLINE double rows_view_mass_in(struct rows_view *w, const struct rows_view *given, struct rows_scratch *r)
{
    if (!rows_view_masks(w, given))
        return rows_view_measure_in(w, given, r);
    rows_view_know(w, r);
    return w->mass;
}

#endif

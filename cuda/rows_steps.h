/* The steps of a program that read a view alone: each does what the transform of its name does (decode/transform_cut.c,
 * _scale.c, _typical.c), all threads of a block together. */
#ifndef CUDA_ROWS_STEPS_H
#define CUDA_ROWS_STEPS_H

#include "cuda/rows_find.h"

#define SCALE_CLOSE 1024 /* as base/row.c */
#define SCALE_MOST  4096
#define JUST_OVER   (1 + 0x1p-21)

/* Shared memory of a decision. */
struct rows_shared {
    struct rows_view given, view;
    struct rows_scratch scratch;
    struct rows_cut cut;
};

ROWS_INLINE void seek(struct rows_shared *s, const struct rows_sought *sought)
{
    __syncthreads();
    if (threadIdx.x == 0)
        s->cut.sought = *sought;
    __syncthreads();
}

ROWS_INLINE void cut_at(struct rows_shared *s, float least, uint32_t last)
{
    struct rows_op op = { ROWS_CUT, last, least, 0, 0, 0, 0 };
    rows_view_add(&s->view, &op);
}

/* A key that at least k symbols reach, of the largest scores of blocks; that of the lowest score: no such luck. */
ROWS_INLINE uint32_t reached_by(struct rows_shared *s, uint32_t k)
{
    const struct rows_view *w = &s->view;
    uint32_t all = rows_descending(-FLT_MAX);
    struct rows_sought peaks = { rows_descending(w->top), all, 0, 0, -INFINITY, 0, 0, k, 0, 0, 0, 0 };
    if (!w->ranked || k > w->n_blocks / 2)
        return all;
    seek(s, &peaks);
    for (int turn = 0; turn < 2 && s->cut.sought.low < s->cut.sought.high; turn++)
        rows_narrow(&s->cut, w, ROWS_OF_PEAKS, &s->scratch.live);
    return s->cut.sought.reached ? s->cut.sought.high : all;
}

/* The edge of the first k of the rank order. */
ROWS_CALL struct rows_edge rank_edge(struct rows_shared *s, uint32_t k)
{
    rows_view_top(&s->view, &s->scratch);
    uint32_t high = reached_by(s, k);
    struct rows_sought sought = {
        rows_descending(s->view.top), high, 0, 0, rows_of_descending(high), 0, 0, k, 0, 0, 0, 0
    };
    seek(s, &sought);
    return rows_find(&s->cut, &s->view, high != rows_descending(-FLT_MAX), &s->scratch);
}

ROWS_CALL void keep_rank(struct rows_shared *s, uint32_t k)
{
    if (k >= s->view.n)
        return;
    struct rows_edge e = rank_edge(s, k > 1 ? k : 1);
    cut_at(s, rows_of_descending(e.key), e.id);
}

/* What base/row.h calls reached, in units of exp(score - shift). */
ROWS_INLINE uint64_t mass_target(const struct rows_view *w, double p, float shift)
{
    double target = p * ROWS_REACHES * math_exp64(w->log_z - (double)shift) * ROWS_UNIT;
    return target > 1 ? (uint64_t)ceil(target) : 1;
}

/* Scores above which a mass is sought: what stands below the first has, of 2^18 symbols, hardly any. */
ROWS_INLINE float mass_least(const struct rows_view *w, double p, int turn)
{
    return turn == 0 ? (float)(w->log_z + math_log64((1 - p) / 2 * 0x1p-18)) : -FLT_MAX;
}

ROWS_CALL struct rows_edge mass_edge(struct rows_shared *s, double p)
{
    struct rows_edge e = { 0, 0, 0, 0 };
    rows_view_know(&s->view, &s->scratch);
    const struct rows_view *w = &s->view;
    float shift = (float)w->log_z;
    uint64_t target = mass_target(w, p, shift);
    uint32_t low = rows_descending(w->top);
    for (int turn = 0; turn < 2 && !e.reached; turn++) {
        float least = mass_least(w, p, turn);
        struct rows_sought sought = { low, rows_descending(least), 0, 1, least, shift, 0, target, 0, 0, 0, 0 };
        if (sought.high < low)
            continue;
        seek(s, &sought);
        e = rows_find(&s->cut, w, 0, &s->scratch);
    }
    return e;
}

/* Returns how many are kept; 0: the row was not cut. */
ROWS_CALL uint32_t keep_mass(struct rows_shared *s, double p, uint32_t min_keep)
{
    if (p >= 1)
        return 0;
    struct rows_edge e = mass_edge(s, p);
    if (e.kept < min_keep)
        e = rank_edge(s, min_keep);
    cut_at(s, rows_of_descending(e.key), e.id);
    return e.kept;
}

/* Equals of the last kept stay too, where anything was cut since there were so many operations. */
ROWS_INLINE void with_ties(struct rows_shared *s, const struct device_step *step, uint32_t n_ops)
{
    struct rows_view *w = &s->view;
    __syncthreads();
    if (threadIdx.x == 0 && (step->rules & DEVICE_TIES_ALL) && w->n_ops > n_ops) {
        w->op[n_ops] = w->op[w->n_ops - 1];
        w->op[n_ops].last = w->n - 1;
        w->n_ops = n_ops + 1;
    }
    __syncthreads();
}

ROWS_INLINE void top_k(struct rows_shared *s, const struct device_step *step)
{
    uint32_t n_ops = s->view.n_ops;
    keep_rank(s, step->k);
    with_ties(s, step, n_ops);
}

ROWS_INLINE void top_p(struct rows_shared *s, const struct device_step *step, double ratio)
{
    uint32_t n_ops = s->view.n_ops, min_keep = step->k;
    double p = step->rules & DEVICE_OF_GIVEN ? step->a * math_exp64(ratio) : step->a;
    if (!(step->rules & (DEVICE_BOUND_OVER | DEVICE_BOUND_BELOW))) {
        (void)keep_mass(s, p, min_keep);
    } else {
        uint32_t kept = keep_mass(s, p > 0 ? p * JUST_OVER : 0x1p-1000, min_keep);
        if ((step->rules & DEVICE_BOUND_BELOW) && p * JUST_OVER < 1 && kept > min_keep)
            keep_rank(s, kept - 1);
    }
    with_ties(s, step, n_ops);
}

ROWS_INLINE void drop_op(struct rows_shared *s)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        s->view.n_ops--;
        s->view.measured = 0;
    }
    __syncthreads();
}

ROWS_INLINE void min_p(struct rows_shared *s, const struct device_step *step)
{
    rows_view_top(&s->view, &s->scratch);
    float least = step->a > 1 ? INFINITY : (float)((double)s->view.top + step->b);
    if (least > s->view.top) {
        keep_rank(s, step->k);
        return;
    }
    cut_at(s, least, s->view.n - 1);
    if (step->k == 1)
        return;
    rows_view_know(&s->view, &s->scratch);
    if (s->view.count < step->k) {
        drop_op(s);
        keep_rank(s, step->k);
    }
}

ROWS_CALL void typical(struct rows_shared *s, const struct device_step *step)
{
    struct rows_edge e = { 0, 0, 0, 0 };
    double mass = step->a;
    if (mass >= 1)
        return;
    rows_view_know(&s->view, &s->scratch);
    const struct rows_view *w = &s->view;
    double center = w->log_z - w->entropy;
    float shift = (float)w->log_z;
    uint64_t target = mass_target(w, mass, shift);
    for (int turn = 0; turn < 2 && !e.reached; turn++) {
        float least = mass_least(w, mass, turn), below = rows_distance(least, center);
        float above = rows_distance(w->top, center), most = below > above ? below : above;
        struct rows_sought sought = {
            rows_ascending(0), rows_ascending(vf_min(most, FLT_MAX)), 1, 1, least, shift, center, target, 0, 0, 0, 0
        };
        if (least > w->top)
            continue;
        seek(s, &sought);
        e = rows_find(&s->cut, w, 0, &s->scratch);
        double far = (double)rows_of_ascending(e.key);
        e.reached = e.reached && (turn == 1 || far < (center - (double)least) * (1 - 0x1p-20));
    }
    struct rows_op op = {
        ROWS_CUT_FAR, step->rules & DEVICE_TIES_ALL ? w->n - 1 : e.id, rows_of_ascending(e.key), 0, center, 0, 0
    };
    rows_view_add(&s->view, &op);
}

ROWS_INLINE void scale(struct rows_shared *s, double factor)
{
    rows_view_top(&s->view, &s->scratch);
    double top = (double)s->view.top, offset = top * factor;
    int usual = factor > 1. / SCALE_CLOSE && factor < SCALE_CLOSE && (top == 0 || fabs(top) > 0x1p-100);
    struct rows_op op = { ROWS_MOVED, 0, 0, 0, top, factor, fabs(offset) <= SCALE_MOST ? offset : 0 };
    if (usual && fabs(offset) <= SCALE_MOST) {
        op.kind = ROWS_SCALED;
        op.high = (float)factor;
        op.low = (float)(factor - (double)op.high);
    }
    rows_view_add(&s->view, &op);
}

ROWS_INLINE void first_alone(struct rows_shared *s)
{
    struct rows_op op = { ROWS_ONLY, 0, 0, 0, 0, 0, 0 };
    op.last = rows_find_first(&s->cut, &s->view, &s->scratch);
    rows_view_add(&s->view, &op);
}

ROWS_INLINE void normalise(struct rows_shared *s)
{
    rows_view_know(&s->view, &s->scratch);
    double log_z = s->view.log_z;
    struct rows_op op = { ROWS_SLID, 0, (float)log_z, 0, 0, 0, 0 };
    op.low = (float)(log_z - (double)op.high);
    rows_view_add(&s->view, &op);
    if (threadIdx.x == 0) {
        s->view.log_z = 0;
        s->view.measured = 1;
    }
    __syncthreads();
}

#endif

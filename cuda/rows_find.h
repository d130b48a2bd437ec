/* Where in an order of symbols a mass, or a rank, is reached: the candidates about the cut are listed in one walk over
 * the view, and counted out in shared memory; where there are more than the list holds, histograms of the whole view
 * find the bin first. */
#ifndef CUDA_ROWS_FIND_H
#define CUDA_ROWS_FIND_H

#include "cuda/rows_guess.h"

/* What a thread has seen: mass and number of what stands before the candidates. */
struct rows_passed {
    uint64_t mass;
    uint32_t n;
};

/* Between what floats the candidates are: scores, or distances below 0. */
struct rows_window {
    float first, last;
};

ROWS_INLINE struct rows_window rows_window(const struct rows_sought *s)
{
    struct rows_window w;
    w.first = s->far ? 0 - rows_of_ascending(s->low) : rows_of_descending(s->low);
    w.last = s->far ? 0 - rows_of_ascending(s->high) : rows_of_descending(s->high);
    return w;
}

ROWS_CALL struct rows_quad rows_closeness(struct rows_quad f, double center)
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        f.x[i] = 0 - rows_distance(f.x[i], center);
    return f;
}

/* Some of four values stand before the candidates. */
ROWS_INLINE void rows_pass(struct rows_passed *p, const struct rows_sought *s, const float x[4],
                           const uint32_t early[4])
{
    uint32_t n = early[0] + early[1] + early[2] + early[3];
    p->n += n;
    if (!s->mass) {
        p->mass += n;
        return;
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float mass = math_exp(x[i] - s->shift);
        p->mass += rows_fixed(early[i] ? mass : 0);
    }
}

ROWS_INLINE float rows_one_of(const float x[4], uint32_t i)
{
    float even = i & 2 ? x[2] : x[0], odd = i & 2 ? x[3] : x[1];
    return i & 1 ? odd : even;
}

/* Four values of one block. */
ROWS_INLINE void rows_list_four(struct rows_cut *c, const struct rows_sought *s, const struct rows_window *w,
                                const float x[4], uint32_t block, struct rows_passed *passed)
{
    struct rows_quad y = { { x[0], x[1], x[2], x[3] } };
    uint32_t listed = 0, early[4];
    if (s->far)
        y = rows_closeness(y, s->center);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t is = (x[i] >= s->least) & (y.x[i] >= w->last);
        early[i] = is & (y.x[i] > w->first);
        listed |= (is ^ early[i]) << i;
    }
    rows_pass(passed, s, x, early);
    if (listed == 0)
        return;
    uint32_t at = atomicAdd(&c->n_listed, (uint32_t)__popc(listed));
    for (; listed > 0; listed &= listed - 1, at++) {
        uint32_t i = (uint32_t)__ffs((int)listed) - 1;
        if (at < ROWS_LISTED) {
            c->key[at] = rows_key(s, rows_one_of(x, i));
            c->id[at] = rows_symbol(block, i);
        }
    }
}

/* Lists what is sought, and says what stands before it. */
ROWS_CALL void rows_list(struct rows_cut *c, const struct rows_view *w, struct rows_scratch *r)
{
    struct rows_sought s = c->sought;
    const struct rows_window window = rows_window(&s);
    struct rows_passed passed = { 0, 0 };
    s.least = vf_max(s.least, -FLT_MAX);
    __syncthreads();
    if (threadIdx.x == 0) {
        c->n_listed = c->n_short = 0;
        c->last = s.high;
    }
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_CHUNK) {
        rows_live_find(&r->live, w, first, rows_sought_least(&s));
        for (uint32_t i = rows_group(); i < r->live.n; i += ROWS_AHEAD * ROWS_GROUPS) {
            struct rows_some some;
            rows_some_load(&some, w, &r->live, i);
            CUDA_UNROLL
            for (uint32_t h = 0; h < ROWS_AHEAD; h++)
                rows_list_four(c, &s, &window, some.x[h], some.block[h], &passed);
        }
    }
    uint64_t before = rows_count(&r->reduce, passed.mass), ahead = rows_count(&r->reduce, passed.n);
    if (threadIdx.x == 0) {
        c->sought.before = before;
        c->sought.ahead = (uint32_t)ahead;
        c->sought.inside = c->n_listed;
    }
    __syncthreads();
}

/* The candidates that are left, at most ROWS_SHORT, counted out: who has how much before it in the order of key, then
 * id. */
ROWS_CALL void rows_count_out(struct rows_cut *c, const struct rows_view *w)
{
    const struct rows_sought *s = &c->sought;
    for (uint32_t i = threadIdx.x; i < c->n_listed; i += ROWS_THREADS)
        if (rows_inside(s, c->key[i])) {
            uint32_t at = atomicAdd(&c->n_short, 1u);
            float x = s->mass ? rows_listed_score(c, w, i) : 0;
            c->short_key[at] = c->key[i];
            c->short_id[at] = c->id[i];
            c->short_mass[at] = rows_weight(s, x);
        }
    __syncthreads();
    if (threadIdx.x < c->n_short) {
        uint32_t i = threadIdx.x, rank = 0;
        uint64_t before = s->before;
        for (uint32_t j = 0; j < c->n_short; j++)
            if (c->short_key[j] < c->short_key[i] ||
                (c->short_key[j] == c->short_key[i] && c->short_id[j] < c->short_id[i])) {
                before += c->short_mass[j];
                rank++;
            }
        int reaches = before < s->target && before + c->short_mass[i] >= s->target;
        if (reaches || (!s->reached && rank + 1 == c->n_short)) {
            c->edge.key = c->short_key[i];
            c->edge.id = c->short_id[i];
            c->edge.kept = s->ahead + rank + 1;
            c->edge.reached = s->reached;
        }
    }
    __syncthreads();
}

ROWS_CALL int rows_equals(const struct rows_cut *c, const struct rows_view *w, uint32_t v)
{
    float x = rows_view_at(w, v);
    return x > -INFINITY && x >= c->sought.least && rows_key(&c->sought, x) == c->sought.low;
}

/* Weights and number of those of the blocks [first, last) that equal the key, by one warp. */
ROWS_INLINE void rows_add_equals(struct rows_cut *c, const struct rows_view *w, uint32_t first, uint32_t last)
{
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP, n = 0;
    uint64_t mass = 0;
    for (uint32_t b = first; b < last; b++) {
        if (rows_view_most(w, b) < rows_sought_least(&c->sought))
            continue;
        for (uint32_t v = b * DEVICE_BLOCK + lane; v < (b + 1) * DEVICE_BLOCK; v += CUDA_WARP)
            if (rows_equals(c, w, v)) {
                mass += rows_weight(&c->sought, rows_view_at(w, v));
                n++;
            }
    }
    CUDA_UNROLL
    for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2) {
        n += __shfl_xor_sync(CUDA_ALL, n, (int)step);
        mass += rows_xor64(mass, step);
    }
    if (lane == 0) {
        c->equal[warp] = n;
        c->equal_mass[warp] = mass;
    }
}

/* One thread: the symbol of a block of equals at which their weights reach `want`. */
ROWS_INLINE void rows_equal_of(struct rows_cut *c, const struct rows_view *w, uint32_t block, uint64_t want)
{
    for (uint32_t v = block * DEVICE_BLOCK; v < (block + 1) * DEVICE_BLOCK; v++) {
        if (!rows_equals(c, w, v))
            continue;
        uint64_t mass = rows_weight(&c->sought, rows_view_at(w, v));
        c->edge.id = v;
        c->edge.kept++;
        if (mass >= want)
            break;
        want -= mass;
    }
}

/* The symbols of the one key left, in the order of ids, up to where their weights reach `want` >= 1, which they do:
 * each warp adds up a part of the row, and the part where it is reached is divided again. */
ROWS_CALL void rows_first_equals(struct rows_cut *c, const struct rows_view *w, uint64_t want)
{
    uint32_t first = 0, last = w->n_blocks, warp = threadIdx.x / CUDA_WARP, kept = c->sought.ahead, i;
    while (last - first > 1) {
        uint32_t step = (last - first + ROWS_WARPS - 1) / ROWS_WARPS, from = first + warp * step;
        rows_add_equals(c, w, from, from + step < last ? from + step : last);
        __syncthreads();
        for (i = 0; i + 1 < ROWS_WARPS && want > c->equal_mass[i]; i++) {
            want -= c->equal_mass[i];
            kept += c->equal[i];
        }
        __syncthreads();
        first += i * step;
        last = first + step < last ? first + step : last;
    }
    if (threadIdx.x == 0) {
        c->edge.key = c->sought.low;
        c->edge.kept = kept;
        c->edge.reached = c->sought.reached;
        rows_equal_of(c, w, first, want);
    }
    __syncthreads();
}

/* More equals than a list holds. */
ROWS_INLINE void rows_cut_equals(struct rows_cut *c, const struct rows_view *w)
{
    uint64_t want = c->sought.target - c->sought.before;
    if (!c->sought.reached) { /* all of them */
        want = c->sought.inside;
        __syncthreads();
        if (threadIdx.x == 0)
            c->sought.mass = 0;
        __syncthreads();
    }
    rows_first_equals(c, w, want);
}

/* The edge, of candidates that are all in the list. */
ROWS_INLINE void rows_settle(struct rows_cut *c, const struct rows_view *w, struct rows_live *l)
{
    const struct rows_sought *s = &c->sought;
    while (s->inside > ROWS_SHORT && s->low < s->high)
        rows_narrow(c, w, ROWS_OF_LIST, l);
    if (s->inside > ROWS_SHORT)
        rows_cut_equals(c, w);
    else if (s->inside > 0)
        rows_count_out(c, w);
}

/* Whether a list of all that is sought may do: where it is said so, or the view has no more; or what is left by a
 * guess. */
ROWS_INLINE int rows_may_list(struct rows_cut *c, const struct rows_view *w, uint32_t few, struct rows_live *l)
{
    __syncthreads();
    if (threadIdx.x == 0)
        c->asked = c->sought;
    __syncthreads();
    if (few || (w->measured && w->count <= ROWS_LISTED))
        return 1;
    if (!c->sought.mass)
        return 0;
    rows_guess(c, w, l);
    return 1;
}

/* In one walk, where the list holds what is sought, or guessed; 0: it is not there. */
ROWS_INLINE int rows_find_listed(struct rows_cut *c, const struct rows_view *w, struct rows_scratch *r)
{
    const struct rows_sought *s = &c->sought;
    rows_list(c, w, r);
    if (c->n_listed > ROWS_LISTED || s->before >= s->target)
        return 0;
    rows_narrow(c, w, ROWS_OF_LIST, &r->live);
    if (!s->reached && (c->last < c->asked.high || (s->inside == 0 && s->ahead > 0)))
        return 0;
    rows_settle(c, w, &r->live);
    return 1;
}

/* Finds the edge of what c->sought says, which all threads have set (before, ahead: 0); few: hardly more than fits into
 * a list. */
ROWS_CALL struct rows_edge rows_find(struct rows_cut *c, const struct rows_view *w, uint32_t few,
                                     struct rows_scratch *r)
{
    struct rows_edge none = { 0, 0, 0, 0 };
    const struct rows_sought *s = &c->sought;
    if (rows_may_list(c, w, few, &r->live) && rows_find_listed(c, w, r))
        return s->inside > 0 ? c->edge : none;
    __syncthreads();
    if (threadIdx.x == 0)
        c->sought = c->asked;
    __syncthreads();
    rows_narrow(c, w, ROWS_OF_VIEW, &r->live);
    while (s->inside > ROWS_LISTED && s->low < s->high)
        rows_narrow(c, w, ROWS_OF_VIEW, &r->live);
    if (s->inside == 0)
        return none;
    if (s->inside > ROWS_LISTED) {
        rows_cut_equals(c, w);
        return c->edge;
    }
    rows_list(c, w, r);
    rows_settle(c, w, &r->live);
    return c->edge;
}

/* The first symbol of the largest score. */
ROWS_INLINE uint32_t rows_find_first(struct rows_cut *c, struct rows_view *w, struct rows_scratch *r)
{
    rows_view_top(w, r);
    __syncthreads();
    if (threadIdx.x == 0) {
        struct rows_sought s = { rows_descending(w->top), rows_descending(w->top), 0, 0, w->top, 0, 0, 1, 0, 0, 1, 1 };
        c->sought = s;
    }
    __syncthreads();
    rows_first_equals(c, w, 1);
    return c->edge.id;
}

#endif

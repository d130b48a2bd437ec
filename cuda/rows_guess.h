/* Where in a row a cut by mass falls, guessed from an eighth of its symbols: so close that what stands there fits into a list,
 * and so far to both sides that the cut is hardly ever elsewhere.  What is found does not depend on it: who lists the
 * candidates (cuda/rows_find.h) adds up what stands before them, and sees whether the cut is there. */
#ifndef CUDA_ROWS_GUESS_H
#define CUDA_ROWS_GUESS_H

#include "cuda/rows_cut.h"

#define ROWS_GUESS_BINS  4096u     /* of equal widths, in place of the list's keys */
#define ROWS_GUESS_UNIT  0x1p31f   /* of masses there */
#define ROWS_GUESS_SHARE 8u        /* one symbol of so many is looked at */
#define ROWS_GUESS_SIGMA 5.        /* standard deviations to either side */
#define ROWS_GUESS_EACH  (ROWS_GUESS_BINS / ROWS_THREADS)
#define ROWS_GUESS_AHEAD 8u

/* How far a score stands behind the first of what is sought. */
ROWS_INLINE float rows_guess_behind(const struct rows_sought *s, float x, float top)
{
    return s->far ? rows_distance(x, s->center) : top - x;
}

ROWS_INLINE void rows_guess_take(struct rows_cut *c, const struct rows_sought *s, float x, float top, float scale)
{
    if (!(x > -INFINITY && x >= s->least))
        return;
    float at = vf_min(rows_guess_behind(s, x, top) * scale, (float)(ROWS_GUESS_BINS - 1));
    atomicAdd(&c->key[(uint32_t)at], (uint32_t)(math_exp(x - s->shift) * ROWS_GUESS_UNIT));
}

/* Every other block's first, second, third or fourth sixteen symbols in turn. */
ROWS_INLINE void rows_guess_tally(struct rows_cut *c, const struct rows_view *w, float top, float scale)
{
    const struct rows_sought s = c->sought;
    for (uint32_t first = rows_group(); first < w->n_blocks / 2; first += ROWS_GUESS_AHEAD * ROWS_GROUPS) {
        float x[ROWS_GUESS_AHEAD];
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_GUESS_AHEAD; h++) {
            uint32_t at = first + h * ROWS_GROUPS;
            x[h] = at < w->n_blocks / 2 ? w->score[rows_symbol(2 * at, at % 4)] : -INFINITY;
        }
        CUDA_UNROLL
        for (uint32_t h = 0; h < ROWS_GUESS_AHEAD; h++) {
            uint32_t at = first + h * ROWS_GROUPS;
            rows_guess_take(c, &s, rows_view_value(w, x[h], rows_symbol(2 * at, at % 4)), top, scale);
        }
    }
}

/* The bin in which the mass that was seen passes `level`, if it does; `before`: of the bins before this thread's. */
ROWS_INLINE void rows_guess_bin(const struct rows_cut *c, uint32_t before, double level, uint32_t *out)
{
    uint32_t at = threadIdx.x * ROWS_GUESS_EACH;
    for (uint32_t i = 0; i < ROWS_GUESS_EACH; i++) {
        uint32_t up = before + c->key[at + i];
        if ((double)before <= level && (double)up > level)
            *out = at + i;
        before = up;
    }
}

/* What is sought becomes what stands about the cut; keys of no more than that. */
ROWS_INLINE void rows_guess_keys(struct rows_cut *c, float top, float scale)
{
    struct rows_sought *s = &c->sought;
    float first = (float)c->first_bin / scale, last = (float)(c->last_bin + 1) / scale;
    uint32_t low = s->far ? rows_ascending(first) : rows_descending(top - first);
    uint32_t high = s->far ? rows_ascending(last) : rows_descending(top - last);
    s->low = c->first_bin > 0 && low > s->low ? low : s->low;
    s->high = c->last_bin < ROWS_GUESS_BINS - 1 && high < s->high ? high : s->high;
    s->high = s->high < s->low ? s->low : s->high;
}

/* The mass of a symbol at the cut, in ROWS_GUESS_UNITs; of distances, of one at its upper side. */
ROWS_INLINE double rows_guess_edge(const struct rows_cut *c, float top, float scale)
{
    const struct rows_sought *s = &c->sought;
    float behind = (float)c->first_bin / scale, x = s->far ? (float)s->center + behind : top - behind;
    return (double)(math_exp(vf_min(x, top) - s->shift) * ROWS_GUESS_UNIT);
}

/* c->sought, with a mass, of a view whose log Z is known; becomes narrower. */
ROWS_CALL void rows_guess(struct rows_cut *c, const struct rows_view *w)
{
    float top = w->top;
    float range = c->sought.far ? rows_of_ascending(c->sought.high) : top - rows_of_descending(c->sought.high);
    float scale = (float)ROWS_GUESS_BINS / vf_max(range, 0x1p-60f);
    for (uint32_t i = threadIdx.x; i < ROWS_GUESS_BINS; i += ROWS_THREADS)
        c->key[i] = 0;
    if (threadIdx.x == 0) {
        c->first_bin = c->last_bin = ROWS_GUESS_BINS - 1;
    }
    __syncthreads();
    rows_guess_tally(c, w, top, scale);
    __syncthreads();
    uint32_t seen = 0, all;
    for (uint32_t i = 0; i < ROWS_GUESS_EACH; i++)
        seen += c->key[threadIdx.x * ROWS_GUESS_EACH + i];
    uint32_t before = rows_before(c->equal, seen, &all);
    double unit = (double)ROWS_GUESS_UNIT, share = 1. / ROWS_GUESS_SHARE;
    double beyond = math_exp64(w->log_z - (double)c->sought.shift) * unit - (double)c->sought.target / ROWS_UNIT * unit;
    rows_guess_bin(c, before, (double)all - beyond * share, &c->first_bin);
    __syncthreads();
    double edge = rows_guess_edge(c, top, scale);
    double wide = ROWS_GUESS_SIGMA * sqrt((ROWS_GUESS_SHARE - 1) * edge * vd_max(beyond, edge)) + 8 * edge;
    double low = (double)all - (beyond + wide) * share;
    __syncthreads();
    if (threadIdx.x == 0 && low < 0)
        c->first_bin = 0;
    rows_guess_bin(c, before, low, &c->first_bin);
    rows_guess_bin(c, before, (double)all - (beyond - wide) * share, &c->last_bin);
    __syncthreads();
    if (threadIdx.x == 0)
        rows_guess_keys(c, top, scale);
    __syncthreads();
}

#endif

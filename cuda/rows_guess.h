/* Where in a row a cut by mass falls, guessed from an eighth of its symbols: so close that what stands there fits into
 * a list, and so far to both sides that the cut is hardly ever elsewhere.  What is found does not depend on it: who
 * lists the candidates (cuda/rows_find.h) adds up what stands before them, and sees whether the cut is there. */
#ifndef CUDA_ROWS_GUESS_H
#define CUDA_ROWS_GUESS_H

#include "cuda/rows_cut.h"

#define ROWS_GUESS_BINS  8192u   /* of equal widths, in place of the list's keys */
#define ROWS_GUESS_UNIT  0x1p28f /* eight times all mass is no more than 32 bits hold */
#define ROWS_GUESS_SHARE 8u      /* one symbol of so many is looked at */
#define ROWS_GUESS_HEAVY 8.f     /* nats below log Z: symbols of more are all looked at, where they may be cut */
#define ROWS_GUESS_SIGMA 4.5     /* standard deviations to either side */
#define ROWS_GUESS_EACH  (ROWS_GUESS_BINS / ROWS_THREADS)
#define ROWS_GUESS_AHEAD 8u

/* How far a score stands behind the first of what is sought. */
ROWS_INLINE float rows_guess_behind(const struct rows_sought *s, float x, float top)
{
    return s->far ? rows_distance(x, s->center) : top - x;
}

/* What the bins are made of. */
struct rows_guessed {
    float top, scale, heavy; /* heavy: the least score that is looked at apart; INFINITY: none is */
};

ROWS_INLINE void rows_guess_take(struct rows_cut *c, const struct rows_sought *s, const struct rows_guessed *g, float x,
                                 uint32_t weight)
{
    if (!(x > -INFINITY && x >= s->least))
        return;
    float at = vf_min(rows_guess_behind(s, x, g->top) * g->scale, (float)(ROWS_GUESS_BINS - 1));
    atomicAdd(&c->key[(uint32_t)at], weight * (uint32_t)(math_exp(x - s->shift) * ROWS_GUESS_UNIT));
}

/* Of every other block the first, second, third or fourth sixteen symbols in turn, each for all that are not seen. */
ROWS_INLINE void rows_guess_light(struct rows_cut *c, const struct rows_view *w, const struct rows_guessed *g)
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
            float y = rows_view_value(w, x[h], rows_symbol(2 * at, at % 4));
            rows_guess_take(c, &s, g, y < g->heavy ? y : -INFINITY, ROWS_GUESS_SHARE);
        }
    }
}

ROWS_CALL void rows_guess_one(struct rows_cut *c, const struct rows_guessed *g, float x)
{
    if (x >= g->heavy)
        rows_guess_take(c, &c->sought, g, x, 1);
}

/* All of those that are heavy. */
ROWS_INLINE void rows_guess_heavy(struct rows_cut *c, const struct rows_view *w, const struct rows_guessed *g,
                                  struct rows_live *l)
{
    for (uint32_t first = 0; first < w->n_blocks && g->heavy <= g->top; first += ROWS_CHUNK) {
        rows_live_find(l, w, first, g->heavy);
        for (uint32_t i = rows_group(); i < l->n; i += ROWS_AHEAD * ROWS_GROUPS) {
            struct rows_some some;
            rows_some_load(&some, w, l, i);
            ROWS_SOME(&some, rows_guess_one(c, g, *x))
        }
    }
}

/* The bin in which the mass that was seen passes `level`, if it does, by the thread that has it; `before`: of the bins
 * before this thread's, which have `seen`. */
ROWS_INLINE void rows_guess_bin(const struct rows_cut *c, uint32_t before, uint32_t seen, double level, uint32_t *out)
{
    if (!((double)before <= level && (double)before + (double)seen > level))
        return;
    uint32_t at = threadIdx.x * ROWS_GUESS_EACH;
    while ((double)before + (double)c->key[at] <= level)
        before += c->key[at++];
    *out = at;
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

/* The mass of a symbol at the cut, in ROWS_GUESS_UNITs; of distances, of one at the upper side that was not seen for
 * sure. */
ROWS_INLINE double rows_guess_edge(const struct rows_cut *c, const struct rows_guessed *g)
{
    const struct rows_sought *s = &c->sought;
    float behind = (float)c->first_bin / g->scale, x = g->top - behind;
    if (s->far)
        x = (float)s->center + behind < g->heavy ? (float)s->center + behind : (float)s->center - behind;
    return (double)(math_exp(vf_min(x, g->top) - s->shift) * ROWS_GUESS_UNIT);
}

/* The bins, empty, and what they are made of. */
ROWS_INLINE struct rows_guessed rows_guess_begin(struct rows_cut *c, const struct rows_view *w)
{
    const struct rows_sought *s = &c->sought;
    float range = s->far ? rows_of_ascending(s->high) : w->top - rows_of_descending(s->high);
    struct rows_guessed g = { w->top, (float)ROWS_GUESS_BINS / vf_max(range, 0x1p-60f), INFINITY };
    g.heavy = s->far ? (float)w->log_z - ROWS_GUESS_HEAVY : INFINITY;
    for (uint32_t i = threadIdx.x; i < ROWS_GUESS_BINS; i += ROWS_THREADS)
        c->key[i] = 0;
    if (threadIdx.x == 0)
        c->first_bin = c->last_bin = ROWS_GUESS_BINS - 1;
    __syncthreads();
    return g;
}

/* c->sought, with a mass, of a view whose log Z is known; becomes narrower. */
ROWS_CALL void rows_guess(struct rows_cut *c, const struct rows_view *w, struct rows_live *l)
{
    const struct rows_guessed g = rows_guess_begin(c, w);
    uint32_t seen = 0, all;
    rows_guess_light(c, w, &g);
    rows_guess_heavy(c, w, &g, l);
    __syncthreads();
    for (uint32_t i = 0; i < ROWS_GUESS_EACH; i++)
        seen += c->key[threadIdx.x * ROWS_GUESS_EACH + i];
    uint32_t before = rows_before(c->equal, seen, &all);
    double unit = (double)ROWS_GUESS_UNIT, mass = math_exp64(w->log_z - (double)c->sought.shift);
    double beyond = (mass - (double)c->sought.target / ROWS_UNIT) * unit;
    rows_guess_bin(c, before, seen, (double)all - beyond, &c->first_bin);
    __syncthreads();
    double edge = rows_guess_edge(c, &g);
    double wide = ROWS_GUESS_SIGMA * sqrt((ROWS_GUESS_SHARE - 1) * edge * vd_max(beyond, edge)) + 8 * edge;
    double low = (double)all - (beyond + wide);
    __syncthreads();
    if (threadIdx.x == 0 && low < 0)
        c->first_bin = 0;
    rows_guess_bin(c, before, seen, low, &c->first_bin);
    rows_guess_bin(c, before, seen, (double)all - (beyond - wide), &c->last_bin);
    __syncthreads();
    if (threadIdx.x == 0)
        rows_guess_keys(c, g.top, g.scale);
    __syncthreads();
}

#endif

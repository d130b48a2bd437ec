/* Exact cuts without sorting: where in an order of symbols a mass, or a rank, is reached.
 *
 * As base/row_cut.c: a histogram of the symbols' keys finds the bin where the cut falls, and that bin alone is divided
 * again; a bin of few symbols is looked at symbol by symbol in shared memory.  Masses are integers (rows_fixed), so that
 * no order of adding shows; a rank is a mass of 1. */
#ifndef CUDA_ROWS_CUT_H
#define CUDA_ROWS_CUT_H

#include "cuda/rows_view.h"

#define ROWS_BINS   1024u
#define ROWS_LISTED 2048u /* of a bin that is looked at in shared memory */
#define ROWS_SHORT  128u  /* whose order is counted out */
#define ROWS_PARTS  32u   /* of the bins, each summed by one thread */

enum rows_source { ROWS_OF_VIEW, ROWS_OF_PEAKS, ROWS_OF_LIST };

/* Where a cut is sought: keys from low to high of what has at least that score, where the mass reaches the target. */
struct rows_sought {
    uint32_t low, high;
    uint32_t far;  /* keys are distances from center, else scores from the top */
    uint32_t mass; /* weights are exp(score - shift), else 1 */
    float least, shift;
    double center;
    uint64_t target; /* >= 1 */
    /* Found so far. */
    uint64_t before;  /* mass in front of low */
    uint32_t ahead;   /* symbols in front of low */
    uint32_t inside;  /* symbols from low to high */
    uint32_t reached; /* the mass up to high reaches the target */
};

/* The last symbol kept. */
struct rows_edge {
    uint32_t key, id, kept, reached; /* kept: symbols up to it; 0: there are none at all */
};

struct rows_cut {
    struct rows_sought sought;
    struct rows_edge edge;
    uint32_t mass_low[ROWS_BINS], mass_high[ROWS_BINS], count[ROWS_BINS];
    uint64_t part_mass[ROWS_PARTS];
    uint32_t part_count[ROWS_PARTS], part_last[ROWS_PARTS];
    uint32_t key[ROWS_LISTED], id[ROWS_LISTED], n_listed;
    uint32_t short_key[ROWS_SHORT], short_id[ROWS_SHORT], n_short;
    uint64_t short_mass[ROWS_SHORT];
    uint32_t shift, equal[ROWS_WARPS];
    uint64_t equal_mass[ROWS_WARPS];
};

ROWS_INLINE int rows_inside(const struct rows_sought *s, uint32_t key)
{
    return key >= s->low && key <= s->high;
}

ROWS_INLINE uint32_t rows_key(const struct rows_sought *s, float x)
{
    return s->far ? rows_ascending(rows_distance(x, s->center)) : rows_descending(x);
}

ROWS_INLINE uint64_t rows_weight(const struct rows_sought *s, float x)
{
    return s->mass ? rows_fixed(math_exp(x - s->shift)) : 1;
}

/* Of one candidate.  A 64-bit sum in two halves: who makes the low one pass its end carries. */
ROWS_INLINE void rows_tally(struct rows_cut *c, uint32_t key, float x)
{
    const struct rows_sought *s = &c->sought;
    uint64_t mass = rows_weight(s, x);
    uint32_t bin = (key - s->low) >> c->shift, low = (uint32_t)mass;
    uint32_t before = atomicAdd(&c->mass_low[bin], low);
    uint32_t high = (uint32_t)(mass >> 32) + (before + low < before);
    if (high > 0)
        atomicAdd(&c->mass_high[bin], high);
    atomicAdd(&c->count[bin], 1u);
}

/* Whether a block whose largest score is `most` has nothing of what is sought. */
ROWS_CALL int rows_passes_over(const struct rows_sought *s, float most)
{
    return !(most > -INFINITY) || most < s->least || (!s->far && rows_descending(most) > s->high);
}

ROWS_CALL void rows_tally_view(struct rows_cut *c, const struct rows_view *w)
{
    const struct rows_sought *s = &c->sought;
    for (uint32_t b = rows_group(); b < w->n_blocks; b += ROWS_GROUPS) {
        float x[4], most = rows_view_most(w, b);
        if (rows_passes_over(s, most))
            continue;
        rows_view_load(x, w, b);
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t key = rows_key(s, x[i]);
            if (x[i] > -INFINITY && x[i] >= s->least && rows_inside(s, key))
                rows_tally(c, key, x[i]);
        }
    }
}

ROWS_CALL void rows_tally_peaks(struct rows_cut *c, const struct rows_view *w)
{
    for (uint32_t b = threadIdx.x; b < w->n_blocks; b += ROWS_THREADS) {
        float x = rows_view_bound(w, b, b * DEVICE_BLOCK + DEVICE_BLOCK - 1);
        uint32_t key = rows_descending(x);
        if (x > -INFINITY && rows_inside(&c->sought, key))
            rows_tally(c, key, x);
    }
}

/* The score of a candidate whose key is a distance is read again. */
ROWS_INLINE float rows_listed_score(const struct rows_cut *c, const struct rows_view *w, uint32_t i)
{
    return c->sought.far ? rows_view_at(w, c->id[i]) : rows_of_descending(c->key[i]);
}

ROWS_CALL void rows_tally_list(struct rows_cut *c, const struct rows_view *w)
{
    for (uint32_t i = threadIdx.x; i < c->n_listed; i += ROWS_THREADS)
        if (rows_inside(&c->sought, c->key[i]))
            rows_tally(c, c->key[i], rows_listed_score(c, w, i));
}

ROWS_INLINE uint64_t rows_bin_mass(const struct rows_cut *c, uint32_t bin)
{
    return ((uint64_t)c->mass_high[bin] << 32) + c->mass_low[bin];
}

/* One of ROWS_PARTS threads: the sums of its bins, and the last one with anything in it. */
ROWS_INLINE void rows_add_bins(struct rows_cut *c, uint32_t part)
{
    uint64_t mass = 0;
    uint32_t count = 0, last = ROWS_BINS;
    for (uint32_t i = part * (ROWS_BINS / ROWS_PARTS); i < (part + 1) * (ROWS_BINS / ROWS_PARTS); i++) {
        mass += rows_bin_mass(c, i);
        count += c->count[i];
        last = c->count[i] > 0 ? i : last;
    }
    c->part_mass[part] = mass;
    c->part_count[part] = count;
    c->part_last[part] = last;
}

/* One thread: the bin in which the mass reaches the target, or the last one where it never does; of the sought keys that
 * bin's are left. */
ROWS_CALL void rows_find_bin(struct rows_cut *c)
{
    struct rows_sought *s = &c->sought;
    uint32_t part = 0, last = 0, bin;
    for (uint32_t i = 0; i < ROWS_PARTS; i++)
        last = c->part_count[i] > 0 ? i : last;
    for (; part < last && s->before + c->part_mass[part] < s->target; part++) {
        s->before += c->part_mass[part];
        s->ahead += c->part_count[part];
    }
    for (bin = part * (ROWS_BINS / ROWS_PARTS); bin < c->part_last[part]; bin++) {
        uint64_t mass = rows_bin_mass(c, bin);
        if (s->before + mass >= s->target)
            break;
        s->before += mass;
        s->ahead += c->count[bin];
    }
    s->inside = c->part_last[part] < ROWS_BINS ? c->count[bin] : 0;
    s->reached = s->inside > 0 && s->before + rows_bin_mass(c, bin) >= s->target;
    s->low += bin << c->shift;
    uint32_t span = (1u << c->shift) - 1;
    s->high = s->high - s->low < span ? s->high : s->low + span;
}

/* Leaves the bin of keys in which the cut falls. */
ROWS_CALL void rows_narrow(struct rows_cut *c, const struct rows_view *w, enum rows_source source)
{
    for (uint32_t i = threadIdx.x; i < ROWS_BINS; i += ROWS_THREADS)
        c->mass_low[i] = c->mass_high[i] = c->count[i] = 0;
    if (threadIdx.x == 0)
        for (c->shift = 0; (c->sought.high - c->sought.low) >> c->shift >= ROWS_BINS;)
            c->shift++;
    __syncthreads();
    if (source == ROWS_OF_VIEW)
        rows_tally_view(c, w);
    else if (source == ROWS_OF_PEAKS)
        rows_tally_peaks(c, w);
    else
        rows_tally_list(c, w);
    __syncthreads();
    if (threadIdx.x < ROWS_PARTS)
        rows_add_bins(c, threadIdx.x);
    __syncthreads();
    if (threadIdx.x == 0)
        rows_find_bin(c);
    __syncthreads();
}

ROWS_CALL void rows_list(struct rows_cut *c, const struct rows_view *w)
{
    const struct rows_sought *s = &c->sought;
    for (uint32_t b = rows_group(); b < w->n_blocks; b += ROWS_GROUPS) {
        float x[4], most = rows_view_most(w, b);
        if (rows_passes_over(s, most))
            continue;
        rows_view_load(x, w, b);
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t key = rows_key(s, x[i]);
            if (!(x[i] > -INFINITY) || x[i] < s->least || !rows_inside(s, key))
                continue;
            uint32_t at = atomicAdd(&c->n_listed, 1u);
            c->key[at] = key;
            c->id[at] = rows_symbol(b, i);
        }
    }
}

/* The candidates that are left, at most ROWS_SHORT, counted out: who has how much before it in the order of key, then id. */
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
        float most = rows_view_most(w, b);
        if (!(most > -INFINITY) || most < c->sought.least || (!c->sought.far && rows_descending(most) > c->sought.high))
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

/* The symbols of the one key left, in the order of ids, up to where their weights reach `want` >= 1, which they do: each
 * warp adds up a part of the row, and the part where it is reached is divided again. */
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

/* Finds the edge of what c->sought says, which all threads have set (before, ahead: 0). */
ROWS_CALL struct rows_edge rows_find(struct rows_cut *c, const struct rows_view *w)
{
    struct rows_edge none = { 0, 0, 0, 0 };
    const struct rows_sought *s = &c->sought;
    rows_narrow(c, w, ROWS_OF_VIEW);
    while (s->inside > ROWS_LISTED && s->low < s->high)
        rows_narrow(c, w, ROWS_OF_VIEW);
    if (s->inside == 0)
        return none;
    if (s->inside > ROWS_LISTED) {
        rows_cut_equals(c, w);
        return c->edge;
    }
    if (threadIdx.x == 0)
        c->n_listed = c->n_short = 0;
    __syncthreads();
    rows_list(c, w);
    __syncthreads();
    while (s->inside > ROWS_SHORT && s->low < s->high)
        rows_narrow(c, w, ROWS_OF_LIST);
    if (s->inside > ROWS_SHORT)
        rows_cut_equals(c, w);
    else
        rows_count_out(c, w);
    return c->edge;
}

/* The first symbol of the largest score. */
ROWS_INLINE uint32_t rows_find_first(struct rows_cut *c, struct rows_view *w, struct rows_reduce *r)
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

/* Exact cuts without sorting: where in an order of symbols a mass, or a rank, is reached.
 *
 * As base/row_cut.c: a histogram of the symbols' keys finds the bin where the cut falls, and that bin alone is divided
 * again; a bin of few symbols is looked at symbol by symbol in shared memory.  Masses are integers (rows_fixed), so
 * that no order of adding shows; a rank is a mass of 1. */
#ifndef CUDA_ROWS_CUT_H
#define CUDA_ROWS_CUT_H

#include "cuda/rows_left.h"

#define ROWS_BINS   1024u
#define ROWS_LISTED 8192u /* candidates that are looked at in shared memory */
#define ROWS_SHORT  128u  /* whose order is counted out */
#define ROWS_PARTS  32u   /* of the bins, of as many each */

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
    struct rows_sought sought, asked; /* asked: as it was said */
    struct rows_edge edge;
    uint32_t mass_low[ROWS_BINS], mass_high[ROWS_BINS], count[ROWS_BINS];
    uint64_t part_mass[ROWS_PARTS];
    uint32_t part_count[ROWS_PARTS], part_last[ROWS_PARTS];
    uint32_t key[ROWS_LISTED], id[ROWS_LISTED], n_listed; /* n_listed may be more than there is room for */
    uint32_t short_key[ROWS_SHORT], short_id[ROWS_SHORT], n_short;
    uint64_t short_mass[ROWS_SHORT];
    uint32_t last; /* key of what was listed */
    uint32_t lead; /* key of a float of the best value drawn */
    uint32_t shift, first_bin, last_bin, equal[ROWS_WARPS];
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

/* No symbol of less is sought. */
ROWS_INLINE float rows_sought_least(const struct rows_sought *s)
{
    float last = s->far ? s->least : rows_of_descending(s->high);
    return vf_max(vf_max(s->least, last), -FLT_MAX);
}

ROWS_CALL void rows_tally_one(struct rows_cut *c, float x)
{
    uint32_t key = rows_key(&c->sought, x);
    if (x > -INFINITY && x >= c->sought.least && rows_inside(&c->sought, key))
        rows_tally(c, key, x);
}

ROWS_CALL void rows_tally_view(struct rows_cut *c, const struct rows_view *w, struct rows_live *l)
{
    float least = rows_sought_least(&c->sought);
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_CHUNK) {
        rows_live_find(l, w, first, least);
        for (uint32_t i = rows_group(); i < l->n; i += ROWS_AHEAD * ROWS_GROUPS) {
            struct rows_some some;
            rows_some_load(&some, w, l, i);
            ROWS_SOME(&some, rows_tally_one(c, *x))
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

/* The sums of the parts, by one warp each, and of each the last bin with anything in it. */
ROWS_INLINE void rows_add_bins(struct rows_cut *c)
{
    uint32_t lane = threadIdx.x % CUDA_WARP;
    for (uint32_t part = threadIdx.x / CUDA_WARP; part < ROWS_PARTS; part += ROWS_WARPS) {
        uint32_t bin = part * (ROWS_BINS / ROWS_PARTS) + lane, count = c->count[bin];
        uint64_t mass = rows_bin_mass(c, bin);
        uint32_t any = __ballot_sync(CUDA_ALL, count > 0);
        CUDA_UNROLL
        for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2) {
            count += __shfl_xor_sync(CUDA_ALL, count, (int)step);
            mass += rows_xor64(mass, step);
        }
        if (lane == 0) {
            c->part_mass[part] = mass;
            c->part_count[part] = count;
            c->part_last[part] = any ? part * (ROWS_BINS / ROWS_PARTS) + 31 - (uint32_t)__clz((int)any) : 0;
        }
    }
}

/* Of one warp, each lane with its part or bin, the lanes up to `last` with anything: the first where the mass reaches
 * the target, or the last; what stands before it is counted into s by one lane. */
ROWS_INLINE uint32_t rows_reaching(struct rows_sought *s, uint64_t mass, uint32_t count, uint32_t last)
{
    uint32_t lane = threadIdx.x % CUDA_WARP, count_up = count;
    uint64_t mass_up = mass, before = s->before, target = s->target;
    CUDA_UNROLL
    for (unsigned step = 1; step < CUDA_WARP; step *= 2) {
        uint32_t other_count = __shfl_up_sync(CUDA_ALL, count_up, step);
        uint64_t other_mass = __shfl_up_sync(CUDA_ALL, mass_up, step);
        count_up += lane >= step ? other_count : 0;
        mass_up += lane >= step ? other_mass : 0;
    }
    uint32_t reach = __ballot_sync(CUDA_ALL, lane >= last || before + mass_up >= target);
    uint32_t found = (uint32_t)__ffs((int)reach) - 1;
    __syncwarp(); /* all have read s: a ballot is no barrier of memory */
    if (lane == found) {
        s->before += mass_up - mass;
        s->ahead += count_up - count;
    }
    __syncwarp();
    return found;
}

/* One warp: the bin in which the mass reaches the target, or the last one where it never does; of the sought keys that
 * bin's are left. */
ROWS_INLINE void rows_find_bin(struct rows_cut *c)
{
    struct rows_sought *s = &c->sought;
    uint32_t lane = threadIdx.x % CUDA_WARP;
    uint32_t any = __ballot_sync(CUDA_ALL, c->part_count[lane] > 0), part_bins = ROWS_BINS / ROWS_PARTS;
    uint32_t last_part = any ? 31 - (uint32_t)__clz((int)any) : 0;
    uint32_t part = rows_reaching(s, c->part_mass[lane], c->part_count[lane], last_part);
    uint32_t last = any ? c->part_last[part] : 0, first = part * part_bins;
    uint64_t mass = rows_bin_mass(c, first + lane);
    uint32_t bin = first + rows_reaching(s, mass, c->count[first + lane], last % part_bins);
    if (lane > 0)
        return;
    s->inside = any ? c->count[bin] : 0;
    s->reached = s->inside > 0 && s->before + rows_bin_mass(c, bin) >= s->target;
    s->low += bin << c->shift;
    uint32_t span = (1u << c->shift) - 1;
    s->high = s->high - s->low < span ? s->high : s->low + span;
}

/* Leaves the bin of keys in which the cut falls. */
ROWS_CALL void rows_narrow(struct rows_cut *c, const struct rows_view *w, enum rows_source source, struct rows_live *l)
{
    for (uint32_t i = threadIdx.x; i < ROWS_BINS; i += ROWS_THREADS)
        c->mass_low[i] = c->mass_high[i] = c->count[i] = 0;
    if (threadIdx.x == 0) {
        uint32_t span = c->sought.high - c->sought.low;
        c->shift = span < ROWS_BINS ? 0 : 22 - (uint32_t)__clz((int)span);
    }
    __syncthreads();
    if (source == ROWS_OF_VIEW)
        rows_tally_view(c, w, l);
    else if (source == ROWS_OF_PEAKS)
        rows_tally_peaks(c, w);
    else
        rows_tally_list(c, w);
    __syncthreads();
    rows_add_bins(c);
    __syncthreads();
    if (threadIdx.x < CUDA_WARP)
        rows_find_bin(c);
    __syncthreads();
}

#endif

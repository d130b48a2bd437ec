/* The inner loops of rows in host memory, once for each instruction set; all give the same bits.
 *
 * n may be anything from 1; no alignment is asked.  "Masked" is -INFINITY. */
#ifndef BASE_ROW_KERNEL_H
#define BASE_ROW_KERNEL_H

#include "base/rng.h"
#include "base/row.h"
#include <stdbool.h>

#define ROW_PARTS 64          /* most members of a pool */
#define ROW_NEAR  80.f        /* exp() of a larger number says only that it is large */
#define ROW_LEAST 0x1p-50     /* exp(ROW_NEAR) times this is above 1 / this */
#define ROW_BIN   0x4B000000u /* the bits of 2^23f: integers added to it stand in the low bits */

/* x -> (x - center) * factor + offset in double; masked stays masked, and nothing else becomes so. */
struct row_affine {
    double center, factor, offset;
};

/* A factor, high + low, and what is subtracted where the results are summed up: see `scale`. */
struct row_scale {
    float high, low, shift;
};

struct row_attract {
    float shift, unit, aim, steep, peak, sharp;
};

/* Of a row of that log Z: F -> F^power, power > 0, and numbers made of it. */
struct row_skew {
    float top; /* the largest score */
    double log_z, power, log_power;
    double less;   /* power - 1 */
    double square; /* (power^2 - 1) / 24 */
    double curve;  /* (power - 1) (power - 2) / 6 */
    double steep;  /* power, at least 1 */
};

struct row_cubic {
    double center, square, cube, offset;
};

/* A member of a pool: its part of a symbol's log weight is score * factor + offset.  For float work offset is also
 * given as a float and what that leaves of it; or the part of its weight is share * exp(score - center). */
struct row_part {
    const float *score;
    double factor;
    double offset;
    float near, rest;
    float center, share;
    float weight; /* for `apart`: of the mixture, where share is weight times exp(center - log Z) */
};

/* What a kernel that pools knows of what it made. */
struct row_pooled {
    double sum; /* of exp(out) */
    float top;  /* the largest */
};

struct row_duel {
    float factor[4]; /* by the bits `before` and before + 1, the lower one first */
    uint32_t before;
    uint32_t bit; /* sum[0]: of x with that bit, sum[1]: with bit + 1, sum[2]: with both */
};

struct row_kernel {
    const char *name;
    bool (*supported)(void);

    /* *max is the largest score.  False when a score is NaN or +INFINITY. */
    bool (*max)(const float score[], uint32_t n, float *max);
    /* The first symbol of that score, or n. */
    uint32_t (*find)(const float score[], uint32_t n, float x);
    uint32_t (*count)(const float score[], uint32_t n);
    /* Sum of exp(score - shift); score <= shift + 88. */
    double (*sum)(const float score[], uint32_t n, float shift);
    /* The same bits, for rows of which most is masked: blocks that add nothing are only looked at. */
    double (*sum_few)(const float score[], uint32_t n, float shift);
    /* Sum of exp(score - shift) * (shift - score) over what is not masked. */
    double (*surprise)(const float score[], uint32_t n, float shift);
    void (*exp)(float x[], uint32_t n, float shift); /* x -> exp(x - shift) */
    float (*min)(const float score[], uint32_t n);   /* the smallest that is not masked; INFINITY: all are */
    /* Sums of d and of d^2, d = score - shift, over what is not masked. */
    void (*moments)(const float score[], uint32_t n, float shift, double sum[2]);
    /* Sum of exp(score - shift) * (score - other) over what is not masked in score (nor, then, in other). */
    double (*relative)(const float score[], const float other[], uint32_t n, float shift);

    void (*affine)(float out[], const float score[], uint32_t n, const struct row_affine *f);
    /* x -> x times factor in place, 2^-10 < factor < 2^10, right to 2^-45 of itself before it is stored; masked stays
     * masked, and nothing else becomes so.  Returns the sum of exp(x - shift) of the new x. */
    double (*scale)(float score[], uint32_t n, const struct row_scale *f);
    /* out = score - by, |by| < 2^40, likewise. */
    void (*slide)(float out[], const float score[], uint32_t n, double by);
    /* Scores in some order; each becomes the log of F^power - f^power, F and f the sums of the probabilities up to it and
     * before it.  Scores too small for a probability move as their neighbours do; masked stays masked.  Returns the log of
     * what they sum to, which is about 0. */
    double (*skew)(float x[], uint32_t n, const struct row_skew *s);
    /* out = peak - sharp d^2 / (1 + d), d = |exp(score - shift) * unit - aim| * steep, in float; masked stays masked. */
    void (*attract)(float out[], const float score[], uint32_t n, const struct row_attract *f);
    /* x -> offset + square d^2 + cube d^3, d = x - center, in double, likewise. */
    void (*cubic)(float out[], const float score[], uint32_t n, const struct row_cubic *f);
    void (*distance)(float out[], const float score[], uint32_t n, double center); /* |score - center|, as `slide` */
    /* Masks what stands after symbol `last` of score `least` in rank order; returns the sum of exp(score - shift) of what
     * is left. */
    double (*cut)(float score[], uint32_t n, float least, sym_t last, float shift);
    /* Masks what stands after symbol `last` of key `most` in the order of key, then id. */
    void (*cut_far)(float score[], const float key[], uint32_t n, float most, sym_t last);
    /* The symbols not masked with score >= least, in order; returns how many.  id and value hold n. */
    uint32_t (*collect)(const float score[], uint32_t n, float least, sym_t id[], float value[]);

    /* key = ROW_BIN + round((top - value) * scale), which is below 2^23. */
    void (*bin)(uint32_t key[], const float value[], uint32_t n, float top, float scale);
    /* Leaves those id and value whose key is the given one of bin(), in order; returns how many. */
    uint32_t (*pick)(const uint32_t key[], uint32_t n, uint32_t given, sym_t id[], float value[]);

    /* x -> x times a factor by two bits of its own; then sums of x by the next two. */
    void (*duel)(float x[], const uint32_t bits[], uint32_t n, const struct row_duel *d, double sum[3]);
    /* out = sum over k < n_pairs of table[k][bits 2 k and 2 k + 1 of its own], n_pairs <= 16. */
    void (*tally)(float out[], const uint32_t bits[], uint32_t n, const float table[][4], size_t n_pairs);

    void (*block_max)(const float score[], uint32_t n, float max[]); /* (ceil(n / ROW_BLOCK),) */
    /* The largest noise of n blocks from first on (base/row_draw.c), within 2^-16; n a multiple of 16. */
    void (*block_noise)(const struct rng_key *k, uint32_t first, uint32_t n, float noise[]);

    /* out = log sum_k exp(part k): float exp and log; factor is taken as 1. */
    void (*mix)(float out[], const struct row_part part[], size_t n_parts, uint32_t n);
    /* The same of center and share, where no score - center is above ROW_NEAR and each share is from ROW_LEAST to
     * 1 / ROW_LEAST.  A sum above 1 / ROW_LEAST: there was such a score, and out is nothing. */
    struct row_pooled (*mix_near)(float out[], const struct row_part part[], size_t n_parts, uint32_t n);
    /* out = first + sum_k score * factor.  A sum above 1 / ROW_LEAST: or more. */
    struct row_pooled (*product_near)(float out[], const struct row_part part[], size_t n_parts, uint32_t n,
                                      double first);
    /* out = (1/r) log sum_k exp(part k): double exp and log. */
    void (*mean)(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double r);
    /* The same of center and share, for |r| from 1/2 to 4, in float where that is enough; shares as mix_near()'s. */
    void (*mean_near)(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double r);
    /* out = the largest part times sign. */
    void (*extreme)(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double sign);
    /* Of members p of weight w, w p = share * exp(score - center), and their mixture m = sum w p: sum[0] = -sum w p l,
     * sum[1] = sum w p (l - ln m), sum[2] = sum w m (ln m - l), l = score - center: nearly ln p (base/row_apart.c). */
    void (*apart)(const struct row_part part[], size_t n_parts, uint32_t n, double sum[3]);
    /* The same and mix_near() in one pass, with the bits of both. */
    struct row_pooled (*mix_apart)(float out[], const struct row_part part[], size_t n_parts, uint32_t n,
                                   double sum[3]);
    /* The same and product_near() of first, the sum of all offsets. */
    struct row_pooled (*product_apart)(float out[], const struct row_part part[], size_t n_parts, uint32_t n,
                                       double sum[3]);
};

extern const struct row_kernel row_kernel_plain, row_kernel_avx2, row_kernel_avx512;

/* The best of those that this machine supports. */
const struct row_kernel *row_kernel_best(void);

#endif

/* The rows of the table of pool rules, and the weighted mean that several of them share.  For ensemble/pool*.c. */
#ifndef ENSEMBLE_POOL_RULES_H
#define ENSEMBLE_POOL_RULES_H

#include "ensemble/pool.h"

extern const struct pool_type pool_linear, pool_log, pool_product, pool_power, pool_min, pool_max;
extern const struct pool_type pool_gated, pool_sampled;
extern const struct pool_type pool_contrast, pool_cfg, pool_cad, pool_dexperts, pool_strength; /* pool_signed.c */
extern const struct pool_type pool_dola;

/* The weighted mean M_r of rows into out: r = 1 linear, 0 geometric, -INFINITY min, INFINITY max.  Returns log Z. */
double pool_mean(struct row *out, const struct row rows[], const double weight[], size_t n, double r);

/* All of out is masked; returns -INFINITY.  rows[0] is a row of out's length. */
double pool_dead(struct row *out, const struct row rows[]);

/* sum_k factor[k] ln p_k(v) where rows[0].score[v] >= least, masked elsewhere, into out; returns log Z. */
double pool_signed(struct row *out, const struct row rows[], const double factor[], size_t n, double least);
/* The least score of r (not dead) that is at least plausibility times as probable as its best. */
double pool_plausible(const struct row *r, double plausibility);

/* The row itself, raw scores included; returns log Z: 0, or less when it is sub-normalised. */
double pool_only(struct row *out, const struct row *row);

#endif

/* The rows of the table of pool rules, and the weighted mean that several of them share.  For ensemble/pool*.c. */
#ifndef ENSEMBLE_POOL_RULES_H
#define ENSEMBLE_POOL_RULES_H

#include "ensemble/pool.h"

extern const struct pool_type pool_linear, pool_log, pool_product, pool_power, pool_min, pool_max;
extern const struct pool_type pool_gated, pool_contrast;

/* The weighted mean M_r of rows into out: r = 1 linear, 0 geometric, -INFINITY min, INFINITY max.  Returns log Z. */
double pool_mean(struct row *out, const struct row rows[], const double weight[], size_t n, double r);

/* All of out is masked; returns -INFINITY.  rows[0] is a row of out's length. */
double pool_dead(struct row *out, const struct row rows[]);

/* The row itself, raw scores included; returns log Z: 0, or less when it is sub-normalised. */
double pool_only(struct row *out, const struct row *row);

#endif

/* Statistics of experiments: intervals by resampling items, paired tests, corrections for many tests.
 *
 * The unit of resampling is the item: x[i] is the mean over an item's draws, so that draws of one item never count as
 * independent.  NaN means "not defined for this item"; it is left out (of pairs: the pair).  Randomness is addressed by
 * (seed, stream), so that every call can be repeated, and arms compared under one address are resampled alike. */
#ifndef EXPERIMENTS_STATS_H
#define EXPERIMENTS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stats_options {
    uint64_t seed, stream;
    uint32_t replicates; /* of the bootstrap and of drawn permutations; 0: 2000 and about 1000 */
    size_t exact;        /* items up to which permutations are counted, not drawn; 0: STATS_EXACT */
    double level;        /* of the intervals; 0: 0.95 */
};

struct interval {
    double mean, low, high; /* NAN when n is 0; low and high are NAN when n is 1 */
    size_t n;               /* items that count */
};

/* Percentile bootstrap of the mean of x[n]. */
struct interval stats_bootstrap(const double x[], size_t n, const struct stats_options *o);
/* Of the mean of a[i] - b[i]: items are resampled, the same for both. */
struct interval stats_bootstrap_paired(const double a[], const double b[], size_t n, const struct stats_options *o);
/* Wilson score interval of k successes of n. */
struct interval stats_wilson(size_t k, size_t n, double level);

/* Two-sided p of the mean difference under random signs of d[n]: exact up to STATS_EXACT items that differ, else by
 * importance sampling, to a few per cent of p however small it is.  1 when nothing differs; NAN for no item. */
#define STATS_EXACT 30
double stats_signflip(const double d[], size_t n, const struct stats_options *o);
/* Whether some signs of d[n] give a p below 1: two are not zero at least, none is infinite.  A test of others cannot err, and
 * corrections need not count it (Tarone 1990). */
bool stats_tells(const double d[], size_t n);
/* Exact McNemar: b items only the first has right, c only the second. */
double stats_mcnemar(size_t b, size_t c);

/* Corrected p-values of n tests; NaN stays NaN and does not count as a test. */
void stats_holm(const double p[], size_t n, double out[]);
void stats_benjamini_hochberg(const double p[], size_t n, double out[]);

#endif

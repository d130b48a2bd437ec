/* Reliability: how often predictions of a given confidence are right.
 *
 * Bins are equal in width over [0, 1] and closed above: bin b of n holds b/n < p <= (b+1)/n; p = 0 is in the first. */
#ifndef EVALSETS_RELIABILITY_H
#define EVALSETS_RELIABILITY_H

#include <stdbool.h>
#include <stddef.h>

#define RELIABILITY_BINS 15

struct reliability {
    size_t n;          /* predictions */
    double confidence; /* their mean confidence; 0 where n == 0 */
    double accuracy;   /* the share that is right; 0 where n == 0 */
};

size_t reliability_bin(double p, size_t n_bins);

/* One prediction more: bins hold sums until they are closed, from {0} on. */
void reliability_add(struct reliability bins[], size_t n_bins, double confidence, bool right);
void reliability_close(struct reliability bins[], size_t n_bins); /* sums become means */

/* Fills bins[n_bins] from n predictions. */
void reliability_fill(struct reliability bins[], size_t n_bins, const double confidence[], const bool right[],
                      size_t n);

/* The mean gap |accuracy - confidence| over predictions (ECE), its root mean square, its largest; NAN without any. */
double reliability_ece(const struct reliability bins[], size_t n_bins);
double reliability_rmsce(const struct reliability bins[], size_t n_bins);
double reliability_mce(const struct reliability bins[], size_t n_bins);

#endif

/* Reliability beyond bins of equal width: bins of equal mass, the L2 error without its bias, and whether what is seen could
 * come from a predictor that is calibrated. */
#ifndef EVALSETS_RELIABILITY_MASS_H
#define EVALSETS_RELIABILITY_MASS_H

#include "evalsets/reliability.h"
#include <stdint.h>

/* Bins of n / n_bins predictions each (the first n % n_bins hold one more), in the order of confidence, then of index. */
void reliability_fill_mass(struct reliability bins[], size_t n_bins, const double confidence[], const bool right[],
                           size_t n);

/* sqrt of sum over bins n_b/n (gap_b^2 - accuracy_b (1 - accuracy_b) / (n_b - 1)), at least 0 under the root: what the noise
 * of the bins' accuracies adds is taken away (Kumar, Liang & Ma 2019).  Bins of one prediction add their gap alone. */
double reliability_l2_debiased(const struct reliability bins[], size_t n_bins);

/* Consistency resampling (Broecker & Smith 2007): were every prediction right with exactly its confidence, how large would
 * the ECE be over the same confidences? */
struct reliability_test {
    double ece;  /* seen */
    double mean; /* of the repetitions */
    double p;    /* (1 + repetitions at least as large) / (1 + repetitions): small is miscalibrated */
};
void reliability_test(const double confidence[], const bool right[], size_t n, size_t n_bins, uint64_t seed,
                      struct reliability_test *out);

#endif

/* The Brier score, of all classes and of one event, and what it is made of. */
#ifndef EVALSETS_BRIER_H
#define EVALSETS_BRIER_H

#include <stdbool.h>
#include <stddef.h>

/* sum over classes of (p_c - [c is the label])^2, in [0, 2]. */
double brier_classes(const double p[], size_t n_classes, size_t label);

/* Of n forecasts of an event: score = reliability - resolution + uncertainty + within, exactly (Murphy 1973; `within` is
 * what bins of finite width leave, Stephenson, Coelho & Jolliffe 2008). */
struct brier {
    double score;       /* mean (p - y)^2 */
    double reliability; /* mean squared gap of the bins: 0 is calibrated */
    double resolution;  /* how far the bins' rates lie from the mean rate: larger is better */
    double uncertainty; /* rate (1 - rate) */
    double within;      /* variance of p in its bin less twice its covariance with y there */
};
/* Bins of equal width as in evalsets/reliability.h; all NAN without forecasts. */
void brier_decompose(const double p[], const bool y[], size_t n, size_t n_bins, struct brier *out);

#endif

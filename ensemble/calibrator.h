/* Calibrators of one probability: what a confidence should have been, learnt from labelled events.  Rows of a table:
 *
 *   platt      1 / (1 + exp(-(a logit p + b)))            Platt 1999, with his targets; always finite
 *   beta       1 / (1 + exp(-(a ln p - b ln(1-p) + c)))   Kull, Silva Filho & Flach 2017; a, b >= 0
 *   isotonic   the nearest non-decreasing steps, lines between them     Zadrozny & Elkan 2002; pool adjacent violators
 *   histogram  the rate in each of `bins` bins of equal mass            Zadrozny & Elkan 2001
 *
 * p is moved to [EPS, 1 - EPS] where a logarithm is taken.  Fit on one split, report on another. */
#ifndef ENSEMBLE_CALIBRATOR_H
#define ENSEMBLE_CALIBRATOR_H

#include "base/spec.h"
#include <stdbool.h>

#define CALIBRATOR_EPS 1e-12

struct calibrator;

struct calibrator_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    const char *meaning, *source;
    int (*fit)(struct calibrator *c, const double p[], const bool y[], size_t n); /* 0 or ERR_DATA */
    double (*apply)(const struct calibrator *c, double p);
};

struct calibrator {
    const struct calibrator_type *type;
    struct spec_value value[SPEC_MAX_PARAMS];
    struct spec *spec;
    /* What was learnt: coefficients, or (x, y) pairs in ascending order of x. */
    double *x, *y;
    size_t n;
};

/* text: "platt", "histogram(bins=10)".  Fits p[n] in [0, 1] to what happened, y[n].  0; ERR_USAGE; ERR_DATA: no events, a p
 * that is no probability, or only one outcome (platt, beta). */
int calibrator_fit(const char *text, const double p[], const bool y[], size_t n, struct calibrator *out);
double calibrator_apply(const struct calibrator *c, double p); /* in [0, 1] */
/* What another has learnt: copied.  0; ERR_USAGE: no such row. */
struct calibrator_numbers {
    const double *x, *y; /* (n,) as in struct calibrator; y NULL: none */
    size_t n;
};
int calibrator_restore(const char *name, const struct calibrator_numbers *numbers, struct calibrator *out);
void calibrator_fini(struct calibrator *c);
const struct calibrator_type *const *calibrator_types(size_t *n);

#endif

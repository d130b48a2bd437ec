/* Labelled distributions, kept for fits of calibrations: positions of texts or questions with choices, each in a group that
 * is left out as a whole when maps are cross-fitted. */
#ifndef EXPERIMENTS_FIT_LABELLED_H
#define EXPERIMENTS_FIT_LABELLED_H

#include "base/doc.h"
#include "ensemble/calibration.h"

struct fit_labelled {
    uint32_t n;      /* classes */
    double *logp;    /* (n_positions, n), -INFINITY where masked */
    uint32_t *label; /* (n_positions,) */
    size_t *fold;    /* (n_positions,) */
    size_t n_positions, cap_logp, cap_label, cap_fold;
};

/* logp: (n,), copied. */
void fit_labelled_add(struct fit_labelled *l, const double logp[], uint32_t label, size_t fold);
void fit_labelled_fini(struct fit_labelled *l);

struct fit_labelled_args {
    const struct calibration_type *type;
    struct calibration_options options;
    size_t n_folds; /* below 2: none */
};
/* Fits the maps and measures them into a result: "classes", "maps" (everything, then all but each fold), "n", "folds" (0:
 * none), "nll_before", "nll_after", "ece_before", "ece_after", "full_ece_before", "full_ece_after", "consistent_before",
 * "consistent_after" (p of the consistency resampling), "before", "after" (bins), and "nll_fitted": of the map of everything
 * on what it was fitted on.  With folds, what is `after` is of each position under the map that has not seen its fold.
 * 0 or ERR_DATA. */
int fit_labelled_result(const struct fit_labelled *l, const struct fit_labelled_args *a, json_t *out);

#endif

/* Calibrations: fitted maps from a distribution to the one it should have been, over the symbols of a row or over the
 * choices of a question.  Rows of a table:
 *
 *   temperature          p^(1/T)                                   rows, choices    Guo et al. 2017
 *   vector, matrix       softmax(W ln p + b), with L2              rows, choices    (ensemble/scaling.h)
 *   platt, beta          each p by itself, then divided by the sum rows, choices    (ensemble/calibrator.h)
 *   isotonic, histogram  likewise                                  choices alone
 *
 * The maps of one probability are fitted on the events (position, class) of all classes against whether that class came,
 * and what they give is normalised (Zadrozny & Elkan 2002).  Those with steps make equals of symbols and know no more than
 * their events: over a vocabulary they would end the order of the tail, so that they are for choices alone; what they give
 * is held within 1/(n + 2) of 0 and 1 after n events (the rule of succession), so that no choice becomes impossible.
 * platt and beta read ln p itself, so that the tail keeps its order below CALIBRATOR_EPS.
 *
 * A masked symbol stays masked, a dead row dead.  Immutable after they are made; any thread may apply them to its rows. */
#ifndef ENSEMBLE_CALIBRATION_H
#define ENSEMBLE_CALIBRATION_H

#include "base/transform.h"
#include "ensemble/scaling.h"

struct calibration;

struct calibration_type {
    const char *name, *meaning, *source;
    bool of_rows;          /* may be applied to rows at every step: a voice can have it */
    bool of_voices;        /* of rows it is the voice's `temperature`, a number of its own, and no map */
    bool has_l2, has_bins; /* of calibration_options */
};
const struct calibration_type *const *calibration_types(size_t *n);
const struct calibration_type *calibration_find(const char *name); /* NULL + ERR_USAGE that lists and suggests */

struct calibration_options {
    double l2; /* vector, matrix: of the penalty that draws W to 1 and b to 0 */
    int bins;  /* histogram */
};

/* NULL + ERR_DATA: no positions, a label that is no class or has probability 0, no optimum, and what scaling_fit(), calibrator_fit() and
 * calibrate_temperature() say. */
struct calibration *calibration_fit(const struct calibration_type *type, const struct scaling_set *set,
                                    const struct calibration_options *o);
/* From the numbers of another, for distributions over n_classes; none: the map that changes nothing.  NULL + ERR_DATA: they
 * are not what such a map has. */
struct calibration *calibration_make(const struct calibration_type *type, const double x[], size_t n,
                                     uint32_t n_classes);
void calibration_free(struct calibration *c); /* NULL is fine */

/* (*n,) what was learnt: T; W and b (ensemble/scaling.h); the slopes of ln p and -ln(1-p) and the constant; or the margin
 * to 0 and 1, then the places and the values there. */
const double *calibration_numbers(const struct calibration *c, size_t *n);
uint32_t calibration_classes(const struct calibration *c); /* how many a row of it has; 0: any number */
/* Measured.  0 or ERR_DATA: what numbers from outside make of it is no row. */
int calibration_apply(const struct calibration *c, struct row *r);
/* The same as a transform for a voice (ensemble/ensemble.h), its text a hash of the numbers; lives as long as c.  Of types
 * that are of rows. */
const struct transform *calibration_transform(const struct calibration *c);

#endif

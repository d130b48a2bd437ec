/* The rows of the table of calibrators, and what two of them share.  For ensemble/calibrator*.c. */
#ifndef ENSEMBLE_CALIBRATOR_TYPES_H
#define ENSEMBLE_CALIBRATOR_TYPES_H

#include "ensemble/calibrator.h"

extern const struct calibrator_type calibrator_platt, calibrator_beta;         /* calibrator_logistic.c */
extern const struct calibrator_type calibrator_isotonic, calibrator_histogram; /* calibrator_steps.c */

struct calibrator_event {
    double p, y;
    size_t index;
};
/* Sorted by p, then by index; for free(). */
struct calibrator_event *calibrator_sorted(const double p[], const bool y[], size_t n);

#endif

/* The rows of the table of weightings.  For ensemble/weighting*.c. */
#ifndef ENSEMBLE_WEIGHTING_TYPES_H
#define ENSEMBLE_WEIGHTING_TYPES_H

#include "ensemble/weighting.h"

extern const struct weighting_type weighting_fixed;
extern const struct weighting_type weighting_bayes, weighting_share; /* weighting_bayes.c */
extern const struct weighting_type weighting_logistic;
extern const struct weighting_type weighting_prompt;

#endif

/* Fits: what is learned before arms run.  A fit is a node of the plan; its result is a journal frame. */
#ifndef EXPERIMENTS_FIT_H
#define EXPERIMENTS_FIT_H

#include "experiments/interrupt.h"
#include "experiments/lms.h"
#include "model/core.h"

#define FIT_POSITIONS 2048 /* labelled positions at most, spread evenly: bounds the rows that are kept */
#define FIT_BINS      15   /* of the reliability before and after */

/* Computes the fit `doc` of a plan: {"id", "what", "lm", "on", "value", "n", "nll_before", "nll_after", "ece_before",
 * "ece_after", "before": [{"confidence", "accuracy", "n"}], "after"}.  The caller's, or NULL + ERR_*: what its lm, its
 * evalset or *signal says. */
json_t *fit_compute(const json_t *doc, struct lms *lms, struct core *core, interrupt_t *signal);

#endif

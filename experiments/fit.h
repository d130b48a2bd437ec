/* Fits: what is learned before arms run.  A fit is a node of the plan; its result is a journal frame.
 *
 *   temperature   of an lm: the one under which labelled texts are likeliest (ensemble/calibrate.h)
 *   weights       of an ensemble's voices, for its rule (ensemble/weights_fit.h)
 *   entropy       the value of one parameter of a chain for which the mean entropy of what it leaves is a target
 *   conformal     the table of a conformal nucleus, a step of a chain (decode/conformal.h)
 *   vector, matrix, platt, beta   a map of an lm's rows (ensemble/calibration.h)
 *   the same, temperature, isotonic, histogram of choices: a map of the answers to questions with choices
 *
 * Every fit but those of choices reads the rows at labelled positions, spread evenly over the texts of its evalset, each as
 * far as the lm's context reaches. */
#ifndef EXPERIMENTS_FIT_H
#define EXPERIMENTS_FIT_H

#include "base/interrupt.h"
#include "experiments/lms.h"
#include "model/core.h"

#define FIT_POSITIONS 2048 /* labelled positions at most, spread evenly: bounds the rows that are kept */
#define FIT_SEED      1    /* of the consistency resampling (evalsets/reliability_mass.h) */
#define FIT_BINS      15   /* of the reliability before and after */

/* Computes the fit `doc` of a plan: {"id", "what", "lm", "on", "n", "nll_before", "nll_after", ...} and
 *   temperature   "value", "ece_before", "ece_after", "full_ece_before", "full_ece_after", "consistent_before",
 *                 "consistent_after" (p of the consistency resampling: small is miscalibrated),
 *                 "before": [{"confidence", "accuracy", "n"}], "after"
 *   weights       "weights": [number], "voices": [name], "nll_voices": [of each alone]; before: equal weights
 *   entropy       "chain", "value", "target", "entropy" (reached), "entropy_from", "entropy_to": nats; no nll
 *   conformal     "chain", "alpha", "edges": [nats], "mass"; no nll
 *   maps          as fit_labelled_result() says; after is held out where there are folds; of choices also "choices"
 * nll: nats a position.  The caller's, or NULL + ERR_*: what its lm, its evalset or *signal says. */
json_t *fit_compute(const json_t *doc, struct lms *lms, struct core *core, interrupt_t *signal);

#endif

/* Declared fits become nodes of a plan.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_FITS_H
#define EXPERIMENTS_PLAN_FITS_H

#include "experiments/plan_nodes.h"

/* Each: the id of the fit's node, borrowed from it; NULL + ERR_USAGE (another kind of fit, no texts, ...).  lm: the id of
 * the node that it reads. */

/* template_name: what its prompts ask for; NULL: the lm's choice. */
const char *plan_fits_temperature(struct plan_nodes *n, const json_t *declared, const char *lm,
                                  const char *template_name);
/* A calibration of a voice's rows (ensemble/calibration.h), likewise. */
const char *plan_fits_calibration(struct plan_nodes *n, const json_t *declared, const char *lm,
                                  const char *template_name);
/* A calibration of the answers of an lm to questions with choices, scored by the rule `choices` (canonical). */
const char *plan_fits_answers(struct plan_nodes *n, const json_t *declared, const char *lm, const char *choices);
/* rule: canonical, that plan_fits_weights_check() found to have weights that can be fitted. */
const char *plan_fits_weights(struct plan_nodes *n, const json_t *declared, const char *lm, const char *rule);
int plan_fits_weights_check(const json_t *declared, const char *rule); /* 0 or ERR_USAGE */

/* A fit where an arm's chain would be: adds "chain" (with the place of the value), "fit", "search" and "repeats" to what an
 * arm does.  0, ERR_USAGE; lm's checkpoints that cannot be opened for a preset: ERR_DATA, ERR_IO. */
int plan_fits_choice(struct plan_nodes *n, const json_t *declared, const char *lm, const char *search, json_t *out);
/* Appends what tells the arms of such fits apart by name: ", entropy 2". */
void plan_fits_label(const json_t *declared, struct text *out);

#endif

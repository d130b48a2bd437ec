/* What a fit leaves: the shape of its result, which comes from a journal and so from outside. */
#ifndef EXPERIMENTS_FIT_RESULT_H
#define EXPERIMENTS_FIT_RESULT_H

#include "base/doc.h"

struct plan;

/* 0, or ERR_DATA: a result of the fit `doc` of a plan has numbers where its users read them, in their ranges. */
int fit_result_check(const json_t *doc, const json_t *result);
/* A result as it might be, to try what waits for it: temperature 1, equal weights.  lm: the node that the fit reads.  The
 * caller's. */
json_t *fit_result_guess(const json_t *lm, const json_t *doc);
/* Appends a chain that waits for a fit of the plan with a guess in its place; as it is where fit is NULL. */
void fit_result_guess_chain(const struct plan *p, const char *fit, const char *chain, struct text *out);

#endif

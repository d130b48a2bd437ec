/* What a fit leaves: the shape of its result, which comes from a journal and so from outside. */
#ifndef EXPERIMENTS_FIT_RESULT_H
#define EXPERIMENTS_FIT_RESULT_H

#include "base/doc.h"

/* 0, or ERR_DATA: a result of the fit `doc` of a plan has numbers where its users read them, in their ranges. */
int fit_result_check(const json_t *doc, const json_t *result);
/* A result as it might be, to try what waits for it: temperature 1, equal weights.  The caller's. */
json_t *fit_result_guess(const json_t *what, const json_t *doc);

#endif

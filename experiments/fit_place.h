/* Chains that wait for a fit: the word `fit` stands where a value will.
 *
 *   temperature=fit | top_p=0.9          a number
 *   conformal(0.1, fit)                  a table: entropy=[...], mass=[...] */
#ifndef EXPERIMENTS_FIT_PLACE_H
#define EXPERIMENTS_FIT_PLACE_H

#include "base/doc.h"

/* 0, or ERR_USAGE: the chain has no place, or more than one. */
int fit_place_check(const char *chain);
/* Appends the chain with `value` where the place is. */
void fit_place_put(const char *chain, const char *value, struct text *out);
/* Appends the chain with what a result (experiments/fit_result.h) puts there: 0.8125, or entropy=[1.5], mass=[0.9, 1]. */
void fit_place_fill(const char *chain, const json_t *result, struct text *out);

#endif

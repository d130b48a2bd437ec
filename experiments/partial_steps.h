/* Steps of a chain on partial rows.  Shared by partial*.c alone. */
#ifndef EXPERIMENTS_PARTIAL_STEPS_H
#define EXPERIMENTS_PARTIAL_STEPS_H

#include "experiments/partial.h"

/* A step of a row that is not exact: 1, 0 (it has no rule, or its rule cannot tell), < 0. */
int partial_step(struct partial *p, const struct chain *c, size_t i, void *state, struct transform_at *at);
/* Whether a step may ask what the steps before it have cut, which is not known of those that were followed with bounds. */
bool partial_looks_back(const struct transform *t);
void partial_bare(struct partial *p); /* no symbol is hidden any more */
/* Bounds of ln of the probability of a known symbol; both -INFINITY when it is certainly masked. */
void partial_bounds(const struct partial *p, sym_t v, double *low, double *high);

#endif

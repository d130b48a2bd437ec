/* The rows of a results file (/trace, docs/traces.md), read: for who decides again what a run decided.
 *
 * Everything is checked against the records before it is given: rows as many as decisions, symbols of the space, scores
 * that sum to their log Z; so that what is given can be decided on without further looks.  One thread. */
#ifndef EXPERIMENTS_RESULTS_TRACE_H
#define EXPERIMENTS_RESULTS_TRACE_H

#include "experiments/results.h"
#include "experiments/unit.h"

struct results_traces;

/* Over an open file, which must outlive it.  NULL + ERR_DATA: the run kept no rows (its trace level is token or steps);
 * ERR_DAMAGED. */
struct results_traces *results_traces_open(struct results *r);
void results_traces_close(struct results_traces *t);

/* The symbol space of an arm, its hash verified.  NULL + ERR_DAMAGED. */
const struct space *results_traces_space(struct results_traces *t, uint32_t arm);
/* The symbols of a record's prompt, as its lm's first voice saw them. */
const sym_t *results_traces_prompt(const struct results_traces *t, const struct results_record *x, size_t *n);
/* The rows of a record (width entries each; n 0: its search keeps none, or it is no generated text), valid until the next
 * call; reports of steps are left out.  0, ERR_DAMAGED. */
int results_traces_get(struct results_traces *t, const struct results_record *x, struct unit_trace *out);

#endif

/* What the trace level of a plan costs, for --dry-run. */
#ifndef EXPERIMENTS_TRACE_COST_H
#define EXPERIMENTS_TRACE_COST_H

#include "experiments/plan.h"

/* Bytes of the trace of one symbol of each arm, or of what it becomes for a task: (plan->n_choices,), for free().  Opens
 * the vocabularies of checkpoints where a level keeps rows.  NULL + ERR_DATA, ERR_IO. */
size_t *trace_cost(const struct plan *p);

#endif

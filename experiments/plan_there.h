/* Which arms of a plan for a device have their symbols decided there (decode/round.h), and which on the host. */
#ifndef EXPERIMENTS_PLAN_THERE_H
#define EXPERIMENTS_PLAN_THERE_H

#include "experiments/plan.h"

/* Why an arm's decisions read rows on the host though the plan names a device: "mirostat2", "draw cdf", "its search"; NULL:
 * they need not, or the plan names none, or its chain waits for a fit.  An ensemble may still bring its rows here (a gate,
 * voices' transforms, weights that learn). */
const char *plan_there_refusal(const struct plan *p, const struct plan_arm *arm);

#endif

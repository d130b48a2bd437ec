/* Prompts that no lm of a plan can be given.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_PROMPTS_H
#define EXPERIMENTS_PLAN_PROMPTS_H

#include "experiments/lms.h"
#include "experiments/plan.h"

/* Renders for each lm (of arms, of what they do with tasks, drafts, the judge) the prompts that it will be asked for, until
 * one can be; nothing is computed.  s: of the plan, its fits known or guessed.  0; ERR_USAGE for an lm that none can be
 * rendered for (a template whose marks its vocabulary lacks, a field that the items lack): each of its units would fail by
 * itself, when the run is under way.  What is wrong with some items fails theirs. */
int plan_prompts_check(const struct plan *p, struct lms *s);

#endif

/* Prompts that no lm of a plan can be given.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_PROMPTS_H
#define EXPERIMENTS_PLAN_PROMPTS_H

#include "experiments/lms.h"

/* Renders the first items of each evalset for the lm of every arm; nothing is computed.  ERR_USAGE where one cannot be rendered
 * of any (a template whose marks the vocabulary lacks, a field that the items lack): each unit would fail by itself, when the
 * run is under way.  What is wrong with some items fails theirs. */
int plan_prompts_check(const json_t *what, struct lms *s);

#endif

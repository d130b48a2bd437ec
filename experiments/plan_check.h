/* The shape of a stored plan: a plan.json may come from anybody, and who reads it further trusts names and references. */
#ifndef EXPERIMENTS_PLAN_CHECK_H
#define EXPERIMENTS_PLAN_CHECK_H

#include "base/doc.h"

/* what: as in experiments/plan.h.  Every name is a string, every lm stands before who uses it, every fit is there.
 * 0, or ERR_DATA that begins with where. */
int plan_check(const json_t *what, const char *where);

#endif

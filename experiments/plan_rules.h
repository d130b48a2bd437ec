/* Rules that only show once a plan is whole.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_RULES_H
#define EXPERIMENTS_PLAN_RULES_H

#include "base/doc.h"

/* 0 or ERR_USAGE: a judge that is a voice of an arm, a limit in symbols over arms of different spaces, a fit on items
 * that are reported, two arms of one name. */
int plan_rules_check(const json_t *what);

#endif

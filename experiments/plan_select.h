/* What a plan measures and chooses by once texts are there: metrics of the axes, selections, the reward.  Nothing that is
 * generated depends on it.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_SELECT_H
#define EXPERIMENTS_PLAN_SELECT_H

#include "base/doc.h"

#define PLAN_MOST_SELECT 16 /* selections of a script */

/* "select" (canonical, each once, those that axes name too), "reward", "creativity" and "control" of what; an axis may be
 * "METRIC@SELECTION".  0 or ERR_USAGE. */
int plan_select_resolve(const json_t *declared, json_t *what);
/* What selections choose by is there: a judge, a reward.  0 or ERR_USAGE. */
int plan_select_needs(const json_t *what);
/* Of a stored plan, whose lists hold strings; 0 or ERR_DATA. */
int plan_select_check(const json_t *what, const char *where);

#endif

/* What stands at the leaves of a plan's nodes: checkpoints, tables, splits, chains.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_LEAF_H
#define EXPERIMENTS_PLAN_LEAF_H

#include "base/doc.h"
#include "evalsets/evalset.h"

/* "zoo:prose", a path, or "table:n=4,length=5,seed=3,sharpness=1" (3, 8, 1 and 1 where it says nothing): a node without
 * id.  NULL + error. */
json_t *plan_leaf(const char *name);
/* What a table may be: numbers of a node of kind "table", from a script or from a stored plan.  0 or ERR_DATA. */
int plan_leaf_table(const json_t *node, const char *where);
/* {"on", "items"} of the texts of a split, of one language (NULL: all); NULL + error when there are none to fit on. */
json_t *plan_leaf_fit(const char *on, const char *lang);
/* Canonical text of a voice's chain, appended; ERR_USAGE when it needs state (a voice's transforms have none). */
int plan_leaf_chain(const char *chain, struct text *out);
/* SHA-256 of everything in an item that can change an outcome. */
void plan_leaf_item(const struct item *item, char hex[65]);

#endif

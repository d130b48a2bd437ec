/* What stands at the leaves of a plan's nodes: checkpoints, tables, splits, chains.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_LEAF_H
#define EXPERIMENTS_PLAN_LEAF_H

#include "base/doc.h"
#include "evalsets/evalset.h"
#include "experiments/lua_transforms.h"

/* "zoo:prose", a path, or "table:n=4,length=5,seed=3,sharpness=1" (3, 8, 1 and 1 where it says nothing): a node without
 * id.  NULL + error. */
json_t *plan_leaf(const char *name);
/* What a table may be: numbers of a node of kind "table", from a script or from a stored plan.  0 or ERR_DATA. */
int plan_leaf_table(const json_t *node, const char *where);
/* {"on", "items"} of the items of a kind in a split, of one language (NULL: all); NULL + error when there are none to fit
 * on. */
json_t *plan_leaf_fit(const char *on, const char *lang, enum item_kind kind);
/* A chain and, where it uses transforms of the script, their hashes: "chain" and "transforms" of out.  ERR_USAGE where a
 * voice's has a step that keeps state.  transforms: those of the script, NULL: none. */
int plan_leaf_chain(const struct lua_transforms *transforms, const char *chain, json_t *out);
/* Likewise an arm's, with "search" as it is written canonically and "repeats", whether all draws under them are equal.
 * 0 or ERR_USAGE. */
int plan_leaf_choice(const struct lua_transforms *transforms, const char *chain, const char *search, json_t *out);
/* {"bytes", "symbols", "chars"}: 0; ERR_USAGE where one is no limit. */
int plan_leaf_limits(const json_t *limit);
/* SHA-256 of everything in an item that can change an outcome. */
void plan_leaf_item(const struct item *item, char hex[65]);

#endif

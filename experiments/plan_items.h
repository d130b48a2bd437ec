/* The items of a plan: which of an evalset, in what order.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_ITEMS_H
#define EXPERIMENTS_PLAN_ITEMS_H

#include "experiments/plan.h"

/* Fills what's "evalsets" and "items" from the declared evalsets.  A number of items picks by the order of their hashes,
 * which spreads them over the file, and of which fewer are always among more; then those that o wants stay.
 * 0, ERR_USAGE, ERR_DATA. */
int plan_items_resolve(const json_t *declared, const struct plan_options *o, json_t *what);

#endif

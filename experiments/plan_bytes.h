/* A declared lm over bytes becomes a node of a plan.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_BYTES_H
#define EXPERIMENTS_PLAN_BYTES_H

#include "experiments/plan_nodes.h"

/* One voice, whose lm is over tokens.  The id of the node, borrowed from it; NULL + ERR_USAGE. */
const char *plan_bytes_add(struct plan_nodes *n, const json_t *declared);

#endif

/* The preset `@checkpoint` (experiments/checkpoint_preset.h) of a plan's lms. */
#ifndef EXPERIMENTS_PLAN_PRESET_H
#define EXPERIMENTS_PLAN_PRESET_H

#include "experiments/plan_nodes.h"

/* Appends a chain for the node `id` of lms with the preset written out: what all checkpoints below the node state.  They are
 * opened where the chain has the preset; a chain without it is appended as it is.
 * 0; ERR_USAGE: they state different things, one is a table, no chain; ERR_DATA, ERR_IO: one states nothing, cannot be
 * opened. */
int plan_preset_expand(const struct plan_list *lms, const char *id, const char *chain, struct text *out);

/* The chain and the search of out's "lm", written canonically, and whether all draws under them are equal: "chain",
 * "search" and "repeats" of out; "transforms" too, where the chain uses such of the script.  0 or ERR_*. */
int plan_preset_choice(struct plan_nodes *nodes, const char *chain, const char *search, json_t *out);

#endif

/* Tasks of a plan: what arms do with items whose tag (evalsets/tag.h) names one.  Shared by plan_*.c alone.
 *
 * An arm's `tasks` gives profiles by name: another chain, search or limit, and for an ensemble other pool weights, which
 * make another node of the plan over the same voices.  What a profile does not say is the arm's own.  A script that speaks
 * of tasks nowhere has none, and tags in its items are text. */
#ifndef EXPERIMENTS_PLAN_TASKS_H
#define EXPERIMENTS_PLAN_TASKS_H

#include "experiments/plan_nodes.h"

/* what's "tasks": the names that the experiment's `tasks` and its arms' know, sorted; left out where there are none.
 * 0 or ERR_USAGE. */
int plan_tasks_names(const json_t *declared, json_t *what);
/* Adds "chain", "search" and "repeats" (and "fit") to what an arm does with its "lm": chain is a text, a fit, or NULL.
 * 0 or ERR_USAGE. */
int plan_tasks_choice(struct plan_nodes *nodes, const json_t *chain, const char *search, json_t *out);
/* The "tasks" of a resolved arm, sorted by name; left out where it has none.  0 or ERR_USAGE. */
int plan_tasks_resolve(struct plan_nodes *nodes, const json_t *declared, json_t *arm);
/* 0; ERR_USAGE where the plan does not know a task; item is for the message. */
int plan_tasks_check(const json_t *what, const char *item, const char *task);

#endif

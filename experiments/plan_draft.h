/* Declared drafts of arms: what proposes symbols to their speculative search.  Shared by plan_*.c alone.
 *
 * An arm's (or a profile's) "draft" is an lm or "lookup"; without a search of its own the arm's is then speculative. */
#ifndef EXPERIMENTS_PLAN_DRAFT_H
#define EXPERIMENTS_PLAN_DRAFT_H

#include "experiments/plan_nodes.h"

/* The search that is meant: the declared one, `otherwise`, or speculative where there is a draft and plain sampling. */
const char *plan_draft_search(const json_t *declared, const char *otherwise);
/* Adds "draft", the id of its node, to an arm or profile whose "lm" and "search" are known; takes it off where the search has
 * none.  inherited: the arm's, for a profile; NULL.  0 or ERR_USAGE: the search takes no draft, or wants one; another
 * symbol space. */
int plan_draft_add(struct plan_nodes *nodes, const json_t *declared, const json_t *inherited, json_t *out);

#endif

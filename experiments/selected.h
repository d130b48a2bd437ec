/* Selections of a run: which of an item's texts, all draws together, each of the script's selections would hand over. */
#ifndef EXPERIMENTS_SELECTED_H
#define EXPERIMENTS_SELECTED_H

#include "decode/select.h"
#include "experiments/measures.h"
#include "experiments/reward.h"

struct selected;

/* names: canonical texts of selections, as a checked plan has them; borrowed, and so is reward (NULL: none). */
struct selected *selected_alloc(const char *const names[], size_t n, const struct reward *reward);
void selected_free(struct selected *s); /* NULL is fine */

/* chosen: (n,) for each selection an index into records or SELECT_NONE. */
void selected_choose(struct selected *s, const struct measures_record records[], size_t n_records, size_t chosen[]);

#endif

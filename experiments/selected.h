/* Selections of a run: which of an item's texts, all draws together, each of the script's selections would hand over. */
#ifndef EXPERIMENTS_SELECTED_H
#define EXPERIMENTS_SELECTED_H

#include "decode/select.h"
#include "experiments/measures.h"

struct selected;

/* names: canonical texts of selections, as a checked plan has them; borrowed. */
struct selected *selected_alloc(const char *const names[], size_t n);
void selected_free(struct selected *s); /* NULL is fine */

/* chosen: (n,) for each selection an index into records or SELECT_NONE. */
void selected_choose(struct selected *s, const struct measures_record records[], size_t n_records, size_t chosen[]);

#endif

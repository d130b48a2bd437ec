/* Parts of the results file that are long: flat arrays with offsets, and the symbol spaces.  For results_write.c. */
#ifndef EXPERIMENTS_RESULTS_SPACES_H
#define EXPERIMENTS_RESULTS_SPACES_H

#include "experiments/h5.h"
#include "experiments/results_tables.h"

/* /text, /tokens, /choice, /prompt: one stretch a record, offsets (n_records + 1,). */
void results_write_flat(struct h5 *h, const struct tables *t);

/* /space/HASH/{bytes, offsets, special} of every space that an arm ranges over.  0, or why a tokenizer cannot be opened. */
int results_write_spaces(struct h5 *h, const struct plan *p);

#endif

/* Parts of the results file that are long, for results_write.c: the records, and the symbol spaces. */
#ifndef EXPERIMENTS_RESULTS_PARTS_H
#define EXPERIMENTS_RESULTS_PARTS_H

#include "experiments/h5.h"
#include "experiments/ledger.h"
#include "experiments/measures.h"

/* One pass over all units in the order of (arm, item, draw), each read from the journal when its turn comes: writes
 * /record, /text, /tokens, /choice, /prompt and /unit, measures into m, adds to arm_symbols (n_arms,) the symbols of each
 * arm.  Units that share a key share their records.  0, ERR_IO, ERR_DAMAGED. */
int results_write_records(struct h5 *h, struct ledger *l, struct measures *m, double arm_symbols[]);

/* /space/HASH/{bytes, offsets, special, ends} of every space that an arm ranges over.  0, or why a tokenizer cannot be opened. */
int results_write_spaces(struct h5 *h, const struct plan *p);

/* /calibration/fit_NNN of every fit that has a result: attributes id, what, lm, on, value, nll_before, nll_after, ece_before,
 * ece_after (NaN where a fit has none), n; where it has them, target, entropy (reached), entropy_from, entropy_to, alpha and
 * chain, and arrays before_* and after_* (reliability), weights, voices and nll_voices, edges and mass (conformal). */
void results_write_fits(struct h5 *h, const struct ledger *l);

#endif

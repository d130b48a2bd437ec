/* Plans over tables of letters (letters.h) whose arms wait for fits: for tests/test_fit_chain*.c. */
#ifndef TESTS_CHAIN_FITS_H
#define TESTS_CHAIN_FITS_H

#include "experiments/results.h"
#include "experiments/run.h"

/* arms: Lua text; it may use the tables a and b, the held-out texts `on` and entropy(chain, target, from, to), a fit.  NULL:
 * err_text(). */
struct plan *chain_fits_plan(const char *arms);
struct results *chain_fits_results(const char *arms, const char *name); /* all three; NULL: they cannot be opened */

#endif

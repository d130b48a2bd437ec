/* Small helpers of the tests of pool rules. */
#ifndef TESTS_POOLS_H
#define TESTS_POOLS_H

#include "ensemble/pool.h"

struct pool pools_parsed(const char *text); /* checks that it parses */

/* Rows over caller memory, measured. */
struct row pools_measured(float score[], uint32_t n);
struct row pools_of_probs(float score[], const double p[], uint32_t n);

double pools_prob(const struct row *r, sym_t v);

#endif

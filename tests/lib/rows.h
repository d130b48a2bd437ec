/* Rows for tests: random scores of several characters, addressed by a seed. */
#ifndef TESTS_ROWS_H
#define TESTS_ROWS_H

#include "base/row.h"

enum rows_kind {
    ROWS_NORMAL, /* normal scores, standard deviation 2 */
    ROWS_PEAKED, /* a few symbols hold nearly everything */
    ROWS_FLAT,   /* scores within 0.1 */
    ROWS_TIES,   /* few different scores */
    ROWS_EQUAL,  /* one score */
    ROWS_MASKED, /* nine of ten masked; symbol 0 never */
    ROWS_WIDE,   /* scores up to 1e30 */
    ROWS_KINDS
};

const char *rows_name(enum rows_kind kind);

/* Fills and measures a row of n symbols over score[n]. */
struct row rows_make(enum rows_kind kind, uint64_t seed, float score[], uint32_t n);

/* Fills and measures a row of n probabilities; 0 is masked. */
struct row rows_of(const double p[], float score[], uint32_t n);

#endif

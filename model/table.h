/* `table`: an exact lm over a small alphabet, the oracle of many tests: every string can be enumerated.
 *
 * Symbols 0 .. n-2 are letters ('a', 'b', ...); n-1 ends.  The row after a prefix is a fixed random function of
 * (seed, prefix); at max_length letters, and after an end, the end symbol has probability 1.  Tap k gives another such row.
 * The empty prefix has a row too: n_rows may be length + 1.
 * A prompt's letters are those of its fields `context` and `text` (or `instruction`), absent ones being empty; the template
 * `backwards` reverses them, so that voices can differ.  Rows are kept for as long as the table lives. */
#ifndef MODEL_TABLE_H
#define MODEL_TABLE_H

#include "base/err.h"
#include "model/lm.h"

struct table_options {
    uint32_t n;          /* symbols, end included; 2 .. 27 */
    uint32_t max_length; /* letters */
    uint64_t seed;
    double sharpness; /* scores are sharpness * a standard normal */
};

/* "table:n=4,length=5,seed=3,sharpness=1"; 3, 8, 1 and 1 where it says nothing.  0 or ERR_USAGE. */
int table_parse(const char *text, struct table_options *o);

/* n, length, seed, sharpness, from outside: 0, or `code` and a message that begins with where. */
#define TABLE_NUMBERS 4
int table_check(const double x[TABLE_NUMBERS], const char *where, enum err code);

struct lm *table_open(const struct table_options *o); /* never NULL */

/* The exact log-probabilities of the next symbol after prefix[len], out (n,); independent of slots and core. */
void table_logp(const struct lm *lm, const sym_t prefix[], size_t len, double out[]);
uint64_t table_computed(const struct lm *lm); /* rows really computed, for tests of sharing and gates */

#endif

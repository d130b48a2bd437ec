/* All texts of a table under a chain, with their probabilities: the oracle of searches.  And a runner for one search. */
#ifndef TESTS_LIB_EXACT_H
#define TESTS_LIB_EXACT_H

#include "decode/search.h"

#define EXACT_LENGTH 8
#define EXACT_TEXTS  2048

struct exact_text {
    sym_t s[EXACT_LENGTH];
    size_t n; /* the end symbol included */
    double p, logp;
};

struct exact {
    struct exact_text *text; /* (n,) */
    size_t n;
};

/* Of a prompt's symbols and at most max_symbols (0: until the table ends); the chain keeps no state. */
void exact_texts(struct exact *e, const struct lm *table, const struct chain *c, const char *prompt,
                 size_t max_symbols);
void exact_free(struct exact *e);
void exact_sort(struct exact *e, double (*score)(const struct exact_text *t)); /* best first */
size_t exact_find(const struct exact *e, const struct hyp *h);                 /* e->n: not there */

/* The chain's distribution after some symbols, (n,) ln p. */
void exact_row(const struct lm *table, const struct chain *c, const sym_t all[], size_t n_prompt, size_t n_made,
               double logp[]);

/* Asks, computes, feeds and moves until it has finished; checks that nothing fails.  Returns the rounds. */
size_t exact_run(struct search *s, struct core *core, struct row_work *work);

/* Chi-square of counts against probabilities that sum to one: cells expected fewer than 8 times are put together; false
 * where it is beyond 1e-6. */
bool exact_fits(const double p[], const double count[], size_t n, double n_draws);

#endif

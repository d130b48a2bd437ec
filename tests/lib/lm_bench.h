/* A transformer on a bench: opened, with its core and two threads, for tests of the numbers it gives. */
#ifndef TESTS_LM_BENCH_H
#define TESTS_LM_BENCH_H

#include "model/core.h"
#include "model/transformer.h"

struct bench {
    struct threads *threads;
    struct core *core;
    struct lm *lm; /* NULL, and a failed check, when it could not be opened */
};

struct bench bench_open(struct checkpoint *c, struct transformer_options o); /* o.threads is the bench's own */
void bench_close(struct bench *b);

/* The rows at the last n_rows positions of the prefix ids[n], in a new slot that stays.  0 or ERR_*. */
int bench_rows(struct bench *b, const sym_t ids[], size_t n, struct want w, struct row out[]);

#endif

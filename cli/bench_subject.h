/* What `bench` measures: a checkpoint, or random weights of a shape, opened. */
#ifndef CLI_BENCH_SUBJECT_H
#define CLI_BENCH_SUBJECT_H

#include "cli/opened.h"

struct bench_subject {
    struct opened opened;
    const char *name, *type; /* the type is that of the first feed-forward matrix */
    double bytes;            /* of weights that a step reads */
    uint32_t salt;
};

/* name: a checkpoint, or "random:SHAPE" (model/random_weights.h), whose weights have the type of --type.  0 or failure. */
int bench_subject_open(struct bench_subject *s, const struct args *a, const char *name);
void bench_subject_close(struct bench_subject *s);

/* Another lm of the same checkpoint, in which equal prefixes are computed each for itself.  NULL: failure; lm_free(). */
struct lm *bench_subject_apart(const struct bench_subject *s, const struct args *a);

/* What the peer says of a file: PROGRAM FILE THREADS WHAT prints seconds. */
int bench_subject_ask(const struct bench_subject *s, const char *program, const char *what, double *seconds);

#endif

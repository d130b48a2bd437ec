/* The core: the only place where models compute.
 *
 * A *leaf* is a checkpoint in one compute mode (or the tests' table): it computes rows for its own slots.  core_run()
 * asks every lm of a list of wants what its leaves need, lets each leaf compute all of it in one batch, and repeats
 * while an lm wants another round (a gate that had to see its leader first, a byte adapter that extends its beam). */
#ifndef MODEL_CORE_H
#define MODEL_CORE_H

#include "model/lm.h"

struct leaf_want {
    int slot;
    uint32_t n_rows;
    uint32_t tap;
};

struct leaf {
    void *self;
    /* Computes w[n], which may name one row several times.  0 or ERR_DATA (NaN: names layer or tensor), ERR_MEMORY. */
    int (*compute)(void *self, const struct leaf_want w[], size_t n, struct queue *q);
};

struct core_counts {
    uint64_t rounds;
    uint64_t wanted;   /* leaf wants enqueued */
    uint64_t asked;    /* rows asked for by wants, over all leaves */
    uint64_t computed; /* token positions really passed through a leaf */
};

struct core;
struct core *core_alloc(void);
void core_free(struct core *c);

/* Runs the rounds until every want can be read with lm_rows().  0 or the first failure. */
int core_run(struct core *c, const struct want w[], size_t n);
struct core_counts core_counts(const struct core *c);

/* For need() of leaves: enqueue; leaf must live as long as its lm.  For compute(): report positions passed. */
void queue_add(struct queue *q, const struct leaf *leaf, const struct leaf_want *w);
void queue_computed(struct queue *q, uint64_t positions);
/* Tells core_run()s apart (two far apart may coincide: good enough to know when rows may go).  An lm's need() may be called several times in one run
 * (several ensembles hold it; several rounds): rows that one of them asked for stay valid to the end of the run, and
 * afterwards until the need() of the next. */
uint64_t queue_run(const struct queue *q);
/* Wants enqueued in this round so far.  A composite that must see a member's rows before it can go on (a gate) compares
 * it before and after the member's need(): unchanged, and 0 returned, means that they are there. */
size_t queue_count(const struct queue *q);

#endif

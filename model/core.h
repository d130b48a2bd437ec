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
    /* Computes w[n].  0 or ERR_DATA (NaN: names layer or tensor), ERR_MEMORY. */
    int (*compute)(void *self, const struct leaf_want w[], size_t n);
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

#endif

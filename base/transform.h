/* A transform: one step of a chain, a pure change of one row given what has been said so far.
 *
 * Transforms are rows of a table in decode/; voices of an ensemble are handed them too, which is why the interface is
 * declared here.  State is plain memory of type->state_size bytes: cloning it is memcpy, saving it is writing it. */
#ifndef BASE_TRANSFORM_H
#define BASE_TRANSFORM_H

#include "base/row.h"
#include "base/spec.h"

struct transform;

/* Where a transform is applied: the hypothesis so far, its address, scratch. */
struct transform_at {
    const struct space *space;
    const sym_t *prompt; /* (n_prompt,) what the prompt gave */
    size_t n_prompt;
    const sym_t *made; /* (n_made,) symbols generated so far */
    size_t n_made;
    const struct rng_address *address; /* step is n_made; a random transform sets purpose and lane itself */
    struct row_work *work;
};

struct transform_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    const char *meaning; /* one line */
    const char *domain;  /* "logits" or "probabilities": what the formula speaks of */
    const char *source;  /* paper or system that defines it */
    size_t state_size;   /* bytes a hypothesis; 0: stateless */
    void (*start)(const struct transform *t, void *state);
    /* Changes r; measured (log_z right) on return.  0 or ERR_DATA / ERR_USAGE.  A dead row stays dead. */
    int (*apply)(const struct transform *t, void *state, struct row *r, const struct transform_at *at);
    void (*accept)(const struct transform *t, void *state, sym_t chosen);
    bool (*single)(const struct transform *t); /* it leaves one symbol of any row that is not dead (temperature=0) */
    bool random;                               /* it draws at `address`: its outcome depends on the draw */
};

struct transform {
    const struct transform_type *type;
    struct spec_value value[SPEC_MAX_PARAMS]; /* bound parameters, in the order of type->params */
    void *extra;                              /* what the type prepared from its parameters (ids of a list), or NULL */
};

#endif

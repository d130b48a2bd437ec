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
    uint32_t place; /* of the step in its chain: which of a step's draws */
    const bool
        *decided; /* by place: whether a step that would draw acts; NULL: it draws.  For who sums over the draws */
    double cut;   /* ln of the mass before over the mass after the truncations right before the step; 0: none */
};

/* What was chosen from the row that a chain left.  accept() follows apply() of the same row before the work serves
 * another: what a step left in it may be read again.  A search that keeps several choices of one row clones the state
 * and accepts each, then and there. */
struct transform_choice {
    sym_t symbol;
    double logp;                   /* natural log of its probability under what the whole chain left */
    const struct transform_at *at; /* as apply() had it */
};

#define TRANSFORM_SHOWN 2 /* steps at most that a type shows of itself */

struct transform_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    const char *meaning; /* one line */
    const char *domain;  /* "logits" or "probabilities": what the formula speaks of */
    const char *source;  /* paper or system that defines it */
    /* Steps that show what it does to a few symbols, after 3 as the prompt and 2 0 1 0 1 as what was made of it; one at
     * least, in the table, then NULL.  Figures, pages and the laws that hold for all transforms are made of them. */
    const char *shown[TRANSFORM_SHOWN];
    size_t state_size; /* bytes a hypothesis; 0: stateless */
    void (*start)(const struct transform *t, void *state);
    /* Changes r, which is not dead; measured (log_z right) on return.  0 or ERR_DATA / ERR_USAGE. */
    int (*apply)(const struct transform *t, void *state, struct row *r, const struct transform_at *at);
    void (*accept)(const struct transform *t, void *state, const struct transform_choice *c);
    bool (*single)(const struct transform *t); /* it leaves one symbol of any row that is not dead (temperature=0) */
    bool random; /* it draws at `address`: its outcome depends on the draw, unless chance() says otherwise */
    /* Of a random type that draws once whether it acts: the probability that it does, 0 or 1 where these parameters leave
     * nothing to a draw.  NULL: it draws otherwise. */
    double (*chance)(const struct transform *t);
    bool keeps_row; /* accept() reads the row it found, kept in work; one such a chain */
    /* Makes t->extra from the values (and frees an older one).  space is NULL when the chain is parsed: texts are not
     * resolved yet; and is given when the chain is bound to it.  0, ERR_USAGE.  NULL: nothing to prepare. */
    int (*prepare)(struct transform *t, const struct space *space);
    void (*release)(struct transform *t); /* frees t->extra; NULL with prepare NULL */
    bool truncates;                       /* it only masks, by probability: survivors keep their scores */
    bool blind;       /* it asks for scores and the order of ids alone: not for ids, n, the history or at->space */
    const void *self; /* what the maker of a type that is no constant keeps for it; else NULL */
};

struct transform {
    const struct transform_type *type;
    struct spec_value value[SPEC_MAX_PARAMS]; /* bound parameters, in the order of type->params */
    void *extra;                              /* what the type prepared from its parameters (ids of a list), or NULL */
};

/* These parameters leave something to a draw. */
bool transform_random(const struct transform *t);

/* apply() of a row that is not dead (a dead one stays as it is), and at moved on to the next step of the chain: its place,
 * and what truncations in a row have cut. */
int transform_step(const struct transform *t, void *state, struct row *r, struct transform_at *at);

#endif

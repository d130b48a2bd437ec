/* Rows that stay on a device, and the decisions made over them there: the structs of a device's table (model/device.h).
 *
 * A row is a block of device memory, device_rows_bytes(n) long, known by its address:
 *
 *     scores    n floats, filled up with -INFINITY to a whole number of DEVICE_BLOCK symbols; who fills a row writes these
 *     peaks     the largest score of each DEVICE_BLOCK symbols     }
 *     measured  struct device_measured                            } rows_measure() and rows_pool() write these
 *
 * The numbers are those of base/row.h: the same exp, log, noise and float expressions, so that a row of the same scores
 * gives the same masses, distances and noise bit for bit, and only the order of sums of doubles differs.  Sums do not
 * depend on what else is in the batch. */
#ifndef MODEL_DEVICE_ROWS_H
#define MODEL_DEVICE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#define DEVICE_BLOCK      64u /* ROW_BLOCK */
#define DEVICE_PARTS      16u /* most members of a pool */
#define DEVICE_MOST_STEPS 16u /* of a program */
#define DEVICE_NONE       UINT32_MAX

/* What is known of a row; its scores minus `slide` are meant (as row_normalise() would leave them), log_z after that. */
struct device_measured {
    double log_z;      /* -INFINITY: dead */
    double entropy;    /* nats */
    double slide;      /* 0 but for pools */
    double log_weight; /* log Z of a pool before normalisation; else 0 */
    float top;         /* largest score, before the slide */
    uint32_t argmax;   /* its first symbol; DEVICE_NONE of pools */
    uint32_t count;    /* symbols not masked */
    uint32_t bad;      /* the first symbol whose score is NaN or +INFINITY: nothing else counts; or DEVICE_NONE */
};

enum device_rule {
    DEVICE_LINEAR,
    DEVICE_LOG,
    DEVICE_POWER, /* of r, not 0, finite or not */
    DEVICE_RULES
};

/* A pool of rows that were measured, none of which is a pool itself (their slide is 0).  Weights as
 * ensemble/pool.h:pool_weights() leaves them; those of weight 0 have no part, but are looked at for `apart`. */
struct device_pooled {
    const void *row[DEVICE_PARTS];
    double weight[DEVICE_PARTS];
    double r;       /* POWER */
    void *out;      /* a row's block, none of the others */
    uint32_t rule;  /* enum device_rule */
    uint32_t n;     /* 1 .. DEVICE_PARTS */
    uint32_t apart; /* 0: how the rows differ is not asked */
    uint32_t unused;
};

/* As struct row_apart, in nats. */
struct device_apart {
    double within, forward, reverse;
};

/* Steps of a program, each what the transform of that name does to a row (decode/transform_*.c). */
enum device_step_kind {
    DEVICE_SCALE,     /* scores times a: temperature 1 / a */
    DEVICE_FIRST,     /* the first of the largest scores alone: temperature 0 */
    DEVICE_NORMALISE, /* scores - log Z */
    DEVICE_TOP_K,     /* k */
    DEVICE_TOP_P,     /* a: the mass; k: min_keep */
    DEVICE_MIN_P,     /* a: the share, b: its ln; k: min_keep */
    DEVICE_TYPICAL,   /* a: the mass; one symbol is kept at least */
    DEVICE_REPEAT,    /* listed: score > 0: score / value, else score * value */
    DEVICE_ADD,       /* listed: score + value; -INFINITY masks */
    DEVICE_ALLOW,     /* what is not listed is masked */
    DEVICE_STEPS
};

/* Bits of struct device_step.rules; without any: the project's own rules. */
#define DEVICE_TIES_ALL    1u /* what equals the last kept stays */
#define DEVICE_BOUND_OVER  2u /* TOP_P: more than the mass, not just the mass; TYPICAL's mass says so itself */
#define DEVICE_BOUND_BELOW 4u /* TOP_P: at most the mass */
#define DEVICE_OF_GIVEN    8u /* TOP_P: the mass is that of the row before the truncations right before the step */

struct device_step {
    uint32_t kind, rules, k;
    uint32_t first, n; /* of the lists of symbols and values; no symbol twice in one step */
    uint32_t unused;
    double a, b;
};

enum device_draw { DEVICE_GUMBEL, DEVICE_GREEDY, DEVICE_DRAWS };

/* One decision: the row, the program, the address of the noise (struct rng_key). */
struct device_decision {
    const void *row; /* measured */
    uint32_t first_step, n_steps;
    uint32_t pool;               /* the row is that pool of this call's list: its members are asked; or DEVICE_NONE */
    uint32_t draw;               /* enum device_draw */
    uint32_t key[2], counter[3]; /* GUMBEL */
    uint32_t unused;
};

/* What is decided; struct hyp_step in other words. */
struct device_decided {
    double logp, logp_final, entropy, entropy_final; /* of the row and of what the program left of it */
    double mass;                                     /* probability under the row of what the program left */
    double log_z_final;                              /* of what it left */
    double voice[DEVICE_PARTS];                      /* log-probability of the symbol under each member of the pool */
    float score;                                     /* of the symbol, in the row */
    uint32_t symbol;                                 /* DEVICE_NONE: what is left is dead, and nothing was drawn */
    uint32_t kept;
    uint32_t bad; /* DEVICE_NONE, or a symbol whose score a step has made NaN or +INFINITY */
};

/* All decisions of a round.  Pools are made first, then decisions over them and over other rows. */
struct device_decisions {
    const struct device_pooled *pools;   /* (n_pools,) */
    const struct device_decision *items; /* (n_items,) */
    const struct device_step *steps;     /* (n_steps,) */
    const uint32_t *symbols;             /* (n_listed,) < n */
    const double *values;                /* (n_listed,) */
    uint64_t n_pools, n_items, n_steps, n_listed;
};

/* What they gave. */
struct device_answers {
    struct device_decided *decided; /* (n_items,) */
    struct device_measured *pooled; /* (n_pools,) */
    struct device_apart *apart;     /* (n_pools,) */
};

struct device_rows; /* scratch for rows of one length on one card */

#endif

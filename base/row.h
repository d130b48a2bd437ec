/* Rows: one distribution over a symbol space each, and what can be done with one where it lives.
 *
 * A row keeps raw scores (logits, or log-probabilities of any offset) and log Z, their log-sum-exp, so that
 * log p(v) = score[v] - log_z.  A masked symbol has score -INFINITY.  NaN and +INFINITY are errors.  A row whose
 * scores are all -INFINITY is *dead*: log_z is -INFINITY and it may not be drawn from.
 *
 * Sums are double, in sixteen lanes of fixed order (base/row_kernel_body.h), and exp and log are our own
 * (base/row_math.h), so that a row's numbers are the same bits on every instruction set.  They are as exact as float
 * scores allow: log_z within 1e-6 of the true one, mostly within 1e-8.
 *
 * The primitives are a table of functions (row_ops): the CPU's here, a device's later.  Pools and chains are written
 * over the functions below and so run where the rows are.  None allocates: scratch is a struct row_work. */
#ifndef BASE_ROW_H
#define BASE_ROW_H

#include "base/rng.h"
#include "base/space.h"
#include <stdbool.h>

struct row_ops;

struct row {
    const struct row_ops *ops; /* where score lives */
    float *score;              /* (n,) */
    uint32_t n;
    double log_z;      /* log-sum-exp of score; -INFINITY: dead */
    double log_weight; /* the part of a global target that this step adds; 0 for a plain lm */

    /* What row.c knows beside: the largest score, if has_top and log_z still is top_z.  Who writes scores measures again. */
    float top;
    bool has_top;
    double top_z;
    uint64_t few; /* of `listed`: where its list of blocks is this row's; 0: it is not */
    const struct row_work *listed;
};

#define ROW_WORK_TAIL 65536 /* symbols said that a step may look back on with an array */
#define ROW_SPARES    6
#define ROW_BLOCK     64 /* symbols whose noise is made together; also the stride of loops over rows */

/* Scratch for rows of up to n symbols; one thread at a time. */
struct row_work {
    uint32_t n;
    float *key;               /* (n,) sort keys, temporary scores */
    sym_t *id;                /* (n,) candidates */
    float *value;             /* (n,) */
    double *mass;             /* (n,) */
    float *spare[ROW_SPARES]; /* (n,) each, zeroed once, for the layers above: no function of rows touches them */
    uint32_t *tail;           /* (ROW_WORK_TAIL,) likewise: one number for each of the last symbols said */
    uint32_t *block;   /* (ceil(n / ROW_BLOCK),) blocks of the last row that was listed: whose `few` is this one's */
    uint32_t n_blocks; /* what is not masked of that row lies in these */
    uint64_t few;
    uint32_t *place; /* (ceil(n / ROW_BLOCK),) for the layers above */
};
struct row_work *row_work_alloc(uint32_t n);
void row_work_free(struct row_work *w);

extern const struct row_ops row_cpu; /* host memory, the best instruction set of this machine (same bits on all) */

/* A row over caller memory of n floats; call row_measure() before anything that reads log_z. */
struct row row_over(float *score, uint32_t n);
void row_copy(struct row *to, const struct row *from); /* to->n == from->n; scores, log_z, log_weight */

/* Scores beyond this cannot be told from ln n in log_z, a double: a checkpoint that gives them is refused. */
#define ROW_SCORE_MOST 0x1p33

/* log_z from the scores.  0; ERR_DATA "score of symbol 17 is nan". */
int row_measure(struct row *r);

/* The same after symbols were masked and no more: what is wholly masked costs a look. */
void row_measure_less(struct row *r);

bool row_dead(const struct row *r);
double row_logp(const struct row *r, sym_t v); /* score[v] - log_z; -INFINITY when masked or dead */
double row_entropy(const struct row *r);       /* nats; 0 for a dead row */
sym_t row_argmax(const struct row *r);         /* lowest id among equals; assert: not dead */
float row_max(const struct row *r);
float row_min(const struct row *r);      /* the smallest score that is not masked; INFINITY when all are */
uint32_t row_count(const struct row *r); /* symbols not masked */
/* Mean and population variance of the scores that are not masked; assert: not dead. */
void row_spread(const struct row *r, double *mean, double *variance);
double row_log_power(const struct row *r, double k, struct row_work *w); /* log of the sum of p^k, 0 < k < inf */
/* KL(q || p), nats, 0 where either is dead.  q has masked all that p has. */
double row_divergence(const struct row *q, const struct row *p);
/* |score - center|, in double before it is stored; inf for a masked symbol. */
void row_distance(const struct row *r, double center, float distance[]);
void row_exp(const struct row *r, float x[], uint32_t n); /* scores x -> their probabilities, exp(x - log_z) */
void row_probs(const struct row *r, float p[]);           /* of every symbol; 0 of a dead row */
/* The symbols of at least that score, not masked, in the order of ids, in w->id and w->value; returns how many. */
uint32_t row_at_least(const struct row *r, float score, struct row_work *w);
/* Lists in w->block the blocks of ROW_BLOCK symbols in which any is not masked, in order, unless the list is r's already
 * (then some may be masked since).  It stays r's until w lists another row or r is measured anew. */
void row_list(struct row *r, struct row_work *w);
bool row_listed(const struct row *r, const struct row_work *w); /* w's list is r's */
void row_list_made(struct row *r, struct row_work *w);          /* it is now: who wrote it says so */
void row_gather(const struct row *r, const sym_t id[], size_t n, double logp[]);
/* Best first; id may be w->id, logp may be w->mass.  Leaves their scores in w->value. */
uint32_t row_top(const struct row *r, uint32_t k, struct row_work *w, sym_t id[], double logp[]);

/* Changes of scores; each measures again (log_z is right afterwards).  Masked stays masked.
 * row_scale(): factor >= 0; where factor times the maximum passes 4096, a float's spacing would show in the
 * probabilities, and the new scores are relative to the maximum. */
void row_scale(struct row *r, double factor); /* score * factor, and never masks */
/* score -> max + square d^2 + cube d^3, d = score - max <= 0; without the offset max where row_scale() leaves it out. */
void row_bend(struct row *r, double square, double cube);
void row_shift(struct row *r, const sym_t id[], uint32_t n, double by); /* score + by of those; by < inf, -inf masks */
/* Where log_z has lost ln n, beyond ROW_SCORE_MOST, the scores move until the largest is 0; else nothing happens. */
void row_near(struct row *r);
void row_normalise(struct row *r);               /* score - log_z, log_z = 0; dead stays dead */
void row_mask_below(struct row *r, float score); /* masks score[v] < score */
void row_only(struct row *r, sym_t v);           /* masks all others */

/* Exact cuts.  Order: score descending, then id ascending.  Each keeps at least min_keep (>= 1) of the unmasked, and
 * needs a row_work of at least n symbols.
 * A mass m reaches p when m >= p (1 - 2^-22).  Scores are floats, so that a probability is known to about 2^-23 of
 * itself (the rounding of a score between 1 and 4, the error of exp); of {.4, .3, .2, .1} the first two do reach .7. */
void row_keep_rank(struct row *r, uint32_t k, struct row_work *w);
/* The shortest prefix whose probability reaches p (p >= 1 keeps all that is not masked). */
void row_keep_mass(struct row *r, double p, uint32_t min_keep, struct row_work *w);
/* As row_keep_mass(), but in the order of key ascending, then id ascending; key has r->n entries. */
void row_keep_mass_by(struct row *r, const float key[], double p, uint32_t min_keep, struct row_work *w);
/* Where row_keep_mass_by() would cut for min_keep = 1, of key = row_distance() from the center, at less cost: the last
 * symbol kept.  p < 1; assert: not dead. */
sym_t row_mass_near(const struct row *r, double center, const float key[], double p, struct row_work *w);
/* Masks what stands behind (most, last) in the order of key, then id; last = n - 1 leaves all equals of most. */
void row_mask_far(struct row *r, const float key[], float most, sym_t last);
void row_mask_after(struct row *r, sym_t v); /* masks what stands behind v, which is not masked, in rank order */

/* Draws by Gumbel arg max with addressed top-down noise: the maximum of a block of 64 symbols is ln 64 + a Gumbel, its
 * place uniform, the others truncated below it.  Exact: symbol v with probability exp(logp(v)); a masked symbol never.
 * assert: not dead. */
sym_t row_draw(const struct row *r, const struct rng_key *k);
/* The same of a row in which all blocks of ROW_BLOCK symbols but these are masked, at their cost. */
sym_t row_draw_few(const struct row *r, const struct rng_key *k, const uint32_t block[], uint32_t n_blocks);
/* The noise itself of symbol v (for oracles and for speculative decoding with the target's own noise). */
double row_noise(const struct rng_key *k, sym_t v);

/* Pools of n_rows <= 64 rows into out (out->score is n floats of its own; normalised, log_z = 0).  weight[i] >= 0;
 * rows of weight 0 are left out entirely.  Each returns log Z of the pool before normalisation; -INFINITY when out is
 * dead.  Rows of a pool are used normalised (score - log_z); one alone with weight 1 comes out bit for bit.
 * linear: log sum w p.   log: sum w log p.   power: (1/r) log sum w p^r, r != 0, r may be +-INFINITY (max, min). */
double row_pool_linear(struct row *out, const struct row rows[], const double weight[], size_t n_rows);
double row_pool_log(struct row *out, const struct row rows[], const double weight[], size_t n_rows);
double row_pool_power(struct row *out, const struct row rows[], const double weight[], size_t n_rows, double r);

/* How the rows of a mixture m = sum w p differ, in one pass over them; nats.  Weights of dead rows are left out, the others
 * made to sum to one.  All 0 where none lives. */
struct row_apart {
    double within;  /* sum_k w_k H(p_k) */
    double forward; /* sum_k w_k KL(p_k || m), the generalised Jensen-Shannon divergence */
    double reverse; /* sum_k w_k KL(m || p_k); INFINITY where a member masks what another has */
};
void row_pool_apart(const struct row rows[], const double weight[], size_t n_rows, struct row_apart *out);
/* row_pool_linear() and row_pool_log() with row_pool_apart() in the same pass; the bits of both. */
double row_pool_linear_apart(struct row *out, const struct row rows[], const double weight[], size_t n_rows,
                             struct row_apart *apart);
double row_pool_log_apart(struct row *out, const struct row rows[], const double weight[], size_t n_rows,
                          struct row_apart *apart);

#endif

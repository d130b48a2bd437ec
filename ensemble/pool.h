/* Pool rules: how the voices' distributions become one.  Rows of a table; the -inf table of each is its documentation.
 *
 *   linear  log  product  power(r)  min  max     the family of weighted means (pool_power.c)
 *   gated(tau, rule=linear)                      the leader alone where it is sure (pool_gated.c)
 *   sampled                                      one voice, drawn anew at every step (pool_sampled.c)
 *   contrast  cfg  cad  dexperts  strength       one voice steered by the difference of others (pool_signed.c)
 *   dola(plausibility=0.1)                       the last layer against the farthest early exit (pool_dola.c)
 *
 * A rule f works on probabilities at one position (*local*), or, with `mode=global` (an argument of every rule of the
 * family), on the voices' probabilities of the whole prefix.  Pooling locally and normalising at every step is another
 * distribution over strings than normalising f(p_1(x), .., p_K(x)) over strings.  Either way log Z says what the step
 * took away: an SMC search that multiplies it up targets the unnormalised global measure.
 *
 * Voice k's row is used as its probabilities exp(score - log_z).  What is masked has probability zero; where no symbol
 * keeps any (disjoint supports under a veto), the pool is *dead*: log_z and log Z are -INFINITY, nothing is NaN.
 * At most LM_MAX_VOICES voices. */
#ifndef ENSEMBLE_POOL_H
#define ENSEMBLE_POOL_H

#include "base/row.h"
#include "base/spec.h"

struct pool;

struct pool_members;
struct pool_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    bool weighted;    /* false: weights say nothing, not even zero */
    bool sums_to_one; /* weights are made to sum to one */
    uint32_t min_voices, max_voices;
    const char *meaning, *source;
    /* Checks and reads the text parameters.  0 or ERR_USAGE. */
    int (*check)(struct pool *p);
    /* rows (n,) measured; out: row of its own memory; returns log Z (-INFINITY: out is dead). */
    double (*apply)(const struct pool *p, struct row *out, const struct row rows[], const double weight[], size_t n);
    /* ln f at one symbol of log-probabilities logp (n,), homogeneous in them: adding a constant to every logp adds
     * degree * constant.  NULL: the rule has no mode=global. */
    double (*value)(const struct pool *p, const double weight[], const double logp[], size_t n);
    bool mean; /* it is the weighted mean of power pool.r */
    /* Of at least two voices of positive weight, not global: apply() and row_pool_apart().  NULL: one after the other. */
    double (*apply_apart)(const struct pool *p, struct row *out, const struct pool_members *m, struct row_apart *apart);
    bool samples; /* an ensemble draws one voice at every position, pool_member(), and that is its row */
    /* Whether the other voices are wanted where the leader's (voice 0's) row is this.  NULL: always. */
    bool (*others)(const struct pool *p, const struct row *leader);
};

struct pool {
    const struct pool_type *type;
    struct spec_value value[SPEC_MAX_PARAMS];
    struct spec *spec; /* what value points into */
    bool global;       /* mode=global */
    double r;          /* exponent of the mean, for rules that are one */
};

int pool_parse(const char *text, struct pool *out); /* 0 or ERR_USAGE (unknown: lists, nearest) */
void pool_fini(struct pool *p);
void pool_text(const struct pool *p, struct text *out); /* canonical, appended */
const struct pool_type *const *pool_types(size_t *n);

/* Checks n voices and their weights, >= 0 and of positive sum, and makes them what the rule wants: sum one, as given,
 * or all equal for a rule without weights.  0 or ERR_USAGE. */
int pool_weights(const struct pool *p, double weight[], size_t n);

/* The pool of rows at one position; weights as pool_weights() left them.  A pool that has one voice left, of weight one,
 * is that voice's row bit for bit, raw scores included; otherwise out is normalised, log_z = 0. */
double pool_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[], size_t n);

/* The same, and how the voices differ (row_pool_apart()), in one pass where the rule has one. */
struct pool_members {
    const struct row *rows; /* (n,) */
    const double *weight;
    size_t n;
};
double pool_apply_apart(const struct pool *p, struct row *out, const struct pool_members *m, struct row_apart *apart);

/* The pool of prefixes: prefix[k] = ln p_k(prefix), -INFINITY where voice k excludes it.  out(b) is the normalised
 * f(p_1(prefix b), .., p_K(prefix b)); returns ln sum_b f(prefix b) - ln f(prefix), the log-weight that the step adds.
 * A row's own log-weight belongs to its p_k(prefix b).  p->global must hold.  The empty prefix has ln f = 0, so a run
 * starts at log-weight 0. */
double pool_apply_prefix(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                         size_t n, const double prefix[]);

/* The voice that u in (0, 1) falls to; weights as pool_weights() left them. */
size_t pool_member(const double weight[], size_t n, double u);

/* The share of each voice in a symbol to which it gave logp[k] (NAN: took no part): its posterior responsibility
 * w_k p_k / sum_j w_j p_j, "which voice would have said this, were one of them speaking".
 * One definition for every rule, so that arms with different rules can be compared; it is exact for linear pools and
 * their prefixes, sums to one, and equals the weights where the voices agree.  (The elasticity of the rule itself,
 * w_k p_k^r / sum, would be constant for log pools and so say nothing.)  Where all give zero: the weights. */
void pool_share(const double weight[], const double logp[], size_t n, float share[]);

#endif

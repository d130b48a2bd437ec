/* The family of weighted means M_r(v) = (sum_k w_k p_k(v)^r)^(1/r), in log space.
 *
 *   rule      r      weights       source
 *   linear    1      sum to one    Stone 1961: the opinion pool; the mixture
 *   log       0      sum to one    Genest & Zidek 1986: the geometric pool, exp(sum w log p)
 *   product   0      as given      Hinton 2002: product of experts; equal weights of 1 multiply
 *   power(r)  r      sum to one    Hardy, Littlewood & Polya: -1 harmonic, 2 quadratic, 0 is log
 *   min     -inf     none
 *   max     +inf     none
 *
 * The -inf table (p = 0 is log p = -inf):
 *   case                    linear  log   product  power r>0  power r<=0  min   max
 *   one voice gives 0       fine    0     0        fine       0           0     fine
 *   all voices give 0       0       0     0        0          0           0     0
 *   w_k = 0                 drop    drop  drop     drop       drop        keep  keep
 *   a whole voice is dead   fine    dead  dead     fine       dead        dead  fine
 *   all symbols are 0       dead    dead  dead     dead       dead        dead  dead
 *   voice sums to less      Z tells, the result is normalised
 * "All symbols are 0" under linear, power r>0 and max means that every voice is dead.  0 * -inf never arises: voices of
 * weight zero are left out before any arithmetic. */
#include "base/err.h"
#include "base/row_math.h"
#include "ensemble/pool_rules.h"
#include "model/lm.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define LEAST_R 1e-6

/* mode is the last parameter of every rule of the family. */
static int mean_check(struct pool *p, double r)
{
    static const char *const modes[] = { "local", "global" };
    struct spec_value *mode = &p->value[p->type->n_params - 1];
    p->r = r;
    if (!mode->text)
        return 0;
    p->global = strcmp(mode->text, "global") == 0;
    if (!p->global && strcmp(mode->text, "local") != 0)
        return err_add(err_unknown(ERR_USAGE, "mode", mode->text, modes, 2), "%s", p->type->name);
    if (!p->global)
        mode->text = NULL; /* the default, so that both spellings have one canonical text */
    return 0;
}

static int linear_check(struct pool *p)
{
    return mean_check(p, 1);
}

static int log_check(struct pool *p)
{
    return mean_check(p, 0);
}

/* Nearer to 0 the sum's rounding, 2^-52 / r, would be larger than what sets the mean apart from the geometric one, and
 * beyond 1 / LEAST_R the mean is min or max to within a float. */
static int power_check(struct pool *p)
{
    double r = p->value[0].number, size = fabs(r);
    if (r != 0 && !isinf(r) && (size < LEAST_R || size > 1 / LEAST_R))
        return err_set(ERR_USAGE, "power: r is %g, want 0, inf, -inf or a magnitude from %g to %g", r, LEAST_R,
                       1 / LEAST_R);
    return mean_check(p, r);
}

static int min_check(struct pool *p)
{
    return mean_check(p, -INFINITY);
}

static int max_check(struct pool *p)
{
    return mean_check(p, INFINITY);
}

double pool_dead(struct row *out, const struct row rows[])
{
    row_copy(out, &rows[0]);
    row_mask_below(out, INFINITY);
    return -INFINITY;
}

double pool_only(struct row *out, const struct row *row)
{
    row_copy(out, row);
    if (row_dead(row))
        return -INFINITY;
    int rc = row_measure(out);
    assert(rc == 0);
    (void)rc;
    return out->log_z - row->log_z;
}

double pool_mean(struct row *out, const struct row rows[], const double weight[], size_t n, double r)
{
    size_t n_active = 0, last = 0;
    for (size_t k = 0; k < n; k++)
        if (weight[k] > 0) {
            n_active++;
            last = k;
        }
    if (n_active == 1 && weight[last] == 1)
        return pool_only(out, &rows[last]);
    if (r == 0)
        return row_pool_log(out, rows, weight, n);
    if (r == 1)
        return row_pool_linear(out, rows, weight, n);
    return row_pool_power(out, rows, weight, n, r);
}

static double mean_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                         size_t n)
{
    double one[LM_MAX_VOICES];
    for (size_t k = 0; k < n; k++)
        one[k] = 1;
    return pool_mean(out, rows, p->type->weighted ? weight : one, n, p->r);
}

static double linear_apart(const struct pool *p, struct row *out, const struct pool_members *m, struct row_apart *apart)
{
    (void)p;
    return row_pool_linear_apart(out, m->rows, m->weight, m->n, apart);
}

static double log_apart(const struct pool *p, struct row *out, const struct pool_members *m, struct row_apart *apart)
{
    (void)p;
    return row_pool_log_apart(out, m->rows, m->weight, m->n, apart);
}

/* (1/r) ln sum w exp(r x), shifted by the largest r x. */
static double power_value(const double weight[], const double logp[], size_t n, double r)
{
    double top = -INFINITY, sum = 0;
    for (size_t k = 0; k < n; k++)
        if (weight[k] > 0)
            top = fmax(top, r * logp[k]);
    if (isinf(top))
        return r > 0 ? top : -top; /* r > 0: all are zero.  r < 0: one is zero, a veto */
    for (size_t k = 0; k < n; k++)
        if (weight[k] > 0)
            sum += weight[k] * math_exp64(r * logp[k] - top);
    return (math_log64(sum) + top) / r;
}

static double extreme_value(const double weight[], const double logp[], size_t n, double sign)
{
    double best = -INFINITY;
    for (size_t k = 0; k < n; k++)
        if (weight[k] > 0)
            best = fmax(best, sign * logp[k]);
    return sign * best;
}

static double mean_value(const struct pool *p, const double weight[], const double logp[], size_t n)
{
    double sum = 0;
    if (isinf(p->r))
        return extreme_value(weight, logp, n, p->r > 0 ? 1 : -1);
    if (p->r != 0)
        return power_value(weight, logp, n, p->r);
    for (size_t k = 0; k < n; k++)
        if (weight[k] > 0)
            sum += weight[k] * logp[k];
    return sum;
}

#define MODE                                                                                                           \
    {                                                                                                                  \
        .name = "mode", .kind = PARAM_TEXT, .meaning = "local: pool steps; global: pool prefixes, with log-weights"    \
    }

static const struct param mode_param[] = { MODE };
static const struct param power_params[] = {
    { .name = "r",
      .kind = PARAM_REAL,
      .min = -INFINITY,
      .max = INFINITY,
      .required = true,
      .meaning = "exponent of the mean: 1 linear, 0 log, -1 harmonic, -inf min, inf max" },
    MODE,
};

/* What all six share. */
#define MEAN                                                                                                           \
    .min_voices = 1, .max_voices = LM_MAX_VOICES, .apply = mean_apply, .value = mean_value, .mean = true, .others = NULL

const struct pool_type pool_linear = {
    .name = "linear",
    .params = mode_param,
    .n_params = 1,
    .weighted = true,
    .sums_to_one = true,
    .meaning = "weighted arithmetic mean of the probabilities: a mixture, what any voice may say",
    .source = "Stone 1961",
    .check = linear_check,
    .apply_apart = linear_apart,
    MEAN,
};

const struct pool_type pool_log = {
    .name = "log",
    .params = mode_param,
    .n_params = 1,
    .weighted = true,
    .sums_to_one = true,
    .meaning = "weighted geometric mean of the probabilities: what all voices may say",
    .source = "Genest & Zidek 1986",
    .check = log_check,
    .apply_apart = log_apart,
    MEAN,
};

const struct pool_type pool_product = {
    .name = "product",
    .params = mode_param,
    .n_params = 1,
    .weighted = true,
    .sums_to_one = false,
    .meaning = "product of the probabilities to the powers of the weights as given; sharpens with every voice",
    .source = "Hinton 2002 (product of experts)",
    .check = log_check,
    .apply_apart = log_apart,
    MEAN,
};

const struct pool_type pool_power = {
    .name = "power",
    .params = power_params,
    .n_params = 2,
    .weighted = true,
    .sums_to_one = true,
    .meaning = "weighted power mean of the probabilities",
    .source = "Hardy, Littlewood & Polya 1934; f-ensembles, arXiv 2603.05432",
    .check = power_check,
    MEAN,
};

const struct pool_type pool_min = {
    .name = "min",
    .params = mode_param,
    .n_params = 1,
    .weighted = false,
    .sums_to_one = false,
    .meaning = "least of the probabilities: consensus; knows no weights",
    .source = "f-ensembles, arXiv 2603.05432",
    .check = min_check,
    MEAN,
};

const struct pool_type pool_max = {
    .name = "max",
    .params = mode_param,
    .n_params = 1,
    .weighted = false,
    .sums_to_one = false,
    .meaning = "largest of the probabilities: coverage; knows no weights",
    .source = "f-ensembles, arXiv 2603.05432",
    .check = max_check,
    MEAN,
};

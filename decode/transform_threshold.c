/* top_a, epsilon, eta, p_less, p_less_norm: what has at least a certain probability is kept, at least min_keep symbols.
 *
 *   top_a          a p_max^2
 *   epsilon        epsilon
 *   eta            min(epsilon, sqrt(epsilon) exp(-H)), H in nats
 *   p_less         (sum p^order)^(1 / (order - 1)); order 2: the probability that two draws agree; order inf: p_max,
 *                  order 1 (the limit): exp(-H)
 *   p_less_norm    (n sum p^2 - 1) / (n - 1) of the n symbols not masked; n = 1 keeps it
 * A probability meets its bound when it differs from it by rounding (transform_least()), so that of equal ones all stay;
 * llama.cpp's p_less takes 1e-5 off its bound for that.
 *
 * Other systems: Hugging Face, where fewer than min_keep remain, keeps the ties of the last too; Aphrodite keeps the arg
 * max alone. */
#include "base/row_math.h"
#include "decode/transforms.h"
#include <math.h>

static double log_or_less(double x)
{
    return x > 0 ? math_log64(fmax(x, 0x1p-1000)) : -INFINITY;
}

/* The bound is a log-probability; -INFINITY keeps all.  min_keep is the last parameter of each. */
static int keep_from(const struct transform *t, struct row *r, double logp, const struct transform_at *at)
{
    if (logp > -INFINITY)
        transform_keep_above(r, transform_least(r, logp), transform_count(t, t->type->n_params - 1), at->work);
    return 0;
}

static double top_logp(const struct row *r)
{
    return (double)row_max(r) - r->log_z;
}

static int top_a_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    return keep_from(t, r, log_or_less(t->value[0].number) + 2 * top_logp(r), at);
}

static int epsilon_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    return keep_from(t, r, log_or_less(t->value[0].number), at);
}

static int eta_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double log_epsilon = log_or_less(t->value[0].number);
    (void)state;
    return keep_from(t, r, fmin(log_epsilon, log_epsilon / 2 - row_entropy(r)), at);
}

static int p_less_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double order = t->value[0].number;
    (void)state;
    double logp = top_logp(r);
    if (order - 1 < 1e-6)
        logp = fmin(logp, -row_entropy(r)); /* the limit, which the quotient has no digits for */
    else if (order < INFINITY)
        logp = fmin(logp, row_log_power(r, order, at->work) / (order - 1));
    return keep_from(t, r, logp, at);
}

static int p_less_norm_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double n = row_count(r);
    (void)state;
    if (n < 2)
        return 0;
    double agree = math_exp64(row_log_power(r, 2, at->work));
    return keep_from(t, r, fmin(log_or_less((n * agree - 1) / (n - 1)), top_logp(r)), at);
}

static const struct param top_a_params[] = {
    { .name = "a",
      .kind = PARAM_REAL,
      .max = INFINITY,
      .required = true,
      .meaning = "times the square of the largest probability is the least kept; 0 is off" },
    PARAM_MIN_KEEP,
};
static const struct param epsilon_params[] = {
    { .name = "epsilon",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "least probability kept; 0 is off" },
    PARAM_MIN_KEEP,
};
static const struct param eta_params[] = {
    { .name = "epsilon",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "least probability kept of sure rows; less in unsure ones; 0 is off" },
    PARAM_MIN_KEEP,
};
static const struct param p_less_params[] = {
    { .name = "order",
      .kind = PARAM_REAL,
      .min = 1,
      .min_open = true,
      .max = INFINITY,
      .value = 2,
      .meaning = "of the collision probability; higher cuts more, inf keeps the most probable alone" },
    PARAM_MIN_KEEP,
};
static const struct param p_less_norm_params[] = { PARAM_MIN_KEEP };

const struct transform_type transform_top_a = {
    .name = "top_a",
    .params = top_a_params,
    .n_params = 2,
    .meaning = "keeps what has at least a share of the square of the largest probability",
    .domain = "probabilities",
    .source = "BlinkDL 2022 (RWKV), koboldcpp",
    .shown = { "top_a=0.5" },
    .start = transform_start_none,
    .apply = top_a_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_epsilon = {
    .name = "epsilon",
    .params = epsilon_params,
    .n_params = 2,
    .meaning = "keeps what is at least so probable",
    .domain = "probabilities",
    .source = "Hewitt, Manning, Liang 2022 (arXiv 2210.15191)",
    .shown = { "epsilon=0.05" },
    .start = transform_start_none,
    .apply = epsilon_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_eta = {
    .name = "eta",
    .params = eta_params,
    .n_params = 2,
    .meaning = "keeps what is at least so probable, or less in rows of high entropy",
    .domain = "probabilities",
    .source = "Hewitt, Manning, Liang 2022 (arXiv 2210.15191)",
    .shown = { "eta=0.3" },
    .start = transform_start_none,
    .apply = eta_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_p_less = {
    .name = "p_less",
    .params = p_less_params,
    .n_params = 2,
    .meaning = "keeps what is at least as probable as two draws are to agree",
    .domain = "probabilities",
    .source = "arXiv 2509.23234",
    .shown = { "p_less" },
    .start = transform_start_none,
    .apply = p_less_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_p_less_norm = {
    .name = "p_less_norm",
    .params = p_less_norm_params,
    .n_params = 1,
    .meaning = "as p_less, with the agreement of a uniform row taken off",
    .domain = "probabilities",
    .source = "arXiv 2509.23234",
    .shown = { "p_less_norm" },
    .start = transform_start_none,
    .apply = p_less_norm_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};

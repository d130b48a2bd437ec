/* mirostat1, mirostat2: truncations that steer the surprise of what is said towards tau bits.
 *
 * Both keep a bound mu, which begins at 2 tau and moves after every symbol: mu - eta (S - tau), S = -log2 p of the symbol
 * under the distribution that it was drawn from (what the whole chain left; mirostat is meant to be its last step).
 *   mirostat1(tau, eta)   estimates Zipf's exponent s from the 100 most probable symbols by least squares on
 *                         ln((i+2)/(i+1)), and keeps the k = ((s-1) 2^mu / (1 - n^(1-s)))^(1/s) most probable, at least one;
 *                         s = 1 is its limit (2^mu / ln n)^1; n is the size of the space
 *   mirostat2(tau, eta)   masks what is less probable than 2^-mu; the most probable symbol stays
 * Other systems: Aphrodite measures S before the truncation; several shared one mu among sequences or lost it in a clone,
 * which state in plain bytes cannot. */
#include "base/num.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "decode/transforms.h"
#include <math.h>

#define ZIPF 100 /* most probable symbols that the exponent is estimated from */

struct mirostat {
    double mu; /* bits */
};

static void mirostat_start(const struct transform *t, void *state)
{
    struct mirostat *m = state;
    m->mu = 2 * t->value[0].number;
}

static void mirostat_accept(const struct transform *t, void *state, const struct transform_choice *c)
{
    struct mirostat *m = state;
    double surprise = -c->logp / M_LN2;
    if (isfinite(surprise))
        m->mu -= t->value[1].number * (surprise - t->value[0].number);
}

/* Zipf's exponent of the n >= 2 log-probabilities logp[], best first. */
static double exponent(const double logp[], uint32_t n)
{
    double products = 0, squares = 0;
    for (uint32_t i = 0; i + 1 < n; i++) {
        double x = num_log((double)(i + 2) / (double)(i + 1));
        products += x * (logp[i] - logp[i + 1]);
        squares += x * x;
    }
    return products / squares;
}

/* The number of symbols that mu bits allow, in [1, n]; by logarithms, so that no power overflows. */
static uint32_t allowed(double s, double mu, double n)
{
    double e = s - 1, log_n = num_log(n);
    double tail = e * log_n; /* (1 - n^-e) / e tends to ln n as e tends to 0 */
    double span = fabs(tail) < 1e-6 ? log_n * (1 - tail / 2) : (1 - math_exp64(fmin(-tail, 700))) / e;
    double log_k = (mu * M_LN2 - num_log(span)) / s;
    if (!(log_k > 0)) /* also 0 / 0: a flat row whose count is mu's just so */
        return 1;
    return log_k >= log_n ? (uint32_t)n : (uint32_t)math_exp64(log_k);
}

static int mirostat1_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct mirostat *m = state;
    sym_t id[ZIPF];
    double logp[ZIPF];
    (void)t;
    uint32_t n = row_top(r, ZIPF < r->n ? ZIPF : r->n, at->work, id, logp);
    if (n >= 2) {
        uint32_t k = allowed(exponent(logp, n), m->mu, (double)r->n);
        k = k > 0 ? k : 1;
        if (k > n) {
            row_keep_rank(r, k, at->work);
            return 0;
        }
        row_mask_after(r, id[k - 1]); /* the k-th is known */
    }
    return 0;
}

static int mirostat2_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct mirostat *m = state;
    (void)t;
    (void)at;
    double least = r->log_z - m->mu * M_LN2;
    if ((double)row_max(r) < least)
        row_only(r, row_argmax(r));
    else
        row_mask_below(r, (float)least);
    return 0;
}

static const struct param mirostat_params[] = {
    { .name = "tau", .kind = PARAM_REAL, .max = 1e3, .value = 5, .meaning = "surprise aimed at, in bits" },
    { .name = "eta",
      .kind = PARAM_REAL,
      .max = 1e3,
      .value = 0.1,
      .meaning = "how far the bound moves for each bit of error" },
};

const struct transform_type transform_mirostat1 = {
    .name = "mirostat1",
    .params = mirostat_params,
    .n_params = 2,
    .meaning = "keeps as many symbols as steer the surprise of the text towards tau, by Zipf's law",
    .domain = "probabilities",
    .source = "Basu et al. 2021 (Mirostat)",
    .state_size = sizeof(struct mirostat),
    .shown = { "mirostat1=1" },
    .start = mirostat_start,
    .apply = mirostat1_apply,
    .accept = mirostat_accept,
    .single = transform_never_single,
};

const struct transform_type transform_mirostat2 = {
    .name = "mirostat2",
    .params = mirostat_params,
    .n_params = 2,
    .meaning = "masks what is more surprising than a bound that steers the surprise of the text towards tau",
    .domain = "probabilities",
    .source = "Basu et al. 2021 (Mirostat 2.0), llama.cpp",
    .state_size = sizeof(struct mirostat),
    .shown = { "mirostat2=1" },
    .start = mirostat_start,
    .apply = mirostat2_apply,
    .accept = mirostat_accept,
    .single = transform_never_single,
    .blind = true,
};

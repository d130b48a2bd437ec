/* bayes(eta) and share(alpha).  The state is ln w (n_voices,), normalised.
 *
 * A voice that gave the symbol probability 0 has weight 0 from then on under bayes; where all of them did (a symbol forced
 * on the ensemble), nothing is learnt.  Under share every voice comes back through its prior. */
#include "base/row_math.h"
#include "ensemble/weighting_types.h"
#include "model/lm.h"
#include <math.h>

static double log_of(double x)
{
    return x > 0 ? math_log64(x) : -INFINITY;
}

static size_t bayes_size(const struct weighting *w, size_t n_voices)
{
    (void)w;
    return n_voices;
}

static void bayes_start(const struct weighting *w, const double prior[], size_t n_voices, double state[])
{
    (void)w;
    for (size_t k = 0; k < n_voices; k++)
        state[k] = log_of(prior[k]);
}

static void bayes_weigh(const struct weighting *w, const double state[], size_t n_voices, double weight[])
{
    double sum = 0;
    (void)w;
    for (size_t k = 0; k < n_voices; k++)
        sum += weight[k] = math_exp64(state[k]);
    for (size_t k = 0; k < n_voices; k++)
        weight[k] /= sum;
}

/* state + gain (n,), normalised; unchanged where nothing would be left. */
static void add_evidence(double state[], const double gain[], size_t n)
{
    double top = -INFINITY, sum = 0;
    for (size_t k = 0; k < n; k++)
        top = fmax(top, state[k] + gain[k]);
    if (top == -INFINITY)
        return;
    for (size_t k = 0; k < n; k++)
        sum += math_exp64(state[k] + gain[k] - top);
    double log_sum = top + math_log64(sum);
    for (size_t k = 0; k < n; k++)
        state[k] = state[k] == -INFINITY ? -INFINITY : state[k] + gain[k] - log_sum;
}

/* The voices that took no part are given what the pool gave: their weights stay.  eta 0 learns nothing, of what has no
 * probability either. */
static void learn(const struct weighting_step *s, double eta, double state[])
{
    double gain[LM_MAX_VOICES];
    if (eta == 0)
        return;
    for (size_t k = 0; k < s->n_voices; k++) {
        bool part = k >= s->first && k < s->first + s->n;
        gain[k] = eta * row_logp(part ? &s->rows[k - s->first] : s->pool, s->symbol);
    }
    add_evidence(state, gain, s->n_voices);
}

static void bayes_update(const struct weighting *w, const struct weighting_step *s, const double prior[],
                         double state[])
{
    (void)prior;
    learn(s, w->value[0].number, state);
}

static void share_update(const struct weighting *w, const struct weighting_step *s, const double prior[],
                         double state[])
{
    double alpha = w->value[0].number;
    learn(s, 1, state);
    if (alpha == 0) /* Bayes' rule, however small a weight is */
        return;
    for (size_t k = 0; k < s->n_voices; k++)
        state[k] = log_of((1 - alpha) * math_exp64(state[k]) + alpha * prior[k]);
}

static const struct param bayes_params[] = {
    { .name = "eta",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 100,
      .value = 1,
      .meaning = "how much a step counts; 1 is Bayes' rule, below 1 learns more slowly" },
};

static const struct param share_params[] = {
    { .name = "alpha",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 1,
      .value = 0.01,
      .meaning = "share of the weight that goes back to the prior at every step; 0 is bayes" },
};

#define LEARNS .check = NULL, .size = bayes_size, .start = bayes_start, .weigh = bayes_weigh

const struct weighting_type weighting_bayes = {
    .name = "bayes",
    .params = bayes_params,
    .n_params = 1,
    .meaning = "posterior weights: each voice by what it has given the text so far",
    .source = "Bayes mixture; with eta: exponential weights, Cesa-Bianchi & Lugosi 2006",
    .by_symbol = true,
    .update = bayes_update,
    LEARNS,
};

const struct weighting_type weighting_share = {
    .name = "share",
    .params = share_params,
    .n_params = 1,
    .meaning = "posterior weights that forget: a part goes back to the prior at every step",
    .source = "Herbster & Warmuth 1998 (fixed share)",
    .by_symbol = true,
    .update = share_update,
    LEARNS,
};

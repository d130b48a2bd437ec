/* temperature and normalise: changes of scale and offset.
 *
 * temperature=T divides the scores by T.  T = 0 is its limit with the tie settled: the first maximum by symbol id alone
 * (the limit itself would share the mass among equal maxima).  T = inf is uniform over what is not masked.
 * Other systems: llama.cpp keeps the first maximum in its present sort order at T <= 0; Hugging Face refuses T = 0; vLLM,
 * SGLang and ExLlama switch to greedy below 1e-5, 1e-6 and 0.01; Aphrodite clamps T at 1e-5.
 *
 * normalise subtracts log Z: the distribution stays, the raw scores become log-probabilities.  It is Hugging Face's
 * LogitNormalization, and in front of repetition_penalty its `normalize=True` (a penalty that no longer depends on an
 * offset of the scores). */
#include "decode/transforms.h"
#include <float.h>
#include <math.h>

static int temperature_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double temperature = t->value[0].number;
    (void)state;
    (void)at;
    if (row_dead(r) || temperature == 1)
        return 0;
    if (temperature == 0)
        row_only(r, row_argmax(r));
    else
        row_scale(r, fmin(1 / temperature, DBL_MAX)); /* a subnormal T has no finite inverse */
    return 0;
}

static bool temperature_single(const struct transform *t)
{
    return t->value[0].number == 0;
}

static int normalise_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)t;
    (void)state;
    (void)at;
    row_normalise(r);
    return 0;
}

static const struct param temperature_params[] = {
    { .name = "temperature",
      .kind = PARAM_REAL,
      .max = INFINITY,
      .required = true,
      .meaning = "divides the scores; 0 keeps the first maximum, inf is uniform" },
};

const struct transform_type transform_temperature = {
    .name = "temperature",
    .params = temperature_params,
    .n_params = 1,
    .meaning = "sharpens (below 1) or flattens (above 1) the distribution",
    .domain = "logits",
    .source = "Ackley, Hinton, Sejnowski 1985",
    .start = transform_start_none,
    .apply = temperature_apply,
    .accept = transform_accept_none,
    .single = temperature_single,
};

const struct transform_type transform_normalise = {
    .name = "normalise",
    .meaning = "turns raw scores into log-probabilities; the distribution stays",
    .domain = "logits",
    .source = "Hugging Face LogitNormalization",
    .start = transform_start_none,
    .apply = normalise_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};

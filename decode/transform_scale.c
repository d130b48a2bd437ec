/* temperature and normalise: changes of scale and offset.
 *
 * temperature=T divides the scores by T.  T = 0 is its limit with the tie settled: the first maximum by symbol id alone
 * (the limit itself would share the mass among equal maxima).  T = inf is uniform over what is not masked.
 * Below greedy_below, 0 here, it is 0: vLLM and SGLang switch to greedy at 1e-5 and 1e-6 (their profiles say so).
 * Other systems: llama.cpp keeps the first maximum in its present sort order at T <= 0; Hugging Face refuses T = 0
 * (do_sample=False is its greedy); ExLlama 2 is greedy below 0.01; Aphrodite clamps T at 1e-5.
 *
 * normalise subtracts log Z: the distribution stays, the raw scores become log-probabilities.  It is Hugging Face's
 * LogitNormalization, and in front of repetition_penalty its `normalize=True` (a penalty that no longer depends on an
 * offset of the scores). */
#include "decode/transforms.h"
#include <math.h>

static bool temperature_single(const struct transform *t)
{
    return t->value[0].number == 0 || t->value[0].number < t->value[1].number;
}

static int temperature_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    (void)at;
    transform_temper(r, temperature_single(t) ? 0 : t->value[0].number);
    return 0;
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
    { .name = "greedy_below", .kind = PARAM_REAL, .max = 1, .meaning = "a temperature below it is taken for 0" },
};

const struct transform_type transform_temperature = {
    .name = "temperature",
    .params = temperature_params,
    .n_params = 2,
    .meaning = "sharpens (below 1) or flattens (above 1) the distribution",
    .domain = "logits",
    .source = "Ackley, Hinton, Sejnowski 1985",
    .shown = { "temperature=0.5", "temperature=2" },
    .start = transform_start_none,
    .apply = temperature_apply,
    .accept = transform_accept_none,
    .single = temperature_single,
    .blind = true,
};

const struct transform_type transform_normalise = {
    .name = "normalise",
    .meaning = "turns raw scores into log-probabilities; the distribution stays",
    .domain = "logits",
    .source = "Hugging Face LogitNormalization",
    .shown = { "normalise" },
    .start = transform_start_none,
    .apply = normalise_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .blind = true,
};

/* What models make of a text: the judge of a generated one, an lm of a given one, a sampler of its own. */
#include "evalsets/metric_list.h"
#include <math.h>

static double per_byte(double nats, size_t n_bytes)
{
    return n_bytes > 0 ? nats / ((double)n_bytes * M_LN2) : NAN;
}

static double judge_bpb(const struct sample s[], size_t n)
{
    return n == 1 ? per_byte(s->judge_nll, s->n_text) : NAN;
}

static double bits_per_byte(const struct sample s[], size_t n)
{
    return n == 1 ? per_byte(s->nll, s->n_text) : NAN;
}

static double surprisal(const struct sample s[], size_t n)
{
    return n == 1 && s->n_symbols > 0 ? s->nll / (double)s->n_symbols : NAN;
}

const struct metric_type metric_judge_bpb = {
    .name = "judge_bpb",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT | NEEDS_JUDGE,
    .direction = -1,
    .min = 0,
    .max = INFINITY,
    .unit = "bits/byte",
    .meaning = "bits per byte of a text given its prompt under a judge outside the arm (read it beside repetition)",
    .source = "Zhang et al. 2020, arXiv 2004.10450",
    .score = judge_bpb,
};

const struct metric_type metric_bits_per_byte = {
    .name = "bits_per_byte",
    .level = METRIC_RECORD,
    .needs = NEEDS_SCORE,
    .direction = -1,
    .min = 0,
    .max = INFINITY,
    .unit = "bits/byte",
    .meaning = "bits per byte of a held-out text under the arm's lm",
    .source = "lm-evaluation-harness, bits_per_byte",
    .score = bits_per_byte,
};

const struct metric_type metric_sampler_bpb = {
    .name = "sampler_bpb",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT,
    .direction = 0,
    .min = 0,
    .max = INFINITY,
    .unit = "bits/byte",
    .meaning = "bits per byte of a draw under the distributions it was drawn from: surprisal, of any vocabulary",
    .source = "Zhang et al. 2020, arXiv 2004.10450",
    .score = bits_per_byte,
};

const struct metric_type metric_surprisal = {
    .name = "surprisal",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT,
    .direction = 0,
    .min = 0,
    .max = INFINITY,
    .unit = "nats/symbol",
    .meaning = "nats per symbol of a draw under the distributions it was drawn from: the sampler's entropy in use",
    .source = "Zhang et al. 2020, arXiv 2004.10450",
    .score = surprisal,
};

/* Choices by likelihood: whether the gold one is taken, and how far the probabilities can be trusted.
 *
 * The probabilities of choices are the softmax of their log-likelihoods.  Ties go to the earlier choice.  A question
 * whose choices all have likelihood 0 is not defined: nothing was answered. */
#include "base/mem.h"
#include "evalsets/brier.h"
#include "evalsets/metric_list.h"
#include "evalsets/reliability.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t best_of(const double score[], size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (score[i] > score[best])
            best = i;
    return best;
}

/* Log of the sum of the choices' likelihoods; NAN when there is none or one of them is no number. */
static double log_total(const struct sample *s)
{
    size_t n = s->item->n_choices;
    if (n == 0 || !s->choice_logp)
        return NAN;
    double most = s->choice_logp[best_of(s->choice_logp, n)], sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(s->choice_logp[i]))
            return NAN;
        sum += exp(s->choice_logp[i] - most);
    }
    return isinf(most) ? NAN : most + log(sum);
}

static double accuracy(const struct sample s[], size_t n)
{
    if (n != 1 || isnan(log_total(s)))
        return NAN;
    return best_of(s->choice_logp, s->item->n_choices) == s->item->gold;
}

static double accuracy_norm(const struct sample s[], size_t n)
{
    if (n != 1 || s->corrected || isnan(log_total(s)))
        return NAN;
    size_t best = 0;
    double most = -INFINITY;
    for (size_t i = 0; i < s->item->n_choices; i++) {
        double score = s->choice_logp[i] / (double)strlen(s->item->choices[i]);
        if (score > most) {
            most = score;
            best = i;
        }
    }
    return best == s->item->gold;
}

static double nll_choice(const struct sample s[], size_t n)
{
    double total = n == 1 ? log_total(s) : NAN;
    return isnan(total) ? NAN : total - s->choice_logp[s->item->gold];
}

static double brier(const struct sample s[], size_t n)
{
    double total = n == 1 ? log_total(s) : NAN;
    if (isnan(total))
        return NAN;
    double *p = mem_alloc(s->item->n_choices, sizeof *p);
    for (size_t i = 0; i < s->item->n_choices; i++)
        p[i] = exp(s->choice_logp[i] - total);
    double score = brier_classes(p, s->item->n_choices, s->item->gold);
    free(p);
    return score;
}

static double ece(const struct sample s[], size_t n)
{
    double *confidence = mem_alloc(n, sizeof *confidence);
    bool *right = mem_alloc(n, sizeof *right);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        double total = log_total(&s[i]);
        if (isnan(total))
            continue;
        size_t best = best_of(s[i].choice_logp, s[i].item->n_choices);
        confidence[used] = exp(s[i].choice_logp[best] - total);
        right[used++] = best == s[i].item->gold;
    }
    struct reliability bins[RELIABILITY_BINS];
    reliability_fill(bins, RELIABILITY_BINS, confidence, right, used);
    free(confidence);
    free(right);
    return reliability_ece(bins, RELIABILITY_BINS);
}

static size_t most_choices(const struct sample s[], size_t n)
{
    size_t most = 0;
    for (size_t i = 0; i < n; i++)
        most = s[i].item->n_choices > most && !isnan(log_total(&s[i])) ? s[i].item->n_choices : most;
    return most;
}

/* Every choice's probability is a prediction, in the bins of its place among the choices; questions with fewer choices say
 * nothing of the places that they lack. */
static double ece_classwise(const struct sample s[], size_t n)
{
    size_t n_classes = most_choices(s, n);
    struct reliability *bins = mem_alloc(n_classes * RELIABILITY_BINS, sizeof *bins);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double total = log_total(&s[i]);
        for (size_t c = 0; c < s[i].item->n_choices && !isnan(total); c++)
            reliability_add(bins + c * RELIABILITY_BINS, RELIABILITY_BINS, exp(s[i].choice_logp[c] - total),
                            c == s[i].item->gold);
    }
    for (size_t c = 0; c < n_classes; c++) {
        reliability_close(bins + c * RELIABILITY_BINS, RELIABILITY_BINS);
        sum += reliability_ece(bins + c * RELIABILITY_BINS, RELIABILITY_BINS);
    }
    free(bins);
    return n_classes > 0 ? sum / (double)n_classes : NAN;
}

const struct metric_type metric_accuracy = {
    .name = "accuracy",
    .level = METRIC_RECORD,
    .needs = NEEDS_CHOICES,
    .direction = +1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "1 when the gold choice is the likeliest",
    .source = "lm-evaluation-harness, acc",
    .score = accuracy,
};

const struct metric_type metric_accuracy_norm = {
    .name = "accuracy_norm",
    .level = METRIC_RECORD,
    .needs = NEEDS_CHOICES,
    .direction = +1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "1 when the gold choice has the highest log-likelihood per UTF-8 byte; not of scores that are corrected",
    .source = "lm-evaluation-harness, acc_bytes",
    .score = accuracy_norm,
};

const struct metric_type metric_nll_choice = {
    .name = "nll_choice",
    .level = METRIC_RECORD,
    .needs = NEEDS_CHOICES,
    .direction = -1,
    .min = 0,
    .max = INFINITY,
    .unit = "nats",
    .meaning = "-ln of the gold choice's probability among the choices",
    .source = "log score: Good 1952",
    .score = nll_choice,
};

const struct metric_type metric_brier = {
    .name = "brier",
    .level = METRIC_RECORD,
    .needs = NEEDS_CHOICES,
    .direction = -1,
    .min = 0,
    .max = 2,
    .unit = "squared error",
    .meaning = "sum over choices of (probability - 1 if gold, else 0) squared",
    .source = "Brier 1950; lm-evaluation-harness, brier_score",
    .score = brier,
};

const struct metric_type metric_ece = {
    .name = "ece",
    .level = METRIC_ARM,
    .needs = NEEDS_CHOICES,
    .direction = -1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "mean gap between the likeliest choice's probability and how often it is gold, 15 bins of equal width",
    .source = "Guo et al. 2017, arXiv 1706.04599",
    .score = ece,
};

const struct metric_type metric_ece_classwise = {
    .name = "ece_classwise",
    .level = METRIC_ARM,
    .needs = NEEDS_CHOICES,
    .direction = -1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "mean over places of choices of the gap between the probability there and how often it is gold, 15 bins",
    .source = "Kull et al. 2019, arXiv 1910.12656; static calibration error, Nixon et al. 2019",
    .score = ece_classwise,
};

/* best: the text that is best by one number. */
#include "base/err.h"
#include "decode/select.h"
#include <math.h>
#include <string.h>

enum { BY, ALPHA };

static double by_sum(const struct select_text *t, double alpha)
{
    (void)alpha;
    return t->logp;
}

static double by_mean(const struct select_text *t, double alpha)
{
    (void)alpha;
    return t->length > 0 ? t->logp / t->length : t->logp;
}

static double by_length(const struct select_text *t, double alpha)
{
    return t->length > 0 ? t->logp / pow(t->length, alpha) : t->logp;
}

static double by_brevity(const struct select_text *t, double alpha)
{
    return t->logp / pow((5 + t->length) / 6, alpha);
}

static double by_judge(const struct select_text *t, double alpha)
{
    (void)alpha;
    return t->judge;
}

static double by_reward(const struct select_text *t, double alpha)
{
    (void)alpha;
    return t->reward;
}

static const struct by {
    const char *name;
    double (*of)(const struct select_text *t, double alpha);
    enum select_needs needs;
} bys[] = {
    { "sum", by_sum, SELECT_NEEDS_NOTHING },       { "mean", by_mean, SELECT_NEEDS_NOTHING },
    { "length", by_length, SELECT_NEEDS_NOTHING }, { "brevity", by_brevity, SELECT_NEEDS_NOTHING },
    { "judge", by_judge, SELECT_NEEDS_JUDGE },     { "reward", by_reward, SELECT_NEEDS_REWARD },
};

static const struct by *find_by(const char *name)
{
    enum { N = sizeof bys / sizeof *bys };
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        if (strcmp(bys[i].name, name ? name : "sum") == 0)
            return &bys[i];
        names[i] = bys[i].name;
    }
    err_unknown(ERR_USAGE, "number", name, names, N);
    return NULL;
}

static int best_check(const struct spec_value value[])
{
    return find_by(value[BY].text) ? 0 : ERR_USAGE;
}

static enum select_needs best_needs(const struct spec_value value[])
{
    return find_by(value[BY].text)->needs;
}

static size_t best_rank(const struct spec_value value[], const struct select_text texts[], size_t n, double score[])
{
    const struct by *by = find_by(value[BY].text);
    for (size_t i = 0; i < n; i++) {
        double x = by->of(&texts[i], value[ALPHA].number);
        score[i] = isnan(x) ? -INFINITY : x;
    }
    return 0;
}

static const struct param params[] = {
    [BY] = { .name = "by",
             .kind = PARAM_TEXT,
             .meaning = "sum (default) or mean of ln p, length or brevity (penalised), judge, reward" },
    [ALPHA] = { .name = "alpha",
                .kind = PARAM_REAL,
                .min = -10,
                .max = 10,
                .value = 0.6,
                .meaning = "length: ln p / length ^ alpha; brevity: ln p / ((5 + length) / 6) ^ alpha" },
};

const struct select_type select_best = {
    .name = "best",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .meaning = "best of n by log-probability, a judge or a reward",
    .source = "best-of-n; length penalties: Wu et al. 2016, arXiv 1609.08144",
    .check = best_check,
    .needs = best_needs,
    .rank = best_rank,
};

/* beam, beam_sample, diverse_beam: the three searches over decode/beam.h. */
#include "base/err.h"
#include "decode/beam.h"
#include "decode/searches.h"

enum { WIDTH, LENGTH, BREVITY, EARLY, BEST, GROUPS, DIVERSITY, N_PARAMS };

static const struct param params[] = {
    [WIDTH] = { .name = "width",
                .kind = PARAM_INT,
                .min = 1,
                .max = SEARCH_WANTS,
                .value = 4,
                .meaning = "branches kept at every step; of all groups together" },
    [LENGTH] = { .name = "length_penalty",
                 .kind = PARAM_REAL,
                 .min = -10,
                 .max = 10,
                 .value = 1,
                 .meaning = "a finished sum of ln p is divided by length ^ this; 0: the most probable text" },
    [BREVITY] = { .name = "brevity_penalty",
                  .kind = PARAM_REAL,
                  .min = 0,
                  .max = 10,
                  .value = 0,
                  .meaning = "and by ((5 + length) / 6) ^ this (GNMT, T5; then length_penalty should be 0)" },
    [EARLY] = { .name = "early", .kind = PARAM_TEXT, .meaning = "when to stop: heuristic (default), first, never, t5" },
    [BEST] = { .name = "n",
               .kind = PARAM_INT,
               .min = 1,
               .max = SEARCH_WANTS,
               .value = 1,
               .meaning = "hypotheses handed back, best first; log_weight is the penalised score" },
    [GROUPS] = { .name = "groups",
                 .kind = PARAM_INT,
                 .min = 1,
                 .max = SEARCH_WANTS,
                 .value = 2,
                 .meaning = "groups that the width is divided into" },
    [DIVERSITY] = { .name = "diversity_penalty",
                    .kind = PARAM_REAL,
                    .min = 0,
                    .max = 1000,
                    .value = 0.5,
                    .meaning = "taken from ln p of a symbol for each branch of an earlier group that took it now" },
};

static int check_beam(const struct spec_value value[])
{
    if (value[BEST].number > value[WIDTH].number)
        return err_set(ERR_USAGE, "n is %g, want at most the width, %g", value[BEST].number, value[WIDTH].number);
    return beam_early_find(&value[EARLY]) ? 0 : ERR_USAGE;
}

static int check_diverse(const struct spec_value value[])
{
    uint32_t width = (uint32_t)value[WIDTH].number, groups = (uint32_t)value[GROUPS].number;
    if (width % groups != 0)
        return err_set(ERR_USAGE, "diverse_beam: %u groups do not divide width %u", groups, width);
    return check_beam(value);
}

static struct beam_rules rules_of(const struct spec_value value[])
{
    return (struct beam_rules){ .width = (uint32_t)value[WIDTH].number,
                                .n_groups = 1,
                                .n_best = (uint32_t)value[BEST].number,
                                .length_penalty = value[LENGTH].number,
                                .brevity_penalty = value[BREVITY].number,
                                .early = beam_early_find(&value[EARLY]),
                                .order = beam_most_probable };
}

static double rate(const struct spec_value value[], double logp, size_t n)
{
    struct beam_rules rules = rules_of(value);
    return beam_score(&rules, logp, (double)n);
}

static int init_beam(struct search *s)
{
    struct beam_rules rules = rules_of(s->value);
    return beam_init(s, &rules);
}

static int init_diverse(struct search *s)
{
    struct beam_rules rules = rules_of(s->value);
    rules.n_groups = (uint32_t)s->value[GROUPS].number;
    rules.width /= rules.n_groups;
    rules.diversity = s->value[DIVERSITY].number;
    return beam_init(s, &rules);
}

/* Drawn without replacement from all continuations of all branches, as their whole probabilities are. */
static uint32_t drawn(const struct search *s, const struct rng_address *a, struct row *r, struct row_work *work)
{
    struct beam *m = s->state;
    struct rng_key key = rng_key(a);
    uint32_t n = draw_top(r, &key, m->ask, m->best);
    (void)work;
    for (uint32_t i = 0; i < n; i++)
        m->choice[i] = (struct beam_choice){ m->best[i].id, m->best[i].value, row_logp(r, m->best[i].id) };
    return n;
}

static int init_drawn(struct search *s)
{
    struct beam_rules rules = rules_of(s->value);
    rules.order = drawn;
    return beam_init(s, &rules);
}

#define VERBS                                                                                                          \
    .size = sizeof(struct beam), .want = beam_want, .feed = beam_feed, .move = beam_move, .hyps = beam_hyps,           \
    .fini = beam_fini

const struct search_type search_beam = {
    .name = "beam",
    .params = params,
    .n_params = GROUPS,
    .meaning = "keeps the most probable prefixes; gives the best finished texts by a score with a length penalty",
    .source = "Graves 2012; Hugging Face generate(num_beams, length_penalty, early_stopping); T5X decoding.beam_search",
    .defers = true,
    .random = false,
    .check = check_beam,
    .rate = rate,
    .init = init_beam,
    VERBS,
};

const struct search_type search_beam_sample = {
    .name = "beam_sample",
    .params = params,
    .n_params = GROUPS,
    .meaning = "a beam whose candidates are drawn without replacement instead of being the best",
    .source = "Hugging Face generate(num_beams, do_sample=True)",
    .defers = true,
    .random = true,
    .check = check_beam,
    .init = init_drawn,
    VERBS,
};

const struct search_type search_diverse_beam = {
    .name = "diverse_beam",
    .params = params,
    .n_params = N_PARAMS,
    .meaning = "groups of beams, each kept from the symbols that earlier groups take in the same step",
    .source = "Vijayakumar et al. 2018, arXiv 1610.02424 (Hamming); Hugging Face group_beam_search",
    .defers = true,
    .random = false,
    .check = check_diverse,
    .init = init_diverse,
    VERBS,
};

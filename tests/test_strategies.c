/* The list of strategies is complete by machine: every strategy that is promised is a row of its table, with source, meaning
 * and parameters told, and has a case with numbers from outside, which is named by the file and the text that begins it.
 * A row of a table that is not listed here fails too. */
#include "base/text.h"
#include "decode/chain.h"
#include "decode/draw.h"
#include "decode/presets.h"
#include "decode/profiles.h"
#include "decode/search.h"
#include "decode/select.h"
#include "decode/utility.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TRANSFORM, SEARCH, DRAW, SELECTION, UTILITY };

struct strategy {
    const char *name;
    enum kind kind;
    const char *file, *id; /* the case: a file of tests/ that holds that text */
};

#define SHAPES   "fixtures/decode/shapes.json"
#define PROFILES "test_conformance_profiles.c"
#define HISTORY  "fixtures/decode/history.jsonl"
#define STATE    "test_transform_state.c"
#define SELECTED "test_select.c"

static const struct strategy strategies[] = {
    { "temperature", TRANSFORM, "test_conformance.c", "\"A1 T=1\"" },
    { "dynatemp", TRANSFORM, PROFILES, "\"A1b (1,0,1)\"" },
    { "edt", TRANSFORM, SHAPES, "edt(0.6, temperature=1.2)" },
    { "quadratic", TRANSFORM, SHAPES, "quadratic(0.4, curve=2.5)" },
    { "skew", TRANSFORM, SHAPES, "skew(0.4, order=id)" },
    { "normalise", TRANSFORM, "test_conformance_b.c", "B20" },
    { "top_k", TRANSFORM, "test_conformance.c", "\"A2 k=3\"" },
    { "top_p", TRANSFORM, "test_conformance.c", "\"A3 p=.8\"" },
    { "min_p", TRANSFORM, "test_conformance.c", "\"A4 .26\"" },
    { "top_a", TRANSFORM, SHAPES, "top_a=0.21" },
    { "typical", TRANSFORM, "test_conformance.c", "\"A6 three\"" },
    { "epsilon", TRANSFORM, PROFILES, "\"B10 a\"" },
    { "eta", TRANSFORM, PROFILES, "\"B11 a\"" },
    { "tfs", TRANSFORM, SHAPES, "tfs=0.953" },
    { "top_n_sigma", TRANSFORM, PROFILES, "\"A8 n=1\"" },
    { "top_h", TRANSFORM, PROFILES, "\"B7 .7\"" },
    { "p_less", TRANSFORM, PROFILES, "\"A9 .225\"" },
    { "p_less_norm", TRANSFORM, SHAPES, "p_less_norm" },
    { "min_k", TRANSFORM, SHAPES, "min_k=3" },
    { "ees", TRANSFORM, SHAPES, "\"ees\"" },
    { "diff", TRANSFORM, SHAPES, "diff(mass=0.71)" },
    { "xtc", TRANSFORM, PROFILES, "\"A5 .19\"" },
    { "conformal", TRANSFORM, "test_conformal.c", "rank ceil(10 * .8) = 8" },
    { "mirostat1", TRANSFORM, STATE, "mirostat1(3, eta=0.2)" },
    { "mirostat2", TRANSFORM, STATE, "mirostat2(2, eta=0.5)" },
    { "adaptive_p", TRANSFORM, STATE, "adaptive_p(0.3, decay=0.7)" },
    { "loop", TRANSFORM, "test_transform_history.c", "loop(%zu" },
    { "budget", TRANSFORM, "test_transform_history.c", "budget(3, text='. So')" },
    { "repetition_penalty", TRANSFORM, "test_conformance.c", "\"A7 {0} repeat\"" },
    { "repetition_penalty_norm", TRANSFORM, HISTORY, "repetition, normalised" },
    { "frequency_penalty", TRANSFORM, "test_conformance.c", "\"A7 {0} both\"" },
    { "presence_penalty", TRANSFORM, "test_conformance.c", "\"F presence\"" },
    { "prompt_reward", TRANSFORM, "test_conformance_history.c", "\"B4 0\"" },
    { "no_repeat_ngram", TRANSFORM, "test_conformance_b.c", "B12" },
    { "dry", TRANSFORM, "test_conformance_history.c", "\"A10 {0,1,2,0,1}\"" },
    { "min_tokens", TRANSFORM, HISTORY, "min new tokens" },
    { "length_decay", TRANSFORM, HISTORY, "exponential decay" },
    { "bias", TRANSFORM, "test_conformance_history.c", "\"B15 3\"" },
    { "sequence_bias", TRANSFORM, "test_conformance_history.c", "\"B15 3\"" },
    { "ban", TRANSFORM, "test_conformance_history.c", "\"B14 3\"" },
    { "allow", TRANSFORM, "test_conformance_history.c", "\"B16\"" },
    { "suppress", TRANSFORM, "test_conformance_history.c", "\"D suppress\"" },
    { "force", TRANSFORM, "test_conformance_history.c", "\"B17 bos\"" },
    { "green", TRANSFORM, HISTORY, "watermark left" },
    { "synthid", TRANSFORM, HISTORY, "\"synthid\"" },

    { "sample", SEARCH, "test_search.c", "sample" },
    { "greedy", SEARCH, "test_search.c", "greedy" },
    { "beam", SEARCH, "test_search_beam.c", "\"beam(3)\"" },
    { "beam_sample", SEARCH, "test_search_beam.c", "\"beam_sample(1, early=first)\"" },
    { "diverse_beam", SEARCH, "test_search_beam.c", "diverse_beam(%d, n=%d" },
    { "stochastic_beam", SEARCH, "test_search_beam.c", "\"stochastic_beam(3)\"" },
    { "contrastive", SEARCH, "test_search_paths.c", "contrastive_by_hand" },
    { "best_first", SEARCH, "test_search_paths.c", "\"best_first(64)\"" },
    { "speculative", SEARCH, "test_search_speculative.c", "speculative" },

    { "gumbel", DRAW, "test_draw.c", "\"gumbel\"" },
    { "cdf", DRAW, "test_draw.c", "cdf_is_inverse" },
    { "arithmetic", DRAW, "test_draw.c", "arithmetic_spreads" },
    { "greedy", DRAW, "test_draw.c", "\"greedy\"" },

    { "best", SELECTION, "test_select.c", "\"best(length, alpha=0.5)\"" },
    { "vote", SELECTION, "test_select.c", "\"vote(number, weight=model)\"" },
    { "mbr", SELECTION, "test_select.c", "\"mbr(%s, weight=%s)\"" },
    { "chrf", UTILITY, SELECTED, "\"chrf\"" },
    { "bleu", UTILITY, SELECTED, "\"bleu\"" },
    { "rouge_l", UTILITY, SELECTED, "\"rouge_l\"" },
    { "exact", UTILITY, SELECTED, "\"exact\"" },
};
enum { N = sizeof strategies / sizeof strategies[0] };

static bool file_holds(const char *file, const char *id)
{
    char path[512], block[65536];
    struct text t = { 0 };
    size_t n;
    snprintf(path, sizeof path, "%s/tests/%s", CHORALE_HOME, file);
    FILE *f = fopen(path, "rb");
    while (f && (n = fread(block, 1, sizeof block, f)) > 0)
        text_addn(&t, block, n);
    if (f)
        fclose(f);
    bool found = strstr(text_s(&t), id) != NULL;
    text_free(&t);
    return found;
}

static const struct strategy *listed(const char *name, enum kind kind)
{
    for (size_t i = 0; i < N; i++)
        if (strcmp(strategies[i].name, name) == 0 && strategies[i].kind == kind)
            return &strategies[i];
    return NULL;
}

static bool told(const char *name, const char *meaning, const char *source)
{
    return name && meaning && *meaning && source && *source;
}

/* Runs STEP for each row of the table TYPE_types() as `row`. */
#define EACH_ROW(TYPE, STEP)                                                                                           \
    do {                                                                                                               \
        size_t each_n;                                                                                                 \
        const struct TYPE##_type *const *each = TYPE##_types(&each_n);                                                 \
        for (size_t each_i = 0; each_i < each_n; each_i++) {                                                           \
            const struct TYPE##_type *row = each[each_i];                                                              \
            STEP;                                                                                                      \
        }                                                                                                              \
    } while (0)

/* The same of every table, with the row's kind. */
#define EACH_KIND(STEP)                                                                                                \
    do {                                                                                                               \
        EACH_ROW(transform, STEP(TRANSFORM));                                                                          \
        EACH_ROW(search, STEP(SEARCH));                                                                                \
        EACH_ROW(draw, STEP(DRAW));                                                                                    \
        EACH_ROW(select, STEP(SELECTION));                                                                             \
        EACH_ROW(utility, STEP(UTILITY));                                                                              \
    } while (0)

/* Whether the table has it, with all that a list tells. */
static bool in_table(const struct strategy *s)
{
    bool found = false;
#define FIND(KIND)                                                                                                     \
    if (s->kind == (KIND) && strcmp(row->name, s->name) == 0)                                                          \
    found = told(s->name, row->meaning, row->source)
    EACH_KIND(FIND);
#undef FIND
    return found;
}

static void promised(void)
{
    for (size_t i = 0; i < N; i++) {
        const struct strategy *s = &strategies[i];
        check(in_table(s), "%s is a row of its table, with meaning and source", s->name);
        check(file_holds(s->file, s->id), "%s has its case, '%s' in tests/%s", s->name, s->id, s->file);
    }
}

static void nothing_else(void)
{
#define LISTED(KIND) check(listed(row->name, KIND) != NULL, "%s is listed here, with its case", row->name)
    EACH_KIND(LISTED);
#undef LISTED
}

/* Every rule of a profile is a parameter of a step, and means something: it is not our own default. */
static void profile_rules(void)
{
    size_t n_profiles, n;
    const struct profile *all = profiles(&n_profiles);
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n_profiles; i++)
        for (size_t k = 0; k < all[i].n_rules; k++) {
            const struct profile_rule *rule = &all[i].rules[k];
            struct param params[SPEC_MAX_PARAMS];
            int changed = 0;
            for (size_t t = 0; t < n; t++) {
                if (strcmp(types[t]->name, rule->step) != 0)
                    continue;
                profile_params(&all[i], types[t], params);
                for (size_t j = 0; j < types[t]->n_params; j++)
                    changed += strcmp(params[j].name, rule->param) == 0 && params[j].value != types[t]->params[j].value;
            }
            check(changed == 1, "%s: %s(%s=%s) changes a default", all[i].name, rule->step, rule->param, rule->value);
        }
    static const char *const named[] = { "@hf", "@llamacpp", "@vllm", "@sglang", "@exllama3", "@mlx" };
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        check(profile_find(named[i]) != NULL, "%s is there", named[i]);
    check(profile_find("@llamacpp") == &all[1] && !profile_find("llamacpp"), "found by name");
}

static void preset_chains(void)
{
    size_t n;
    const struct preset *all = presets(&n);
    static const char *const names[] = { "@tigerbot-launch", "@tigerbot-web",   "@tigerbot-v3",
                                         "@tigerbot-70b-v4", "@tigerbot-2024a", "@tigerbot-2024b" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check(preset_find(names[i]) != NULL, "%s is there", names[i]);
    for (size_t i = 0; i < n; i++) {
        struct chain *c = chain_parse(all[i].name), *same = chain_parse(all[i].chain);
        check(c && same && strcmp(chain_text(c), chain_text(same)) == 0, "%s is its chain", all[i].name);
        check(told(all[i].name, all[i].meaning, all[i].source), "%s tells itself", all[i].name);
        check(!profile_find(all[i].name), "%s is no profile too", all[i].name);
        chain_free(c);
        chain_free(same);
    }
}

int main(void)
{
    promised();
    nothing_else();
    profile_rules();
    preset_chains();
    return check_done("strategies");
}

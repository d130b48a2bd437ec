/* list: the tables: every strategy with its parameters, ranges, defaults, meaning and source. */
#include "base/err.h"
#include "cli/console.h"
#include "cli/list_entry.h"
#include "cli/list_markdown.h"
#include "cli/list_templates.h"
#include "cli/verbs.h"
#include "decode/answer.h"
#include "decode/draw.h"
#include "decode/elsewhere.h"
#include "decode/presets.h"
#include "decode/profiles.h"
#include "decode/search.h"
#include "decode/select.h"
#include "decode/utility.h"
#include "ensemble/calibration.h"
#include "ensemble/weighting.h"
#include "evalsets/evalset.h"
#include "evalsets/metric.h"
#include "experiments/choices.h"
#include "experiments/trace_metric.h"
#include "model/checkpoint.h"
#include "plots/strategies.h"
#include <stdio.h>
#include <string.h>

/* A table of the program whose rows have a name, a meaning, a source and parameters. */
#define LIST_TYPES(LIST, TYPE, KIND)                                                                                   \
    static int list_##LIST(const struct args *a)                                                                       \
    {                                                                                                                  \
        size_t n;                                                                                                      \
        const struct TYPE##_type *const *types = TYPE##_types(&n);                                                     \
        for (size_t i = 0; i < n; i++)                                                                                 \
            list_entry_print(a, &(struct list_entry){ .kind = KIND,                                                    \
                                                      .name = types[i]->name,                                          \
                                                      .meaning = types[i]->meaning,                                    \
                                                      .source = types[i]->source,                                      \
                                                      .params = types[i]->params,                                      \
                                                      .n_params = types[i]->n_params });                               \
        return 0;                                                                                                      \
    }
LIST_TYPES(searches, search, "search")
LIST_TYPES(selections, select, "selection")
LIST_TYPES(rules, pool, "rule")
LIST_TYPES(weights, weighting, NULL)
LIST_TYPES(choices, choices, NULL)
#undef LIST_TYPES

/* And one without parameters. */
#define LIST_PLAIN(LIST, TYPE, KIND)                                                                                   \
    static int list_##LIST(const struct args *a)                                                                       \
    {                                                                                                                  \
        size_t n;                                                                                                      \
        const struct TYPE##_type *const *types = TYPE##_types(&n);                                                     \
        for (size_t i = 0; i < n; i++)                                                                                 \
            list_entry_print(a, &(struct list_entry){ .kind = KIND,                                                    \
                                                      .name = types[i]->name,                                          \
                                                      .meaning = types[i]->meaning,                                    \
                                                      .source = types[i]->source });                                   \
        return 0;                                                                                                      \
    }
LIST_PLAIN(draws, draw, "draw")
LIST_PLAIN(utilities, utility, "utility")
LIST_PLAIN(calibrations, calibration, NULL)
#undef LIST_PLAIN

/* Those of texts and those of traces: an axis may be either. */
static int list_metrics(const struct args *a)
{
    size_t n;
    const struct trace_metric *traces = trace_metrics(&n);
    size_t n_texts;
    const struct metric_type *const *texts = metric_types(&n_texts);
    for (size_t i = 0; i < n_texts; i++) {
        const struct metric_type *m = texts[i];
        struct list_measure measure = { metric_levels[m->level], m->unit, m->direction, m->min, m->max };
        list_entry_print(a, &(struct list_entry){
                                .name = m->name, .meaning = m->meaning, .source = m->source, .measure = &measure });
    }
    for (size_t i = 0; i < n; i++) {
        struct list_measure measure = { metric_levels[METRIC_RECORD], traces[i].unit, traces[i].direction,
                                        traces[i].min, traces[i].max };
        list_entry_print(
            a, &(struct list_entry){ .name = traces[i].name, .meaning = traces[i].meaning, .measure = &measure });
    }
    return 0;
}

static int list_transforms(const struct args *a)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++)
        list_entry_print(a, &(struct list_entry){ .kind = "transform",
                                                  .name = types[i]->name,
                                                  .meaning = types[i]->meaning,
                                                  .source = types[i]->source,
                                                  .domain = types[i]->domain,
                                                  .params = types[i]->params,
                                                  .n_params = types[i]->n_params });
    return 0;
}

static int list_answers(const struct args *a)
{
    size_t n;
    const struct answer_type *types = answer_types(&n);
    for (size_t i = 0; i < n; i++)
        list_entry_print(a, &(struct list_entry){ .name = types[i].name, .meaning = types[i].meaning });
    return 0;
}

static int list_evalsets(const struct args *a)
{
    size_t n;
    const char *const *names = evalset_names(&n);
    for (size_t i = 0; i < n; i++) {
        struct evalset *e = evalset_open(names[i]);
        if (!e)
            return err_code();
        struct text meaning = { 0 };
        text_addf(&meaning, "%zu items. %s", e->n_items, e->readme ? e->readme : "");
        list_entry_print(a, &(struct list_entry){ .name = names[i], .meaning = text_s(&meaning) });
        text_free(&meaning);
        evalset_close(e);
    }
    return 0;
}

/* A profile's rules are told as the steps that they make of bare ones: "top_k(ties=all) typical(ties=all)". */
static int list_profiles(const struct args *a)
{
    size_t n;
    const struct profile *all = profiles(&n);
    for (size_t i = 0; i < n; i++) {
        struct text rules = { 0 };
        for (size_t k = 0; k < all[i].n_rules; k++)
            text_addf(&rules, "%s%s(%s=%s)", k > 0 ? " " : "", all[i].rules[k].step, all[i].rules[k].param,
                      all[i].rules[k].value);
        list_entry_print(a, &(struct list_entry){ .kind = "profile",
                                                  .name = all[i].name,
                                                  .meaning = all[i].meaning,
                                                  .source = all[i].source,
                                                  .chain = text_s(&rules) });
        text_free(&rules);
    }
    return 0;
}

static int list_elsewhere(const struct args *a)
{
    size_t n;
    const struct elsewhere *words = elsewhere_words(&n);
    for (size_t i = 0; i < n; i++) {
        struct text here = { 0 };
        const char *place = elsewhere_place_name(words[i].place);
        text_addf(&here, "%s%s%s", place, *place ? ": " : "", words[i].here);
        list_entry_print(a, &(struct list_entry){ .name = words[i].name, .meaning = text_s(&here) });
        text_free(&here);
    }
    return 0;
}

static int list_presets(const struct args *a)
{
    size_t n;
    const struct preset *all = presets(&n);
    for (size_t i = 0; i < n; i++)
        list_entry_print(a, &(struct list_entry){ .kind = "preset",
                                                  .name = all[i].name,
                                                  .meaning = all[i].meaning,
                                                  .source = all[i].source,
                                                  .chain = all[i].chain });
    return 0;
}

/* Everything that decides what is said. */
static int list_strategies(const struct args *a)
{
    static const struct {
        const char *head;
        int (*list)(const struct args *a);
    } parts[] = {
        { "transforms, the steps of a chain", list_transforms },
        { "draws, how a symbol is taken from what a chain left", list_draws },
        { "searches", list_searches },
        { "selections, among finished texts", list_selections },
        { "utilities of mbr", list_utilities },
        { "pool rules of ensembles, guidance and contrast among them", list_rules },
        { "profiles, at the head of a chain", list_profiles },
        { "presets, likewise", list_presets },
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++) {
        if (!a->json)
            printf("%s%s\n\n", i > 0 ? "\n" : "", parts[i].head);
        rc = parts[i].list(a);
    }
    return rc;
}

static int list_checkpoints(const struct args *a)
{
    size_t n;
    const char *const *names = checkpoint_names(&n);
    for (size_t i = 0; i < n; i++)
        list_entry_print(
            a, &(struct list_entry){ .name = names[i], .meaning = "bundled checkpoint; see chorale inspect" });
    return 0;
}

static const struct {
    const char *name;
    int (*list)(const struct args *a);
} lists[] = {
    { "strategies", list_strategies },   { "transforms", list_transforms },
    { "profiles", list_profiles },       { "presets", list_presets },
    { "elsewhere", list_elsewhere },     { "rules", list_rules },
    { "weights", list_weights },         { "searches", list_searches },
    { "metrics", list_metrics },         { "evalsets", list_evalsets },
    { "checkpoints", list_checkpoints }, { "templates", list_templates },
    { "selections", list_selections },   { "draws", list_draws },
    { "utilities", list_utilities },     { "answers", list_answers },
    { "choices", list_choices },         { "calibrations", list_calibrations },
};
enum { N_LISTS = sizeof lists / sizeof *lists };

static int run_list(const struct args *a)
{
    const char *names[N_LISTS];
    if (options_flag(a, "markdown"))
        return strcmp(a->operand[0], "strategies") == 0
                   ? list_markdown()
                   : err_set(ERR_USAGE, "--markdown is of strategies, not of '%s'", a->operand[0]);
    if (options_text(a, "figures"))
        return strcmp(a->operand[0], "strategies") == 0
                   ? strategies_write(options_text(a, "figures"))
                   : err_set(ERR_USAGE, "--figures is of strategies, not of '%s'", a->operand[0]);
    for (size_t i = 0; i < N_LISTS; i++) {
        names[i] = lists[i].name;
        if (strcmp(a->operand[0], lists[i].name) == 0)
            return lists[i].list(a);
    }
    return err_unknown(ERR_USAGE, "list", a->operand[0], names, N_LISTS);
}

static const struct option_row options[] = {
    { "figures", "DIR", NULL, "of strategies: pictures of the same, one a strategy and a sheet of all, with gnuplot" },
    { "markdown", NULL, NULL, "of strategies: the page docs/strategies.md, with what each does to three rows" },
};

const struct verb verb_list = {
    .name = "list",
    .operands = "WHAT",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "what there is: strategies, rules, searches, metrics, evalsets, checkpoints, ...",
    .details =
        "WHAT is strategies (all that decides what is said: the next eight, --json with the source of each and the "
        "test that\nholds it to that), transforms, draws, searches, selections, utilities, rules, profiles, presets; "
        "weights, calibrations,\nanswers, choices, metrics, evalsets, checkpoints, templates, or elsewhere (words "
        "of\n" ELSEWHERE_SYSTEMS ", and what they are here).\n"
        "Each with its parameters, ranges, defaults (of words the first) and one line of meaning; --verbose adds "
        "the source.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_list,
};

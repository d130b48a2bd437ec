/* list: the tables: every strategy with its parameters, ranges, defaults, meaning and source. */
#include "base/err.h"
#include "cli/console.h"
#include "cli/list_templates.h"
#include "cli/verbs.h"
#include "decode/search.h"
#include "ensemble/weighting.h"
#include "evalsets/evalset.h"
#include "evalsets/metric.h"
#include "model/checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One row of any table, for people or for machines. */
struct entry {
    const char *name, *meaning, *source;
    const struct param *params;
    size_t n_params;
};

static const char *const kinds[] = { "number", "integer", "text", "list" }; /* of enum param_kind */

static void range(struct text *t, const struct param *p)
{
    text_add(t, p->min_open || isinf(p->min) ? "(" : "[");
    text_add_real(t, p->min);
    text_add(t, ", ");
    bool unbounded = isinf(p->max) || (p->kind == PARAM_INT && p->max >= UINT32_MAX);
    if (unbounded)
        text_add(t, "inf)");
    else {
        text_add_real(t, p->max);
        text_add(t, "]");
    }
}

static void print_param(const struct param *p)
{
    struct text t = { 0 };
    text_addf(&t, "%s %s", p->name, kinds[p->kind]);
    if (p->kind == PARAM_REAL || p->kind == PARAM_INT) {
        text_add(&t, " in ");
        range(&t, p);
    }
    if (p->required)
        text_add(&t, ", required");
    else if (p->kind == PARAM_REAL || p->kind == PARAM_INT) {
        text_add(&t, ", default ");
        text_add_real(&t, p->value);
    }
    printf("      %-44s %s\n", text_s(&t), p->meaning ? p->meaning : "");
    text_free(&t);
}

static void add_member(struct text *t, const char *key, const char *value)
{
    text_addf(t, "%s\"%s\":", t->s && t->s[t->len - 1] != '{' ? "," : "", key);
    if (value)
        text_add_json(t, value, strlen(value));
    else
        text_add(t, "null");
}

static void print_entry_json(const struct entry *e)
{
    struct text t = { 0 };
    text_add(&t, "{");
    add_member(&t, "name", e->name);
    add_member(&t, "meaning", e->meaning);
    add_member(&t, "source", e->source);
    text_add(&t, ",\"params\":[");
    for (size_t i = 0; i < e->n_params; i++) {
        const struct param *p = &e->params[i];
        bool number = p->kind == PARAM_REAL || p->kind == PARAM_INT;
        text_add(&t, i == 0 ? "{" : ",{");
        add_member(&t, "name", p->name);
        add_member(&t, "meaning", p->meaning);
        add_member(&t, "kind", kinds[p->kind]);
        if (number) {
            struct text r = { 0 };
            range(&r, p);
            add_member(&t, "range", text_s(&r));
            text_free(&r);
        }
        if (number && !p->required && isfinite(p->value)) {
            text_add(&t, ",\"default\":");
            text_add_real(&t, p->value);
        }
        text_addf(&t, ",\"required\":%s}", p->required ? "true" : "false");
    }
    text_add(&t, "]}");
    puts(text_s(&t));
    text_free(&t);
}

static void print_entry(const struct args *a, const struct entry *e)
{
    if (a->json) {
        print_entry_json(e);
        return;
    }
    printf("%s%-20s%s %s\n", console_colour(CONSOLE_BOLD), e->name, console_colour(CONSOLE_PLAIN),
           e->meaning ? e->meaning : "");
    for (size_t i = 0; i < e->n_params; i++)
        print_param(&e->params[i]);
    if (a->verbose && e->source)
        printf("      source: %s\n", e->source);
}

static int list_strategies(const struct args *a)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++)
        print_entry(a, &(struct entry){ types[i]->name, types[i]->meaning, types[i]->source, types[i]->params,
                                        types[i]->n_params });
    return 0;
}

static int list_searches(const struct args *a)
{
    size_t n;
    const struct search_type *const *types = search_types(&n);
    for (size_t i = 0; i < n; i++)
        print_entry(a, &(struct entry){ types[i]->name, types[i]->meaning, types[i]->source, types[i]->params,
                                        types[i]->n_params });
    return 0;
}

static int list_rules(const struct args *a)
{
    size_t n;
    const struct pool_type *const *types = pool_types(&n);
    for (size_t i = 0; i < n; i++)
        print_entry(a, &(struct entry){ types[i]->name, types[i]->meaning, types[i]->source, types[i]->params,
                                        types[i]->n_params });
    return 0;
}

static int list_weights(const struct args *a)
{
    size_t n;
    const struct weighting_type *const *types = weighting_types(&n);
    for (size_t i = 0; i < n; i++)
        print_entry(a, &(struct entry){ types[i]->name, types[i]->meaning, types[i]->source, types[i]->params,
                                        types[i]->n_params });
    return 0;
}

static int list_metrics(const struct args *a)
{
    size_t n;
    const struct metric_type *const *types = metric_types(&n);
    for (size_t i = 0; i < n; i++)
        print_entry(a, &(struct entry){ types[i]->name, types[i]->meaning, types[i]->source, NULL, 0 });
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
        print_entry(a, &(struct entry){ names[i], text_s(&meaning), NULL, NULL, 0 });
        text_free(&meaning);
        evalset_close(e);
    }
    return 0;
}

static int list_checkpoints(const struct args *a)
{
    size_t n;
    const char *const *names = checkpoint_names(&n);
    for (size_t i = 0; i < n; i++)
        print_entry(a, &(struct entry){ names[i], "bundled checkpoint; see chorale inspect", NULL, NULL, 0 });
    return 0;
}

static const struct {
    const char *name;
    int (*list)(const struct args *a);
} lists[] = {
    { "strategies", list_strategies },   { "rules", list_rules },         { "weights", list_weights },
    { "searches", list_searches },       { "metrics", list_metrics },     { "evalsets", list_evalsets },
    { "checkpoints", list_checkpoints }, { "templates", list_templates },
};
enum { N_LISTS = sizeof lists / sizeof *lists };

static int run_list(const struct args *a)
{
    const char *names[N_LISTS];
    for (size_t i = 0; i < N_LISTS; i++) {
        names[i] = lists[i].name;
        if (strcmp(a->operand[0], lists[i].name) == 0)
            return lists[i].list(a);
    }
    return err_unknown(ERR_USAGE, "list", a->operand[0], names, N_LISTS);
}

const struct verb verb_list = {
    .name = "list",
    .operands = "strategies|rules|weights|searches|metrics|evalsets|checkpoints|templates",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "strategies, rules, weights, searches, metrics, evalsets, checkpoints, templates: what there is, with "
               "parameters",
    .details = "Each with its parameters, ranges, defaults and one line of meaning; --verbose adds the source.",
    .run = run_list,
};

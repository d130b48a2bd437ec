#include "cli/list_markdown.h"
#include "base/err.h"
#include "decode/chain.h"
#include "decode/draw.h"
#include "decode/elsewhere.h"
#include "decode/presets.h"
#include "decode/profiles.h"
#include "decode/search.h"
#include "decode/select.h"
#include "decode/utility.h"
#include "plots/strategies.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Probabilities as bars of sevenths of `most`, none so high that it touches the line above; a masked symbol is a dot. */
static void add_bars(struct text *out, const double p[STRATEGIES_SYMBOLS], double most)
{
    static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇" };
    for (int v = 0; v < STRATEGIES_SYMBOLS; v++)
        text_add(out, p[v] > 0 ? bars[(int)fmin(7 * p[v] / most, 6)] : "·");
}

/* The three rows before and after a step, one line each. */
static int add_figure(struct text *out, const char *step)
{
    struct strategies_example examples[STRATEGIES_ROWS];
    struct text before = { 0 }, after = { 0 };
    TRY(strategies_apply(step, examples));
    for (int kind = 0; kind < STRATEGIES_ROWS; kind++) {
        text_add(&before, "  ");
        text_add(&after, "  ");
        add_bars(&before, examples[kind].given, strategies_top(&examples[kind]));
        add_bars(&after, examples[kind].left, strategies_top(&examples[kind]));
    }
    text_addf(out,
              "\n`%s`\n\n```\n         peaked            flat              two peaks\ngiven  %s\n\nleft   %s\n```\n",
              step, text_s(&before), text_s(&after));
    text_free(&before);
    text_free(&after);
    return 0;
}

static void add_range(struct text *t, const struct param *p)
{
    if (p->kind == PARAM_WORD) {
        for (size_t i = 0; p->words[i]; i++)
            text_addf(t, "%s%s", i > 0 ? ", " : "", p->words[i]);
    } else if (p->kind == PARAM_TEXT || p->kind == PARAM_LIST) {
        text_add(t, p->kind == PARAM_TEXT ? "text" : "list");
    } else {
        bool endless = isinf(p->max) || (p->kind == PARAM_INT && p->max >= UINT32_MAX);
        text_add(t, p->min_open || isinf(p->min) ? "(" : "[");
        text_add_real(t, p->min);
        text_add(t, ", ");
        text_add_real(t, endless ? INFINITY : p->max);
        text_add(t, endless ? ")" : "]");
    }
}

static void add_default(struct text *t, const struct param *p)
{
    if (p->required)
        text_add(t, "required");
    else if (p->kind == PARAM_WORD)
        text_add(t, p->words[(size_t)p->value]);
    else if (p->kind == PARAM_REAL || p->kind == PARAM_INT)
        text_add_real(t, p->value);
}

static void add_params(struct text *t, const struct param params[], size_t n)
{
    if (n > 0)
        text_add(t, "\n| parameter | values | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        text_addf(t, "| %s | ", params[i].name);
        add_range(t, &params[i]);
        text_add(t, " | ");
        add_default(t, &params[i]);
        text_addf(t, " | %s |\n", params[i].meaning);
    }
}

static void add_profiles(struct text *t, const struct transform_type *type)
{
    size_t n, told = 0;
    const struct profile *all = profiles(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < all[i].n_rules; k++)
            if (strcmp(all[i].rules[k].step, type->name) == 0)
                text_addf(t, "%s%s: %s=%s", told++ > 0 ? "; " : "\nProfiles: ", all[i].name, all[i].rules[k].param,
                          all[i].rules[k].value);
    text_add(t, told > 0 ? ".\n" : "");
}

static int add_transform(struct text *t, const struct transform_type *type)
{
    text_addf(t, "\n### %s\n\n%c%s. Domain: %s. Source: %s.\n", type->name, toupper((unsigned char)type->meaning[0]),
              type->meaning + 1, type->domain, type->source);
    add_params(t, type->params, type->n_params);
    add_profiles(t, type);
    for (size_t i = 0; i < TRANSFORM_SHOWN && type->shown[i]; i++)
        TRY(add_figure(t, type->shown[i]));
    return 0;
}

static void add_head(struct text *t, const char *name, const char *meaning, const char *source)
{
    text_addf(t, "\n### %s\n\n%c%s. Source: %s.\n", name, toupper((unsigned char)meaning[0]), meaning + 1, source);
}

/* What follows a chain: how a symbol is drawn, what is done with it, which of the finished texts is handed over. */
static void add_others(struct text *t)
{
    size_t n;
    text_add(t, "\n## Draws\n");
    const struct draw_type *const *draws = draw_types(&n);
    for (size_t i = 0; i < n; i++)
        add_head(t, draws[i]->name, draws[i]->meaning, draws[i]->source);
    text_add(t, "\n## Searches\n");
    const struct search_type *const *searches = search_types(&n);
    for (size_t i = 0; i < n; i++) {
        add_head(t, searches[i]->name, searches[i]->meaning, searches[i]->source);
        add_params(t, searches[i]->params, searches[i]->n_params);
    }
    text_add(t, "\n## Selections\n");
    const struct select_type *const *selections = select_types(&n);
    for (size_t i = 0; i < n; i++) {
        add_head(t, selections[i]->name, selections[i]->meaning, selections[i]->source);
        add_params(t, selections[i]->params, selections[i]->n_params);
    }
    const struct utility_type *const *utilities = utility_types(&n);
    text_add(t, "\n## Utilities of mbr\n\n| utility | meaning | source |\n|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        text_addf(t, "| %s | %s | %s |\n", utilities[i]->name, utilities[i]->meaning, utilities[i]->source);
}

/* In a cell of a table, where a bar would end it. */
static void add_chain(struct text *t, const char *chain)
{
    for (; *chain; chain++)
        text_addf(t, "%s%c", *chain == '|' ? "\\" : "", *chain);
}

static void add_names(struct text *t)
{
    size_t n;
    const struct profile *p = profiles(&n);
    text_add(t, "\n## Profiles\n\n| profile | what it changes | after |\n|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        text_addf(t, "| %s | %s | %s |\n", p[i].name, p[i].meaning, p[i].source);
    const struct preset *q = presets(&n);
    text_add(t, "\n## Presets\n\n| preset | chain | what it is | after |\n|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        text_addf(t, "| %s | `", q[i].name);
        add_chain(t, q[i].chain);
        text_addf(t, "` | %s | %s |\n", q[i].meaning, q[i].source);
    }
}

static void add_elsewhere(struct text *t)
{
    size_t n;
    const struct elsewhere *words = elsewhere_words(&n);
    text_add(t, "\n## Words of other systems\n\nOf " ELSEWHERE_SYSTEMS
                ", where they are not the words of this page.\n\n| there | here |\n|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        size_t typed = elsewhere_typed(&words[i]);
        text_addf(t, typed > 0 ? "| `%s` | %s `%.*s`%s |\n" : "| `%s` | %s%.*s%s |\n", words[i].name,
                  elsewhere_place_name(words[i].place), (int)typed, words[i].here, words[i].here + typed);
    }
}

int list_markdown(void)
{
    struct text t = { 0 };
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    int rc = 0;
    text_add(&t, "# Strategies\n\nMade by `chorale list strategies --markdown` from the tables that the program works "
                 "with.\n\nFigures: probabilities of sixteen symbols, above as given, below after the step, each pair "
                 "in a scale "
                 "of its own; a dot is masked. Steps that look back see a prompt of "
                 "symbol " STRATEGIES_SAID
                 " said. `chorale list strategies --figures DIR` draws the same as pictures; pool rules "
                 "are in `ensembles.md`.\n\n"
                 "## Transforms\n");
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_transform(&t, types[i]);
    add_others(&t);
    add_names(&t);
    add_elsewhere(&t);
    if (rc == 0)
        fputs(text_s(&t), stdout);
    text_free(&t);
    return rc;
}

#include "cli/list_markdown.h"
#include "base/err.h"
#include "base/row_math.h"
#include "decode/chain.h"
#include "decode/presets.h"
#include "decode/profiles.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SYMBOLS = 16, N_ROWS = 3 };

/* Settings under which a figure shows something: a step for each transform that reads the row alone. */
static const char *const shown[] = {
    "temperature=0.5",
    "temperature=2",
    "dynatemp=0.8",
    "edt=1",
    "quadratic(0.4, curve=2)",
    "skew=0.7",
    "top_k=4",
    "top_p=0.8",
    "min_p=0.2",
    "top_a=0.5",
    "typical=0.6",
    "epsilon=0.05",
    "eta=0.3",
    "tfs=0.7",
    "top_n_sigma=1",
    "top_h=0.6",
    "p_less",
    "p_less_norm",
    "min_k",
    "ees",
    "diff",
    "xtc(1, threshold=0.1)",
    "xtc(0.5, threshold=0.1, form=expected)",
    "conformal(0.1, entropy=[1.5, 2.5], mass=[0.7, 0.8, 0.9])",
};

/* A peaked row, a flat one, and one with two peaks, best first. */
static void make_row(int kind, float score[SYMBOLS])
{
    for (int v = 0; v < SYMBOLS; v++) {
        double x = v;
        score[v] = (float)(kind == 0   ? -1.6 * math_log64(1 + x) - .15 * x
                           : kind == 1 ? -.06 * x
                           : v < 2     ? 2 - .1 * x
                                       : -.1 * x);
    }
}

/* Probabilities as bars of eighths of `most`; a masked symbol is a dot. */
static void add_bars(struct text *out, const struct row *r, double most)
{
    static const char *const eighths[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    for (sym_t v = 0; v < SYMBOLS; v++) {
        double p = math_exp64(row_logp(r, v));
        int level = (int)fmin(8 * p / most, 7);
        text_add(out, p > 0 ? eighths[level] : "·");
    }
}

static double top_of(const struct row *r)
{
    return math_exp64((double)row_max(r) - r->log_z);
}

/* The three rows before and after a step, one line each. */
static int add_figure(struct text *out, const char *step)
{
    struct chain *c = chain_parse(step);
    if (!c)
        return ERR_USAGE;
    struct row_work *work = row_work_alloc(SYMBOLS);
    struct rng_address address = { .seed = 1, .purpose = RNG_DRAW };
    struct transform_at at = { .address = &address, .work = work };
    struct text before = { 0 }, after = { 0 };
    int rc = 0;
    for (int kind = 0; kind < N_ROWS && rc == 0; kind++) {
        float given[SYMBOLS], left[SYMBOLS];
        make_row(kind, given);
        memcpy(left, given, sizeof left);
        struct row g = row_over(given, SYMBOLS), l = row_over(left, SYMBOLS);
        rc = row_measure(&g) < 0 || row_measure(&l) < 0 ? err_code() : chain_apply(c, NULL, &l, &at, NULL);
        double most = fmax(top_of(&g), rc == 0 ? top_of(&l) : 0);
        text_add(&before, "  ");
        text_add(&after, "  ");
        add_bars(&before, &g, most);
        add_bars(&after, &l, most);
    }
    text_addf(out, "\n```\n%s\ngiven   %s\nleft    %s\n```\n", chain_text(c), text_s(&before), text_s(&after));
    text_free(&before);
    text_free(&after);
    row_work_free(work);
    chain_free(c);
    return rc;
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

static void add_params(struct text *t, const struct transform_type *type)
{
    if (type->n_params > 0)
        text_add(t, "\n| parameter | values | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < type->n_params; i++) {
        text_addf(t, "| %s | ", type->params[i].name);
        add_range(t, &type->params[i]);
        text_add(t, " | ");
        add_default(t, &type->params[i]);
        text_addf(t, " | %s |\n", type->params[i].meaning);
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
    size_t n = strlen(type->name);
    text_addf(t, "\n### %s\n\n%c%s. Domain: %s. Source: %s.\n", type->name, toupper((unsigned char)type->meaning[0]),
              type->meaning + 1, type->domain, type->source);
    add_params(t, type);
    add_profiles(t, type);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (strncmp(shown[i], type->name, n) == 0 && strchr("=(", shown[i][n])) /* the end of the text too */
            TRY(add_figure(t, shown[i]));
    return 0;
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
    for (size_t i = 0; i < n; i++)
        text_addf(t, "| %s | `%s` | %s | %s |\n", q[i].name, q[i].chain, q[i].meaning, q[i].source);
}

int list_markdown(void)
{
    struct text t = { 0 };
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    int rc = 0;
    text_add(&t,
             "# Strategies\n\nMade by `chorale list strategies --markdown` from the tables that the program works "
             "with.\n\nFigures: probabilities of sixteen symbols of a peaked row, a flat row and one with two peaks, "
             "above as given, below after the step; a dot is masked.\n\n## Transforms\n");
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_transform(&t, types[i]);
    add_names(&t);
    if (rc == 0)
        fputs(text_s(&t), stdout);
    text_free(&t);
    return rc;
}

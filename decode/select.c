#include "decode/select.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/elsewhere.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct select {
    const struct select_type *type;
    struct spec *spec; /* what value points into */
    struct spec_value value[SPEC_MAX_PARAMS];
    struct text canonical;
};

const struct select_type *const *select_types(size_t *n)
{
    static const struct select_type *const types[] = { &select_best, &select_vote, &select_mbr };
    *n = sizeof types / sizeof *types;
    return types;
}

static int find_type(struct select *s, const char *name)
{
    const char *names[8];
    size_t n;
    const struct select_type *const *types = select_types(&n);
    for (size_t i = 0; i < n; i++) {
        names[i] = types[i]->name;
        if (strcmp(names[i], name) == 0)
            s->type = types[i];
    }
    return s->type ? 0 : elsewhere_unknown(ERR_USAGE, "selection", name, names, n);
}

static int bind(struct select *s, const char *text)
{
    s->spec = spec_parse("selection", text);
    if (!s->spec)
        return ERR_USAGE;
    if (s->spec->n_steps != 1)
        return err_set(ERR_USAGE, "selection '%s' has %zu steps, want one", text, s->spec->n_steps);
    TRY(find_type(s, s->spec->steps[0].name));
    TRY(spec_bind(&s->spec->steps[0], s->type->params, s->type->n_params, s->value));
    TRY(s->type->check(s->value));
    spec_canonical(&s->canonical, s->type->name, s->type->params, s->type->n_params, s->value);
    return 0;
}

struct select *select_open(const char *text)
{
    struct select *s = mem_alloc(1, sizeof *s);
    if (bind(s, text) == 0)
        return s;
    select_close(s);
    return NULL;
}

void select_close(struct select *s)
{
    if (!s)
        return;
    spec_free(s->spec);
    text_free(&s->canonical);
    free(s);
}

enum select_needs select_needs(const struct select *s)
{
    return s->type->needs ? s->type->needs(s->value) : SELECT_NEEDS_NOTHING;
}

const char *select_canonical(const struct select *s)
{
    return text_s(&s->canonical);
}

struct select_choice select_choose(const struct select *s, const struct select_text texts[], size_t n, double score[])
{
    struct select_choice choice = { .chosen = SELECT_NONE };
    double *own = mem_alloc(n, sizeof *own), most = -INFINITY;
    if (n > 0)
        choice.utilities = s->type->rank(s->value, texts, n, own);
    for (size_t i = 0; i < n; i++) {
        choice.chosen = own[i] > most ? i : choice.chosen;
        most = own[i] > most ? own[i] : most;
        if (score)
            score[i] = own[i];
    }
    free(own);
    return choice;
}

static bool same_text(const struct select_text *a, const struct select_text *b)
{
    return a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
}

static bool seen_before(const struct select_text texts[], size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_text(&texts[k], &texts[i]))
            return true;
    return false;
}

int select_weights(const char *word, const struct select_text texts[], size_t n, double weight[])
{
    static const char *const names[] = { "uniform", "model" };
    double top = -INFINITY, sum = 0;
    bool model = word && strcmp(word, names[1]) == 0;
    if (word && !model && strcmp(word, names[0]) != 0)
        return err_unknown(ERR_USAGE, "weight", word, names, 2);
    for (size_t i = 0; i < n; i++) {
        weight[i] = model ? texts[i].logp : texts[i].log_weight;
        if (!(weight[i] < INFINITY) || (model && seen_before(texts, i)))
            weight[i] = -INFINITY;
        top = fmax(top, weight[i]);
    }
    for (size_t i = 0; i < n; i++)
        sum += weight[i] = top > -INFINITY ? exp(weight[i] - top) : 1;
    for (size_t i = 0; i < n; i++)
        weight[i] /= sum;
    return 0;
}

#include "ensemble/weighting.h"
#include "base/err.h"
#include "ensemble/weighting_types.h"
#include <string.h>

static const struct weighting_type *const types[] = { &weighting_fixed, &weighting_bayes, &weighting_share,
                                                      &weighting_logistic, &weighting_prompt };
enum { N_TYPES = sizeof types / sizeof *types };

const struct weighting_type *const *weighting_types(size_t *n)
{
    *n = N_TYPES;
    return types;
}

static int bind(struct weighting *w, const char *text, const struct pool *p)
{
    const char *names[N_TYPES];
    if (w->spec->n_steps != 1)
        return err_set(ERR_USAGE, "weighting '%s' has %zu steps, want one", text, w->spec->n_steps);
    const struct spec_step *step = &w->spec->steps[0];
    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i]->name;
        if (strcmp(step->name, names[i]) == 0)
            w->type = types[i];
    }
    if (!w->type)
        return err_unknown(ERR_USAGE, "weighting", step->name, names, N_TYPES);
    TRY(spec_bind(step, w->type->params, w->type->n_params, w->value));
    if (weighting_learns(w) && (!p->type->weighted || p->type->samples))
        return err_set(ERR_USAGE, "weighting %s: the rule %s %s", w->type->name, p->type->name,
                       p->type->weighted ? "does not compute all voices" : "knows no weights");
    if (weighting_learns(w) && p->global)
        return err_set(ERR_USAGE, "weighting %s: mode=global weighs whole prefixes already", w->type->name);
    return w->type->check ? w->type->check(w, p) : 0;
}

int weighting_parse(const char *text, const struct pool *p, struct weighting *out)
{
    *out = (struct weighting){ .spec = spec_parse("weighting", text) };
    if (!out->spec)
        return ERR_USAGE;
    int rc = bind(out, text, p);
    if (rc < 0)
        weighting_fini(out);
    return rc;
}

void weighting_fini(struct weighting *w)
{
    spec_free(w->spec);
    *w = (struct weighting){ 0 };
}

void weighting_text(const struct weighting *w, struct text *out)
{
    spec_canonical(out, w->type->name, w->type->params, w->type->n_params, w->value);
}

bool weighting_learns(const struct weighting *w)
{
    return w->type != &weighting_fixed;
}

bool weighting_by_symbol(const char *text)
{
    struct spec *spec = spec_parse("weighting", text);
    bool by_symbol = false;
    for (size_t i = 0; i < N_TYPES && spec && spec->n_steps == 1; i++)
        by_symbol |= types[i]->by_symbol && strcmp(types[i]->name, spec->steps[0].name) == 0;
    spec_free(spec);
    return by_symbol;
}

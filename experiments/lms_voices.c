/* Ensembles of a plan, from its nodes and what was fitted for them: voices with their maps, temperatures and chains; weights. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "ensemble/ensemble.h"
#include "experiments/lms_inside.h"
#include "model/checkpoint.h"
#include <stdlib.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* The voice's transforms as chain text: its temperature, fixed or fitted, then its chain. */
static int voice_chain(struct lms *s, const json_t *voice, struct text *out)
{
    const json_t *t = json_object_get(voice, "temperature");
    const char *fit = field(t, "fit"), *chain = field(voice, "chain");
    const json_t *found = fit ? lms_result(s, fit) : NULL;
    if (fit && !found)
        return ERR_DATA;
    text_clear(out);
    if (t) {
        text_add(out, "temperature=");
        text_add_real(out, json_number_value(fit ? json_object_get(found, "value") : t));
    }
    if (chain && *chain)
        text_addf(out, "%s%s", t ? "|" : "", chain);
    return 0;
}

/* Maps of answers are fitted to probabilities of choices, and those with steps would end the order of a row. */
static int check_of_rows(const json_t *fit)
{
    const struct calibration_type *type = calibration_find(field(fit, "what"));
    if (!type)
        return ERR_DATA;
    return type->of_rows && !json_object_get(fit, "choices")
               ? 0
               : err_set(ERR_DATA, "fit '%s': %s here maps answers where a voice wants a map of rows", field(fit, "id"),
                         type->name);
}

/* The map that comes before the voice's other transforms; *out NULL: none. */
static int voice_map(const struct lms *s, const json_t *voice, const struct lm *lm, const struct transform **out)
{
    const char *fit = field(json_object_get(voice, "calibration"), "fit");
    const struct fit_maps *maps = fit ? lms_maps(s, fit) : NULL;
    *out = NULL;
    if (!fit)
        return 0;
    if (!maps)
        return ERR_DATA;
    TRY(check_of_rows(lms_fit(s, fit)));
    const struct calibration *c = fit_maps_all(maps);
    if (calibration_classes(c) != 0 && calibration_classes(c) != lm->space->n)
        return err_set(ERR_DATA, "fit '%s' is of %u symbols, '%s' has %u", fit, (unsigned)calibration_classes(c),
                       lm->name, (unsigned)lm->space->n);
    *out = calibration_transform(c);
    return 0;
}

struct voice_parts {
    const struct transform **transforms;
    const char **drop;
};

static int voice_layer(struct lms *s, const json_t *doc, struct voice *v)
{
    const json_t *layer = json_object_get(doc, "layer");
    const struct checkpoint *c = lms_checkpoint(s, field(doc, "lm"));
    json_int_t n = json_integer_value(layer), n_layers = c ? (json_int_t)c->config.n_layers : 0;
    if (!layer)
        return 0;
    if (!json_is_integer(layer) || n < 1 || n >= n_layers)
        return err_set(ERR_USAGE, "voice '%s': layer is %lld, want 1 to %lld, the last but one of '%s'", v->name,
                       (long long)n, (long long)n_layers - 1, field(doc, "lm"));
    v->tap = (uint32_t)n;
    return 0;
}

static int voice_fill(struct lms *s, struct lms_node *n, const json_t *doc, struct voice *v, struct voice_parts *parts)
{
    struct text text = { 0 };
    v->lm = lms_find(s, field(doc, "lm"));
    if (!v->lm)
        return err_code();
    v->name = field(doc, "name");
    v->template_name = field(doc, "template") ? field(doc, "template") : lms_template(s, field(doc, "lm"));
    int rc = voice_chain(s, doc, &text);
    struct chain *c = rc == 0 ? lua_transforms_chain(s->transforms, text_s(&text)) : NULL;
    text_free(&text);
    if (!c)
        return rc < 0 ? rc : ERR_USAGE;
    n->chains[n->n_chains++] = c;
    TRY(chain_bind(c, v->lm->space));
    const struct transform *map;
    TRY(voice_map(s, doc, v->lm, &map));
    parts->transforms = mem_alloc(chain_length(c) + 1, sizeof *parts->transforms);
    if (map)
        parts->transforms[v->n_transforms++] = map;
    for (size_t i = 0; i < chain_length(c); i++)
        parts->transforms[v->n_transforms++] = chain_step(c, i);
    v->transforms = parts->transforms;
    const json_t *drop = json_object_get(doc, "drop");
    v->n_drop = json_array_size(drop);
    parts->drop = mem_alloc(v->n_drop, sizeof *parts->drop);
    for (size_t i = 0; i < v->n_drop; i++)
        parts->drop[i] = json_string_value(json_array_get(drop, i));
    v->drop = parts->drop;
    return voice_layer(s, doc, v);
}

/* (n,) as the plan has them, or as they were fitted. */
static int weights_fill(struct lms *s, const struct lms_node *n, double w[], size_t k)
{
    const json_t *weights = json_object_get(n->doc, "weights");
    const char *fit = field(weights, "fit");
    if (fit) {
        const json_t *found = lms_result(s, fit);
        if (!found)
            return ERR_DATA;
        weights = json_object_get(found, "weights");
        if (json_array_size(weights) != k)
            return err_set(ERR_DATA, "fit '%s' has %zu weights, '%s' has %zu voices", fit, json_array_size(weights),
                           n->id, k);
    }
    for (size_t i = 0; i < k; i++)
        w[i] = json_number_value(json_array_get(weights, i));
    return 0;
}

/* ensemble_open() copies what it keeps of the voices except what must outlive it: lms, chains, the plan's strings. */
int lms_build_ensemble(struct lms *s, struct lms_node *n)
{
    const json_t *docs = json_object_get(n->doc, "voices");
    size_t k = json_array_size(docs);
    struct voice *voices = mem_alloc(k, sizeof *voices);
    struct voice_parts *parts = mem_alloc(k, sizeof *parts);
    double *w = mem_alloc(k, sizeof *w);
    n->chains = mem_alloc(k, sizeof *n->chains);
    int rc = weights_fill(s, n, w, k);
    for (size_t i = 0; i < k && rc == 0; i++)
        rc = voice_fill(s, n, json_array_get(docs, i), &voices[i], &parts[i]);
    const struct ensemble_rule rule = { field(n->doc, "rule"), field(n->doc, "weighting") };
    if (rc == 0 && !(n->lm = ensemble_open_by(voices, w, k, &rule)))
        rc = ERR_USAGE;
    for (size_t i = 0; i < k; i++) {
        free(parts[i].transforms);
        free(parts[i].drop);
    }
    free(parts);
    free(voices);
    free(w);
    return rc;
}

#include "experiments/plan_nodes.h"
#include "base/err.h"
#include "ensemble/pool.h"
#include "ensemble/weighting.h"
#include "evalsets/item.h"
#include "experiments/plan_bytes.h"
#include "experiments/plan_fits.h"
#include "experiments/plan_leaf.h"
#include "experiments/plan_preset.h"
#include "model/lm.h"
#include "model/template.h"
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* The caller's copy of the node of a name. */
static json_t *leaf(struct plan_nodes *n, const char *name)
{
    json_t *node = json_object_get(n->leaves, name);
    if (!node) {
        node = plan_leaf(name);
        if (!node)
            return NULL;
        json_object_set_new(n->leaves, name, node);
    }
    return json_copy(node);
}

/* A table has templates of its own; what is made of voices hands a template on to each. */
static int check_template(const struct plan_nodes *n, const json_t *node, const char *name)
{
    size_t i;
    const json_t *voice;
    json_array_foreach(json_object_get(node, "voices"), i, voice)
        TRY(check_template(n, plan_list_find(&n->lms, field(voice, "lm")), name));
    return name && strcmp(field(node, "kind"), "model") == 0 ? template_check(name) : 0;
}

static const char *add_model(struct plan_nodes *n, const json_t *d)
{
    const char *name = json_string_value(json_array_get(json_object_get(d, "of"), 0));
    json_t *node = leaf(n, name);
    if (!node || check_template(n, node, field(d, "template")) < 0) {
        json_decref(node);
        return NULL;
    }
    doc_copy(node, d, "template");
    const char *colon = strrchr(name, ':'), *slash = strrchr(name, '/');
    const char *made = strncmp(name, "table:", 6) == 0 ? name : slash ? slash + 1 : colon ? colon + 1 : name;
    return plan_list_put(&n->lms, node, field(d, "name"), made);
}

/* What a fit of the voice's rows is under in its document: a temperature is one wherever it was declared. */
static const char *const fitted_keys[] = { "temperature", "calibration" };
enum { N_FITTED = sizeof fitted_keys / sizeof *fitted_keys };

/* Adds "temperature" or "calibration", what the voice's own lm is corrected by, to its document. */
static int add_correction(struct plan_nodes *n, const json_t *d, const char *lm, json_t *v)
{
    const char *own = field(d, "template"), *id;
    const json_t *t = json_object_get(d, "temperature"), *c = json_object_get(d, "calibration");
    if (t && c)
        return err_set(ERR_USAGE, "a voice has a temperature or a calibration, this one has both");
    if (json_is_number(t))
        json_object_set_new(v, "temperature", json_real(json_number_value(t)));
    if (!json_is_object(t) && !c)
        return 0;
    const json_t *fit = c ? c : t;
    own = own ? own : field(plan_list_find(&n->lms, lm), "template");
    id = c ? plan_fits_calibration(n, fit, lm, own) : plan_fits_temperature(n, fit, lm, own);
    if (!id)
        return plan_nodes_place(fit);
    const json_t *node = plan_list_find(&n->fits, id);
    const char *key = strcmp(field(node, "what"), "temperature") == 0 ? "temperature" : "calibration";
    json_object_set_new(v, key, json_pack("{s:s}", "key", field(node, "key")));
    return 0;
}

/* What a task's tag gives is read by templates alone that name it, and these cannot do without: it is not to be dropped. */
static int check_drop(const json_t *drop)
{
    size_t i;
    json_t *dropped;
    json_array_foreach(drop, i, dropped)
    {
        size_t k = 0;
        while (k < ITEM_FIELDS && strcmp(item_fields[k], json_string_value(dropped)) != 0)
            k++;
        if (k == ITEM_FIELDS)
            return err_unknown(ERR_USAGE, "prompt field to drop", json_string_value(dropped), item_fields, ITEM_FIELDS);
    }
    return 0;
}

/* An early exit: of a checkpoint, and nothing that is fitted to the rows of its last layer. */
static int check_layer(const json_t *d, const json_t *lm)
{
    if (!json_object_get(d, "layer"))
        return 0;
    if (strcmp(field(lm, "kind"), "model") != 0)
        return err_set(ERR_USAGE, "voice: 'layer' is of a model, '%s' has none", field(lm, "id"));
    if (json_is_object(json_object_get(d, "temperature")) || json_object_get(d, "calibration"))
        return err_set(ERR_USAGE, "voice: a fit is of the last layer's rows: a voice with 'layer' takes none");
    return 0;
}

/* A voice's document without "lm" and "name", which are no part of what it computes; "of" is its lm's key. */
static json_t *voice_node(struct plan_nodes *n, const json_t *d, const char *lm)
{
    json_t *v = json_object();
    json_object_set_new(v, "of", json_string(field(plan_list_find(&n->lms, lm), "key")));
    doc_copy(v, d, "template");
    doc_copy(v, d, "drop");
    doc_copy(v, d, "layer");
    const char *chain = field(d, "chain");
    struct text whole = { 0 };
    int rc = check_template(n, plan_list_find(&n->lms, lm), field(d, "template"));
    rc = rc < 0 ? rc : check_drop(json_object_get(d, "drop"));
    rc = rc < 0 ? rc : check_layer(d, plan_list_find(&n->lms, lm));
    if (chain && rc == 0)
        rc = plan_preset_expand(&n->lms, lm, chain, &whole);
    if (chain && rc == 0)
        rc = plan_leaf_chain(n->transforms, text_s(&whole), v);
    json_object_update(n->code, json_object_get(v, "transforms"));
    text_free(&whole);
    if (rc == 0)
        rc = add_correction(n, d, lm, v);
    if (rc == 0)
        return v;
    json_decref(v);
    return NULL;
}

static int space_check(const char *first, const char *space, const json_t *lm)
{
    if (!space || strcmp(space, field(lm, "space")) == 0)
        return 0;
    return err_set(ERR_USAGE,
                   "'%s' and '%s' have different symbol spaces: voices of an ensemble share one; over bytes "
                   "they do: bytes { ... } around each",
                   first, field(lm, "id"));
}

/* lms: (n voices,) gets the ids of their nodes. */
static int add_voices(struct plan_nodes *n, const json_t *d, json_t *voices, const char *lms[])
{
    size_t i;
    json_t *v;
    const char *space = NULL, *first = NULL;
    if (json_array_size(json_object_get(d, "of")) > LM_MAX_VOICES)
        return err_set(ERR_USAGE, "%zu voices, want at most %d", json_array_size(json_object_get(d, "of")),
                       LM_MAX_VOICES);
    json_array_foreach(json_object_get(d, "of"), i, v)
    {
        const char *lm = lms[i] = plan_nodes_add(n, json_array_get(json_object_get(v, "of"), 0));
        json_t *doc = lm ? voice_node(n, v, lm) : NULL;
        if (!lm)
            return ERR_USAGE;
        if (!doc)
            return plan_nodes_place(v);
        json_array_append_new(voices, doc);
        const json_t *node = plan_list_find(&n->lms, lm);
        TRY(space_check(first, space, node));
        space = field(node, "space");
        first = lm;
    }
    return 0;
}

/* As given, 1 each, or what waits for a fit: its key, and (no part of the node's key) its id. */
static json_t *weights_of(const struct plan_nodes *n, const json_t *d, size_t voices, const char *fit)
{
    json_t *out, *given = json_object_get(d, "weights");
    if (fit)
        return json_pack("{s:s}", "key", field(plan_list_find(&n->fits, fit), "key"));
    out = json_array();
    for (size_t i = 0; i < voices; i++) {
        json_t *w = json_array_get(given, i);
        json_array_append_new(out, json_real(w ? json_number_value(w) : 1));
    }
    return out;
}

/* What a voice is called that has no name: "prose", "prose layer 8". */
static void add_voice_name(struct text *out, const json_t *voice, const char *lm)
{
    const json_t *layer = json_object_get(voice, "layer");
    text_add(out, lm);
    if (layer)
        text_addf(out, " layer %lld", (long long)json_integer_value(layer));
}

/* Whether add_voice_name() calls both the same. */
static bool same_voice_name(const json_t *a, const json_t *b)
{
    const json_t *x = json_object_get(a, "layer"), *y = json_object_get(b, "layer");
    return strcmp(field(a, "lm"), field(b, "lm")) == 0 && json_integer_value(x) == json_integer_value(y);
}

/* Names for people, and the ids by which the voices' lms are found: no part of the key. */
static void name_voices(struct plan_nodes *n, const json_t *d, json_t *voices, const char *const lms[])
{
    if (field(json_array_get(voices, 0), "lm")) /* an equal node had them already */
        return;
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(d, "of"), i, v)
    {
        json_t *doc = json_array_get(voices, i);
        const char *lm = lms[i];
        json_object_set_new(doc, "lm", json_string(lm));
        for (size_t k = 0; k < N_FITTED; k++) {
            json_t *c = json_object_get(doc, fitted_keys[k]),
                   *fit = json_is_object(c) ? plan_list_equal(&n->fits, field(c, "key")) : NULL;
            if (fit)
                json_object_set(c, "fit", json_object_get(fit, "id"));
        }
        struct text name = { 0 };
        if (field(v, "name"))
            text_add(&name, field(v, "name"));
        else
            add_voice_name(&name, doc, lm);
        size_t same = 1;
        for (size_t k = 0; k < i; k++)
            same += same_voice_name(json_array_get(voices, k), doc);
        if (same > 1 && !field(v, "name"))
            text_addf(&name, "#%zu", same);
        json_object_set_new(doc, "name", json_string(text_s(&name)));
        text_free(&name);
    }
}

/* The canonical texts of a rule and of a weighting that learns ("" for fixed weights). */
struct rule_texts {
    struct text rule, weighting;
};

static int read_rule(const json_t *d, struct rule_texts *out)
{
    struct pool pool;
    struct weighting weighting;
    TRY(pool_parse(field(d, "rule") ? field(d, "rule") : "linear", &pool));
    int rc = weighting_parse(field(d, "weighting") ? field(d, "weighting") : "fixed", &pool, &weighting);
    if (rc == 0) {
        pool_text(&pool, &out->rule);
        if (weighting_learns(&weighting))
            weighting_text(&weighting, &out->weighting);
        weighting_fini(&weighting);
    }
    pool_fini(&pool);
    return rc;
}

/* What a node of voices is made from. */
struct made {
    const struct rule_texts *rule;
    json_t *voices;
    const char *const *lms; /* (n voices,) */
    const char *fit;        /* of its weights, or NULL */
};

/* What an ensemble is called that has no name: "log(prose, verse)", "linear by bayes, fitted(prose, verse)". */
static void made_name(const struct made *m, struct text *out)
{
    const struct rule_texts *r = m->rule;
    text_addf(out, "%s%s%s%s(", text_s(&r->rule), r->weighting.len > 0 ? " by " : "", text_s(&r->weighting),
              m->fit ? ", fitted" : "");
    for (size_t i = 0; i < json_array_size(m->voices); i++) {
        text_add(out, i ? ", " : "");
        add_voice_name(out, json_array_get(m->voices, i), m->lms[i]);
    }
    text_add(out, ")");
}

static const char *ensemble_put(struct plan_nodes *n, const json_t *d, const struct made *m, const char *name)
{
    struct text made = { 0 };
    json_t *weights = weights_of(n, d, json_array_size(m->voices), m->fit);
    json_t *node = json_pack("{s:s, s:s, s:o, s:o}", "kind", "ensemble", "rule", text_s(&m->rule->rule), "voices",
                             json_deep_copy(m->voices), "weights", weights);
    if (m->rule->weighting.len > 0)
        json_object_set_new(node, "weighting", json_string(text_s(&m->rule->weighting)));
    made_name(m, &made);
    doc_copy(node, plan_list_find(&n->lms, m->lms[0]), "space");
    const char *id = plan_list_put(&n->lms, node, name, text_s(&made));
    text_free(&made);
    node = id ? plan_list_find(&n->lms, id) : NULL;
    if (node)
        name_voices(n, d, json_object_get(node, "voices"), m->lms);
    if (node && m->fit)
        json_object_set_new(json_object_get(node, "weights"), "fit", json_string(m->fit));
    return id;
}

/* The fit of an ensemble's weights reads the voices' rows where these are pooled linearly, with equal weights: a node of its
 * own.  The fit's id or NULL. */
static const char *add_weights(struct plan_nodes *n, const json_t *d, const struct made *m)
{
    struct rule_texts equal = { 0 };
    struct made pool = *m;
    json_t *fit = json_object_get(d, "weights"), *other = json_copy((json_t *)(uintptr_t)d);
    json_object_del(other, "weights");
    text_add(&equal.rule, "linear");
    pool.rule = &equal;
    const char *id = NULL;
    if (plan_fits_weights_check(fit, text_s(&m->rule->rule)) == 0)
        id = ensemble_put(n, other, &pool, NULL);
    if (id)
        id = plan_fits_weights(n, fit, id, text_s(&m->rule->rule));
    if (!id)
        plan_nodes_place(fit);
    json_decref(other);
    text_free(&equal.rule);
    return id;
}

static const char *add_ensemble(struct plan_nodes *n, const json_t *d)
{
    struct rule_texts rule = { 0 };
    const char *id = NULL, *lms[LM_MAX_VOICES];
    if (read_rule(d, &rule) < 0)
        return NULL;
    json_t *voices = json_array();
    struct made made = { .rule = &rule, .voices = voices, .lms = lms };
    bool fitted = json_is_object(json_object_get(d, "weights"));
    if (add_voices(n, d, voices, lms) == 0) {
        made.fit = fitted ? add_weights(n, d, &made) : NULL;
        if (made.fit || !fitted)
            id = ensemble_put(n, d, &made, field(d, "name"));
    }
    json_decref(voices);
    text_free(&rule.rule);
    text_free(&rule.weighting);
    return id;
}

static const struct {
    const char *kind;
    const char *(*add)(struct plan_nodes *n, const json_t *d);
} kinds[] = { { "model", add_model }, { "ensemble", add_ensemble }, { "bytes", plan_bytes_add } };

int plan_nodes_place(const json_t *declared)
{
    const char *at = field(declared, "at");
    if (strncmp(err_text(), at, strcspn(at, ":") + 1) != 0)
        err_add(err_code(), "%s", at);
    return err_code();
}

const char *plan_nodes_add(struct plan_nodes *n, const json_t *declared)
{
    const char *id = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(field(declared, "kind"), kinds[i].kind) == 0)
            id = kinds[i].add(n, declared);
    if (!id)
        plan_nodes_place(declared);
    return id;
}

bool plan_nodes_samples(const struct plan_list *lms, const char *id)
{
    const json_t *node = plan_list_find(lms, id);
    size_t i;
    json_t *v;
    bool samples = field(node, "rule") && strcmp(field(node, "rule"), "sampled") == 0;
    json_array_foreach(json_object_get(node, "voices"), i, v)
    {
        samples |= plan_nodes_samples(lms, field(v, "lm"));
    }
    return samples;
}

bool plan_nodes_layered(const struct plan_list *lms, const char *id)
{
    return !json_object_get(plan_list_find(lms, id), "voices");
}

void plan_nodes_leaves(const struct plan_list *lms, const char *id, json_t *keys)
{
    const json_t *node = plan_list_find(lms, id), *voices = json_object_get(node, "voices");
    size_t i;
    json_t *v;
    if (!voices) {
        const char *hash = field(node, "hash");
        json_array_append_new(keys, json_string(hash ? hash : field(node, "key")));
    }
    json_array_foreach(voices, i, v)
    {
        plan_nodes_leaves(lms, field(v, "lm"), keys);
    }
}

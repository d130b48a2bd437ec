#include "experiments/plan_fits.h"
#include "base/err.h"
#include "ensemble/pool.h"
#include "experiments/plan_leaf.h"
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static void copy_field(json_t *to, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);
    if (v)
        json_object_set(to, key, v);
}

/* A place takes one kind of fit. */
static int check_what(const json_t *d, const char *wanted)
{
    return strcmp(field(d, "what"), wanted) == 0 ? 0 : err_unknown(ERR_USAGE, "fit", field(d, "what"), &wanted, 1);
}

/* What every fit has: its texts, what it reads.  The caller's, or NULL. */
static json_t *fit_node(const struct plan_nodes *n, const json_t *d, const char *lm)
{
    json_t *node = plan_leaf_fit(field(d, "on"), field(d, "lang"));
    if (!node)
        return NULL;
    copy_field(node, d, "what");
    copy_field(node, d, "lang");
    copy_field(node, plan_nodes_find(n->lms, lm), "space");
    /* the key speaks of the lm by its key; "lm" itself is put in afterwards */
    json_object_set_new(node, "of", json_string(field(plan_nodes_find(n->lms, lm), "key")));
    return node;
}

static const char *fit_put(struct plan_nodes *n, json_t *node, const char *lm, struct text *made)
{
    const char *id = plan_nodes_put(n->fits, node, NULL, text_s(made));
    text_free(made);
    if (id)
        json_object_set_new(plan_nodes_find(n->fits, id), "lm", json_string(lm));
    return id;
}

const char *plan_fits_temperature(struct plan_nodes *n, const json_t *d, const char *lm, const char *template_name)
{
    struct text made = { 0 };
    json_t *node = check_what(d, "temperature") == 0 ? fit_node(n, d, lm) : NULL;
    if (!node)
        return NULL;
    if (template_name)
        json_object_set_new(node, "template", json_string(template_name));
    text_addf(&made, "%s of %s on %s", field(d, "what"), lm, field(d, "on"));
    return fit_put(n, node, lm, &made);
}

int plan_fits_weights_check(const json_t *d, const char *rule)
{
    static const char *const fitted[] = { "linear", "sampled", "log", "product" };
    struct pool pool;
    TRY(check_what(d, "weights"));
    TRY(pool_parse(rule, &pool));
    bool weighted = pool.type->weighted;
    pool_fini(&pool);
    if (!weighted)
        return err_set(ERR_USAGE, "rule '%s' has no weights to fit", rule);
    for (size_t i = 0; i < sizeof fitted / sizeof *fitted; i++)
        if (strcmp(rule, fitted[i]) == 0)
            return 0;
    return err_set(ERR_USAGE, "the weights of rule '%s' cannot be fitted, want linear, sampled, log or product", rule);
}

const char *plan_fits_weights(struct plan_nodes *n, const json_t *d, const char *lm, const char *rule)
{
    struct text made = { 0 };
    json_t *node = fit_node(n, d, lm);
    if (!node)
        return NULL;
    json_object_set_new(node, "rule", json_string(rule));
    const char *voices = strchr(lm, '(');
    text_addf(&made, "weights of %s%s on %s", rule, voices ? voices : lm, field(d, "on"));
    return fit_put(n, node, lm, &made);
}

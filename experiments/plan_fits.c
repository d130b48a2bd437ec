#include "experiments/plan_fits.h"
#include "base/err.h"
#include "decode/chain.h"
#include "decode/conformal.h"
#include "ensemble/pool.h"
#include "experiments/fit_maps.h"
#include "experiments/fit_place.h"
#include "experiments/fit_result.h"
#include "experiments/plan_leaf.h"
#include "experiments/plan_preset.h"
#include <math.h>
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* A place takes one kind of fit. */
static int check_what(const json_t *d, const char *wanted)
{
    return strcmp(field(d, "what"), wanted) == 0
               ? 0
               : err_set(ERR_USAGE, "a fit of '%s' where one of '%s' is wanted", field(d, "what"), wanted);
}

/* What some fits know and others do not. */
static int check_fields(const json_t *d)
{
    static const struct {
        const char *key, *of; /* of: kinds of fits, none part of another's name */
    } keys[] = { { "l2", "vector, matrix" },
                 { "folds", "vector, matrix, platt, beta" },
                 { "bins", "conformal, histogram" } };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(d, keys[i].key) && !strstr(keys[i].of, field(d, "what")))
            return err_set(ERR_USAGE, "fit: '%s' is for fits of %s, not of %s", keys[i].key, keys[i].of,
                           field(d, "what"));
    return 0;
}

/* "chain" and what belongs to it are of fits that stand in the place of a chain. */
static int check_alone(const json_t *d)
{
    static const char *const keys[] = { "chain", "target", "from", "to" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(d, keys[i]))
            return err_set(ERR_USAGE, "fit: '%s' is for a fit that stands where an arm's chain would", keys[i]);
    return check_fields(d);
}

/* What every fit has: its texts, what it reads.  The caller's, or NULL. */
static json_t *fit_node_of(const struct plan_nodes *n, const json_t *d, const char *lm, enum item_kind kind)
{
    json_t *node = plan_leaf_fit(field(d, "on"), field(d, "lang"), kind);
    if (!node)
        return NULL;
    doc_copy(node, d, "what");
    doc_copy(node, d, "lang");
    doc_copy(node, plan_list_find(&n->lms, lm), "space");
    /* the key speaks of the lm by its key; "lm" itself is put in afterwards */
    json_object_set_new(node, "of", json_string(field(plan_list_find(&n->lms, lm), "key")));
    return node;
}

static json_t *fit_node(const struct plan_nodes *n, const json_t *d, const char *lm)
{
    return fit_node_of(n, d, lm, ITEM_TEXT);
}

static const char *fit_put(struct plan_nodes *n, json_t *node, const char *lm, struct text *made)
{
    const char *id = plan_list_put(&n->fits, node, NULL, text_s(made));
    text_free(made);
    if (id)
        json_object_set_new(plan_list_find(&n->fits, id), "lm", json_string(lm));
    return id;
}

static const char *temperature_put(struct plan_nodes *n, const json_t *d, const char *lm, const char *template_name)
{
    struct text made = { 0 };
    json_t *node = fit_node(n, d, lm);
    if (!node)
        return NULL;
    if (template_name)
        json_object_set_new(node, "template", json_string(template_name));
    text_addf(&made, "%s of %s on %s", field(d, "what"), lm, field(d, "on"));
    return fit_put(n, node, lm, &made);
}

const char *plan_fits_temperature(struct plan_nodes *n, const json_t *d, const char *lm, const char *template_name)
{
    bool right = check_what(d, "temperature") == 0 && check_alone(d) == 0;
    return right ? temperature_put(n, d, lm, template_name) : NULL;
}

#define L2        0.01 /* of vector and matrix scaling, where the fit says nothing */
#define ROW_L2    1.0  /* likewise over a vocabulary: most of its symbols are seen once or never */
#define FOLDS     5    /* of choices */
#define BINS      10   /* of a histogram of choices: events are few */
#define ROW_FOLDS 2    /* each is a fit over a vocabulary */

struct defaults {
    int folds;
    double l2;
};

/* Adds what says how maps are fitted, with the defaults where the fit says nothing. */
static int add_calibration(const json_t *d, const struct calibration_type *type, const struct defaults *o, json_t *node)
{
    const json_t *l2 = json_object_get(d, "l2"), *given = json_object_get(d, "folds");
    double penalty = l2 ? json_number_value(l2) : o->l2;
    json_int_t n = given ? json_integer_value(given) : o->folds;
    if (n > FIT_MOST_FOLDS)
        return err_set(ERR_USAGE, "fit: folds is %lld, want at most %d; 0 and 1: none", (long long)n, FIT_MOST_FOLDS);
    if (!(penalty >= 0 && penalty <= 1e6))
        return err_set(ERR_USAGE, "fit: l2 is %g, want 0 .. 1e6", penalty);
    json_object_set_new(node, "folds", json_integer(n < 2 ? 0 : n));
    if (type->has_l2)
        json_object_set_new(node, "l2", json_real(penalty));
    return 0;
}

static const char *calibration_put(struct plan_nodes *n, const json_t *d, const char *lm, const char *template_name)
{
    const struct calibration_type *type = calibration_find(field(d, "what"));
    struct text made = { 0 };
    if (!type || check_alone(d) < 0)
        return NULL;
    if (!type->of_rows) {
        err_set(ERR_USAGE,
                "fit: '%s' has steps, which would make equals of a row's symbols: it is for choices; for a voice want "
                "temperature, vector, matrix, platt or beta",
                type->name);
        return NULL;
    }
    json_t *node = fit_node(n, d, lm);
    if (!node)
        return NULL;
    if (template_name)
        json_object_set_new(node, "template", json_string(template_name));
    if (add_calibration(d, type, &(struct defaults){ ROW_FOLDS, ROW_L2 }, node) < 0) {
        json_decref(node);
        return NULL;
    }
    text_addf(&made, "%s of %s on %s", type->name, lm, field(d, "on"));
    return fit_put(n, node, lm, &made);
}

/* The field of a fit of answers that its kind does not know, or NULL. */
static const char *foreign_field(const json_t *d, const struct calibration_type *type)
{
    const struct {
        const char *key;
        bool known;
    } keys[] = { { "chain", false }, { "target", false },    { "from", false },
                 { "to", false },    { "l2", type->has_l2 }, { "bins", type->has_bins } };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(d, keys[i].key) && !keys[i].known)
            return keys[i].key;
    return NULL;
}

static int add_answers(const json_t *d, const struct calibration_type *type, json_t *node)
{
    const json_t *bins = json_object_get(d, "bins");
    json_int_t n_bins = bins ? json_integer_value(bins) : BINS;
    if (n_bins < 1 || n_bins > 1000)
        return err_set(ERR_USAGE, "fit: bins is %lld, want 1 .. 1000", (long long)n_bins);
    if (type->has_bins)
        json_object_set_new(node, "bins", json_integer(n_bins));
    return add_calibration(d, type, &(struct defaults){ FOLDS, L2 }, node);
}

const char *plan_fits_answers(struct plan_nodes *n, const json_t *d, const char *lm, const char *choices)
{
    const struct calibration_type *type = calibration_find(field(d, "what"));
    const char *template_name = field(plan_list_find(&n->lms, lm), "template");
    const char *foreign = type ? foreign_field(d, type) : NULL;
    struct text made = { 0 };
    if (type && foreign)
        err_set(ERR_USAGE, "fit: '%s' is not for a fit of %s to choices", foreign, type->name);
    json_t *node = type && !foreign ? fit_node_of(n, d, lm, ITEM_CHOICE) : NULL;
    if (!node)
        return NULL;
    json_object_set_new(node, "choices", json_string(choices));
    if (template_name)
        json_object_set_new(node, "template", json_string(template_name));
    if (add_answers(d, type, node) < 0) {
        json_decref(node);
        return NULL;
    }
    text_addf(&made, "%s of %s, choices by %s, on %s", type->name, lm, choices, field(d, "on"));
    return fit_put(n, node, lm, &made);
}

const char *plan_fits_calibration(struct plan_nodes *n, const json_t *d, const char *lm, const char *template_name)
{
    const struct calibration_type *type = calibration_find(field(d, "what"));
    if (!type)
        return NULL;
    return type->of_voices ? plan_fits_temperature(n, d, lm, template_name) : calibration_put(n, d, lm, template_name);
}

int plan_fits_weights_check(const json_t *d, const char *rule)
{
    static const char *const fitted[] = { "linear", "sampled", "log", "product" };
    struct pool pool;
    TRY(check_what(d, "weights"));
    TRY(check_alone(d));
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

static int need_number(const json_t *d, const char *key, double *x)
{
    const json_t *v = json_object_get(d, key);
    *x = json_number_value(v);
    return json_is_number(v) && isfinite(*x) ? 0 : err_set(ERR_USAGE, "fit: an entropy wants '%s', a number", key);
}

static int check_chain_temperature(const json_t *d, const char *chain)
{
    static const char first[] = "temperature=fit";
    (void)d;
    return strncmp(chain, first, sizeof first - 1) == 0
               ? 0
               : err_set(ERR_USAGE,
                         "fit: chain '%s' does not begin with %s: a temperature is fitted to the lm's own rows", chain,
                         first);
}

static int check_chain_entropy(const json_t *d, const char *chain)
{
    double target, from, to;
    (void)chain;
    TRY(need_number(d, "target", &target));
    TRY(need_number(d, "from", &from));
    TRY(need_number(d, "to", &to));
    if (target < 0)
        return err_set(ERR_USAGE, "fit: target is %g nats, want 0 or more", target);
    return from < to ? 0 : err_set(ERR_USAGE, "fit: from %g to %g, want the lower first", from, to);
}

static int check_chain_conformal(const json_t *d, const char *chain)
{
    const json_t *bins = json_object_get(d, "bins");
    (void)chain;
    if (bins && (json_integer_value(bins) < 1 || json_integer_value(bins) > CONFORMAL_MAX_BINS))
        return err_set(ERR_USAGE, "fit: bins is %lld, want 1 .. %d", (long long)json_integer_value(bins),
                       CONFORMAL_MAX_BINS);
    return 0;
}

/* Fits that may stand in the place of a chain. */
static const struct chain_fit {
    const char *what, *chain; /* chain: where the fit gives none; NULL: it must */
    int (*check)(const json_t *d, const char *chain);
    bool applies; /* the fit applies the chain: it may have no state and no chance */
} chain_fits[] = { { "temperature", "temperature=fit", check_chain_temperature, false },
                   { "entropy", NULL, check_chain_entropy, true },
                   { "conformal", NULL, check_chain_conformal, false } };

static const struct chain_fit *chain_fit(const char *what)
{
    const char *names[sizeof chain_fits / sizeof *chain_fits];
    for (size_t i = 0; i < sizeof chain_fits / sizeof *chain_fits; i++) {
        names[i] = chain_fits[i].what;
        if (strcmp(what, names[i]) == 0)
            return &chain_fits[i];
    }
    err_unknown(ERR_USAGE, "fit of a chain", what, names, sizeof chain_fits / sizeof *chain_fits);
    return NULL;
}

static const char *chain_put(struct plan_nodes *n, const json_t *d, const char *lm, const char *chain)
{
    static const char *const keys[] = { "target", "from", "to", "bins" };
    const char *template_name = field(plan_list_find(&n->lms, lm), "template");
    struct text made = { 0 };
    if (strcmp(field(d, "what"), "temperature") == 0)
        return temperature_put(n, d, lm, template_name);
    json_t *node = fit_node(n, d, lm);
    if (!node)
        return NULL;
    json_object_set_new(node, "chain", json_string(chain));
    lua_transforms_code(n->transforms, chain, node);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        doc_copy(node, d, keys[i]);
    if (template_name)
        json_object_set_new(node, "template", json_string(template_name));
    text_addf(&made, "%s: %s", lm, chain);
    plan_fits_label(d, &made);
    text_addf(&made, " on %s", field(d, "on"));
    return fit_put(n, node, lm, &made);
}

/* The chain with a value tried in its place. */
static int try_chain(const struct lua_transforms *transforms, const struct chain_fit *kind, const char *text)
{
    struct chain *c = lua_transforms_chain(transforms, text);
    if (!c)
        return ERR_USAGE;
    bool state = chain_state_size(c) > 0, random = chain_random(c);
    chain_free(c);
    return kind->applies && (state || random) ? err_set(ERR_USAGE, "fit: chain '%s': a step of it %s", text,
                                                        random ? "draws by itself" : "keeps state")
                                              : 0;
}

static int add_choice(struct plan_nodes *n, const json_t *d, const char *lm, const char *search, json_t *out)
{
    const struct chain_fit *kind = chain_fit(field(d, "what"));
    const char *chain = field(out, "chain"), *id;
    struct text tried = { 0 };
    if (!kind)
        return ERR_USAGE;
    TRY(check_fields(d));
    TRY(kind->check(d, chain));
    TRY(fit_place_check(chain));
    if (!(id = chain_put(n, d, lm, chain)))
        return err_code();
    json_t *guess = fit_result_guess(NULL, plan_list_find(&n->fits, id)), *pattern = json_string(chain);
    fit_place_fill(chain, guess, &tried);
    int rc = try_chain(n->transforms, kind, text_s(&tried));
    rc = rc < 0 ? rc : plan_preset_choice(n, text_s(&tried), search, out);
    json_object_set_new(out, "chain", pattern);
    json_object_set_new(out, "fit", json_string(id));
    json_decref(guess);
    text_free(&tried);
    return rc;
}

int plan_fits_choice(struct plan_nodes *n, const json_t *d, const char *lm, const char *search, json_t *out)
{
    const struct chain_fit *kind = chain_fit(field(d, "what"));
    const char *chain = field(d, "chain") ? field(d, "chain") : kind ? kind->chain : NULL;
    struct text whole = { 0 };
    if (!kind)
        return err_add(ERR_USAGE, "%s", field(d, "at"));
    if (!chain)
        return err_set(ERR_USAGE, "%s: fit: '%s' wants 'chain', with the word fit where its value goes", field(d, "at"),
                       kind->what);
    int rc = plan_preset_expand(&n->lms, lm, chain, &whole);
    json_object_set_new(out, "chain", json_string(text_s(&whole)));
    rc = rc < 0 ? rc : add_choice(n, d, lm, search, out);
    text_free(&whole);
    return rc < 0 ? plan_nodes_place(d) : 0;
}

void plan_fits_label(const json_t *d, struct text *out)
{
    const json_t *target = json_object_get(d, "target");
    if (!target)
        return;
    text_addf(out, ", %s ", field(d, "what"));
    text_add_real(out, json_number_value(target));
}

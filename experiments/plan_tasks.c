#include "experiments/plan_tasks.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/search.h"
#include "evalsets/tag.h"
#include "experiments/plan_draft.h"
#include "experiments/plan_fits.h"
#include "experiments/plan_leaf.h"
#include "experiments/plan_preset.h"
#include <stdlib.h>
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* Names, borrowed. */
struct names {
    const char **s; /* (n,) */
    size_t n, cap;
};

static void add_name(struct names *names, const char *s)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->s[i], s) == 0)
            return;
    mem_grow(&names->s, &names->cap, names->n + 1, sizeof *names->s);
    names->s[names->n++] = s;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(struct names *names)
{
    if (names->n > 1)
        qsort(names->s, names->n, sizeof *names->s, by_name);
}

static void add_keys(struct names *names, const json_t *o)
{
    void *i = json_object_iter((json_t *)(uintptr_t)o);
    for (; i; i = json_object_iter_next((json_t *)(uintptr_t)o, i))
        add_name(names, json_object_iter_key(i));
}

static int check_name(const char *name)
{
    struct tag t;
    TRY(tag_read_inside("tasks", name, &t));
    bool alone = t.n_args == 0;
    tag_fini(&t);
    return alone ? 0 : err_set(ERR_USAGE, "tasks: '%s' is a name with arguments, want a name", name);
}

int plan_tasks_names(const json_t *declared, json_t *what)
{
    struct names names = { 0 };
    json_t *list = json_array(), *o;
    size_t i;
    int rc = 0;
    json_array_foreach(json_object_get(declared, "arms"), i, o)
    {
        add_keys(&names, json_object_get(o, "tasks"));
    }
    json_array_foreach(json_object_get(declared, "tasks"), i, o)
    {
        add_name(&names, json_string_value(o));
    }
    sort(&names);
    for (i = 0; i < names.n && rc == 0; i++) {
        rc = check_name(names.s[i]);
        json_array_append_new(list, json_string(names.s[i]));
    }
    if (names.n > 0)
        json_object_set(what, "tasks", list);
    json_decref(list);
    free(names.s);
    return rc < 0 ? err_add(ERR_USAGE, "%s", field(declared, "at")) : 0;
}

int plan_tasks_check(const json_t *what, const char *item, const char *task)
{
    const json_t *list = json_object_get(what, "tasks");
    struct names names = { 0 };
    bool known = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        add_name(&names, json_string_value(json_array_get(list, i)));
        known |= strcmp(names.s[i], task) == 0;
    }
    int rc = known ? 0 : err_add(err_unknown(ERR_USAGE, "task", task, names.s, names.n), "item '%s'", item);
    free(names.s);
    return rc;
}

static int check_weights(const json_t *lm, const json_t *weights)
{
    size_t voices = json_array_size(json_object_get(lm, "of")), n = json_array_size(weights);
    if (strcmp(field(lm, "kind"), "ensemble") != 0)
        return err_set(ERR_USAGE, "weights for a %s; want an ensemble", field(lm, "kind"));
    if (json_is_object(weights))
        return 0;
    return n == voices ? 0 : err_set(ERR_USAGE, "%zu weights for %zu voices", n, voices);
}

/* A copy of a model, of what bytes are made of, or of an ensemble and its voices, under another template. */
static json_t *under_template(const json_t *lm, json_t *template_name)
{
    json_t *other = json_copy((json_t *)(uintptr_t)lm), *voices, *voice;
    size_t i;
    if (strcmp(field(lm, "kind"), "bytes") == 0) {
        voice = under_template(json_array_get(json_object_get(lm, "of"), 0), template_name);
        json_object_del(voice, "name"); /* it is another lm */
        json_object_set_new(other, "of", json_pack("[o]", voice));
        return other;
    }
    if (strcmp(field(lm, "kind"), "ensemble") != 0) {
        json_object_set(other, "template", template_name);
        return other;
    }
    voices = json_array();
    json_array_foreach(json_object_get(lm, "of"), i, voice)
    {
        voice = json_copy(voice);
        json_object_set(voice, "template", template_name);
        json_array_append_new(voices, voice);
    }
    json_object_set_new(other, "of", voices);
    return other;
}

/* The arm's lm as a profile has it, a node over the same checkpoints: other weights, another template.  Its id or NULL. */
static const char *other_lm(struct plan_nodes *nodes, const json_t *lm, const json_t *profile)
{
    json_t *weights = json_object_get(profile, "weights"), *template_name = json_object_get(profile, "template");
    if (weights && check_weights(lm, weights) < 0)
        return NULL;
    json_t *other = template_name ? under_template(lm, template_name) : json_copy((json_t *)(uintptr_t)lm);
    if (weights)
        json_object_set(other, "weights", weights);
    json_object_del(other, "name");
    const char *id = plan_nodes_add(nodes, other);
    json_decref(other);
    return id;
}

static int check_search(const struct plan_nodes *nodes, const json_t *choice)
{
    const char *search = field(choice, "search"), *lm = field(choice, "lm");
    if (!search_hidden(search) || plan_nodes_layered(&nodes->lms, lm))
        return 0;
    return err_set(ERR_USAGE, "search '%s' reads hidden states, and '%s' (%s) has none: want a model", search, lm,
                   field(plan_list_find(&nodes->lms, lm), "kind"));
}

int plan_tasks_choice(struct plan_nodes *nodes, const json_t *chain, const char *search, json_t *out)
{
    if (json_is_object(chain)) {
        TRY(plan_fits_choice(nodes, chain, field(out, "lm"), search, out));
    } else {
        json_object_del(out, "fit");
        TRY(plan_preset_choice(nodes, chain ? json_string_value(chain) : "", search, out));
    }
    return check_search(nodes, out);
}

static int resolve_profile(struct plan_nodes *nodes, const json_t *declared, const json_t *profile, json_t *out)
{
    json_t *limit = json_object_get(profile, "limit");
    if (json_object_get(profile, "weights") || json_object_get(profile, "template")) {
        const char *id = other_lm(nodes, json_object_get(declared, "lm"), profile);
        if (!id)
            return err_code();
        json_object_set_new(out, "lm", json_string(id));
    }
    if (json_object_size(limit) > 0) {
        TRY(plan_leaf_limits(limit));
        json_object_set(out, "limit", limit);
    }
    const json_t *chain = json_object_get(profile, "chain");
    TRY(plan_tasks_choice(nodes, chain ? chain : json_object_get(declared, "chain"),
                          plan_draft_search(profile, field(out, "search")), out));
    return plan_draft_add(nodes, profile, json_object_get(declared, "draft"), out);
}

int plan_tasks_resolve(struct plan_nodes *nodes, const json_t *declared, json_t *arm)
{
    const json_t *tasks = json_object_get(declared, "tasks");
    struct names names = { 0 };
    json_t *list = json_array();
    int rc = 0;
    add_keys(&names, tasks);
    sort(&names);
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        json_t *out = json_pack("{s:s, s:O, s:O, s:O}", "task", names.s[i], "lm", json_object_get(arm, "lm"), "chain",
                                json_object_get(arm, "chain"), "search", json_object_get(arm, "search"));
        rc = resolve_profile(nodes, declared, json_object_get(tasks, names.s[i]), out);
        if (rc < 0)
            err_add(rc, "task '%s'", names.s[i]);
        json_array_append_new(list, out);
    }
    if (names.n > 0)
        json_object_set(arm, "tasks", list);
    json_decref(list);
    free(names.s);
    return rc;
}

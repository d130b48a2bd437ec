#include "experiments/plan_check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "experiments/plan_leaf.h"
#include "experiments/plan_select.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES  4096 /* lms, fits */
#define MAX_ARMS   4096
#define MAX_LEAVES 4096     /* below one lm, which may share its voices: 2^60 in a few lines */
#define MAX_UNITS  50000000 /* (arm, item, draw): a run holds 128 bytes of each in memory */

/* A list whose entries others name by their ids. */
struct named {
    const char *name;
    const json_t *nodes;
    json_t *places; /* by id (base/doc.h) */
};

/* What is checked: where its entries are known to be objects with an id. */
struct checked {
    const json_t *what;
    const char *where;
    struct named lms, fits;
};

static int strings(const json_t *o, const char *where, const char *list, const char *const keys[])
{
    const char *s;
    if (!json_is_object(o))
        return err_set(ERR_DATA, "%s: an entry of '%s' is no object", where, list);
    for (; *keys; keys++)
        TRY(doc_string(o, where, *keys, &s));
    return 0;
}

/* All entries of the list have these members. */
static int entries(const json_t *what, const char *where, const char *list, const char *const keys[])
{
    size_t i;
    json_t *a, *o;
    TRY(doc_array(what, where, list, &a));
    json_array_foreach(a, i, o)
    {
        TRY(strings(o, where, list, keys));
    }
    return 0;
}

/* Entries are looked up by id, and what was made of one would be another's. */
static int distinct(const json_t *what, const char *where, const char *list)
{
    json_t *seen = json_object(), *o;
    size_t i;
    int rc = 0;
    json_array_foreach(json_object_get(what, list), i, o)
    {
        const char *id = json_string_value(json_object_get(o, "id"));
        if (rc == 0 && json_object_get(seen, id))
            rc = err_set(ERR_DATA, "%s: '%s' has '%s' twice, want ids of their own", where, list, id);
        json_object_set_new(seen, id, json_true());
    }
    json_decref(seen);
    return rc;
}

static int texts(const json_t *what, const char *where, const char *list)
{
    size_t i;
    json_t *a, *s;
    TRY(doc_array(what, where, list, &a));
    json_array_foreach(a, i, s)
    {
        if (!json_is_string(s))
            return err_set(ERR_DATA, "%s: '%s'[%zu] is no string", where, list, i);
    }
    return 0;
}

/* One of the first n entries of a list. */
static int refers(const char *where, const struct named *list, size_t n, const json_t *id)
{
    const char *s = json_string_value(id);
    if (doc_place(list->places, s) < n)
        return 0;
    return err_set(ERR_DATA, "%s: nothing in '%s' is '%s' where it is used", where, list->name, s ? s : "(not a text)");
}

static int refers_to_any(const char *where, const struct named *list, const json_t *id)
{
    return refers(where, list, json_array_size(list->nodes), id);
}

/* A value that may be {"fit": id}. */
static int check_fitted(const struct checked *c, const json_t *value)
{
    if (!json_is_object(value))
        return 0;
    return refers_to_any(c->where, &c->fits, json_object_get(value, "fit"));
}

static int check_voice(const struct checked *c, size_t node, const json_t *voice)
{
    static const char *const keys[] = { "lm", "name", NULL };
    TRY(strings(voice, c->where, "voices", keys));
    TRY(refers(c->where, &c->lms, node, json_object_get(voice, "lm")));
    if (json_object_get(voice, "drop"))
        TRY(texts(voice, c->where, "drop"));
    TRY(check_fitted(c, json_object_get(voice, "calibration")));
    return check_fitted(c, json_object_get(voice, "temperature"));
}

/* Voices stand before their ensemble, so that no lm is made of itself. */
static int check_node(const struct checked *c, size_t node)
{
    static const char *const model[] = { "name", "hash", NULL }, *const ensemble[] = { "rule", NULL };
    static const char *const kinds[] = { "model", "table", "ensemble", "bytes" };
    const json_t *n = json_array_get(c->lms.nodes, node);
    const char *kind = json_string_value(json_object_get(n, "kind")), *weighting = NULL;
    json_t *voices, *voice;
    size_t i;
    bool is_bytes = strcmp(kind, "bytes") == 0, is_ensemble = strcmp(kind, "ensemble") == 0;
    if (strcmp(kind, "model") == 0)
        TRY(strings(n, c->where, "lms", model));
    else if (strcmp(kind, "table") == 0)
        TRY(plan_leaf_table(n, c->where));
    else if (!is_ensemble && !is_bytes)
        return err_add(err_unknown(ERR_DATA, "kind of lm", kind, kinds, 4), "%s", c->where);
    if (!is_ensemble && !is_bytes)
        return json_object_get(n, "voices") ? err_set(ERR_DATA, "%s: a %s has voices", c->where, kind) : 0;
    if (is_ensemble)
        TRY(strings(n, c->where, "lms", ensemble));
    TRY(doc_maybe_string(n, c->where, "weighting", &weighting));
    TRY(check_fitted(c, json_object_get(n, "weights")));
    TRY(doc_array(n, c->where, "voices", &voices));
    if (json_array_size(voices) == 0)
        return err_set(ERR_DATA, "%s: an ensemble has no voices", c->where);
    if (is_bytes && json_array_size(voices) != 1)
        return err_set(ERR_DATA, "%s: bytes of %zu voices, want one", c->where, json_array_size(voices));
    json_array_foreach(voices, i, voice)
    {
        TRY(check_voice(c, node, voice));
    }
    return 0;
}

/* How many leaves a node has when written out; nodes before it are counted. */
static uint64_t leaves_of(const struct named *lms, size_t node, const uint64_t leaves[])
{
    json_t *voices = json_object_get(json_array_get(lms->nodes, node), "voices"), *voice;
    uint64_t sum = voices ? 0 : 1;
    size_t i;
    json_array_foreach(voices, i, voice)
    {
        const char *lm = json_string_value(json_object_get(voice, "lm"));
        size_t place = doc_place(lms->places, lm);
        assert(place < node); /* check_node() has been here */
        sum += leaves[place]; /* at most MAX_LEAVES */
    }
    return sum;
}

static int check_leaves(const struct checked *c)
{
    size_t n = json_array_size(c->lms.nodes);
    uint64_t *leaves = mem_alloc(n, sizeof *leaves);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        leaves[i] = leaves_of(&c->lms, i, leaves);
        if (leaves[i] > MAX_LEAVES)
            rc = err_set(ERR_DATA, "%s: '%s' has more than %d voices below it", c->where,
                         json_string_value(json_object_get(json_array_get(c->lms.nodes, i), "id")), MAX_LEAVES);
    }
    free(leaves);
    return rc;
}

static int check_count(const json_t *what, const char *where, const char *list, size_t max)
{
    size_t n = json_array_size(json_object_get(what, list));
    return n <= max ? 0 : err_set(ERR_DATA, "%s: %zu %s, want at most %zu", where, n, list, max);
}

static int check_size(const json_t *what, const char *where)
{
    uint64_t arms = json_array_size(json_object_get(what, "arms")),
             items = json_array_size(json_object_get(what, "items")), units;
    json_int_t draws = json_integer_value(json_object_get(what, "draws"));
    TRY(check_count(what, where, "lms", MAX_NODES));
    TRY(check_count(what, where, "fits", MAX_NODES));
    TRY(check_count(what, where, "arms", MAX_ARMS));
    bool fits = draws >= 0 && num_mul(arms, items, &units) && num_mul(units, (uint64_t)draws, &units);
    if (!fits || units > MAX_UNITS)
        return err_set(ERR_DATA, "%s: %zu arms x %zu items x %lld draws, want at most %d in all: split the experiment",
                       where, (size_t)arms, (size_t)items, (long long)draws, MAX_UNITS);
    return 0;
}

/* Fits that apply a chain have one; those of answers say how these are scored. */
static int check_fit_chains(const json_t *what, const char *where)
{
    static const char *const with[] = { "entropy", "conformal" };
    const char *s;
    size_t i;
    json_t *fit;
    json_array_foreach(json_object_get(what, "fits"), i, fit)
    {
        if (json_object_get(fit, "choices"))
            TRY(doc_string(fit, where, "choices", &s));
        for (size_t k = 0; k < sizeof with / sizeof *with; k++)
            if (strcmp(json_string_value(json_object_get(fit, "what")), with[k]) == 0)
                TRY(doc_string(fit, where, "chain", &s));
    }
    return 0;
}

static int check_users(const struct checked *c, const char *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(json_object_get(c->what, list), i, o)
    {
        TRY(refers_to_any(c->where, &c->lms, json_object_get(o, "lm")));
    }
    return 0;
}

/* A map of answers: one of rows has been fitted to other events. */
static int check_answers(const struct checked *c, const json_t *id)
{
    TRY(refers_to_any(c->where, &c->fits, id));
    const json_t *fit = json_array_get(c->fits.nodes, doc_place(c->fits.places, json_string_value(id)));
    return json_object_get(fit, "choices")
               ? 0
               : err_set(ERR_DATA, "%s: an arm's calibration '%s' is a fit of rows, want one of choices", c->where,
                         json_string_value(id));
}

/* The fit that an arm's chain waits for. */
static int check_fit(const struct checked *c, const json_t *choice)
{
    static const char *const keys[] = { "calibration", "choices", NULL };
    const json_t *fit = json_object_get(choice, "fit"), *map = json_object_get(choice, "calibration");
    const char *s;
    for (size_t i = 0; keys[i]; i++)
        if (json_object_get(choice, keys[i]))
            TRY(doc_string(choice, c->where, keys[i], &s));
    if (map)
        TRY(check_answers(c, map));
    return fit ? refers_to_any(c->where, &c->fits, fit) : 0;
}

/* What proposes to the search of an arm or profile. */
static int check_draft(const struct checked *c, const json_t *choice)
{
    const json_t *draft = json_object_get(choice, "draft");
    return draft ? refers_to_any(c->where, &c->lms, draft) : 0;
}

/* What arms do with tasks, and the tasks that are known. */
static int check_tasks(const struct checked *c)
{
    static const char *const task[] = { "task", "lm", "chain", "search", NULL };
    size_t i, k;
    json_t *arm, *t;
    if (json_object_get(c->what, "tasks"))
        TRY(texts(c->what, c->where, "tasks"));
    json_array_foreach(json_object_get(c->what, "arms"), i, arm)
    {
        if (json_object_get(arm, "tasks"))
            TRY(entries(arm, c->where, "tasks", task));
        TRY(check_fit(c, arm));
        TRY(check_draft(c, arm));
        json_array_foreach(json_object_get(arm, "tasks"), k, t)
        {
            TRY(refers_to_any(c->where, &c->lms, json_object_get(t, "lm")));
            TRY(check_fit(c, t));
            TRY(check_draft(c, t));
        }
    }
    return 0;
}

static int check_all(const struct checked *c)
{
    const json_t *judge = json_object_get(c->what, "judge");
    for (size_t i = 0; i < json_array_size(c->lms.nodes); i++)
        TRY(check_node(c, i));
    TRY(check_leaves(c));
    TRY(check_users(c, "fits"));
    TRY(check_fit_chains(c->what, c->where));
    TRY(check_users(c, "arms"));
    TRY(check_tasks(c));
    return judge && !json_is_null(judge) ? refers_to_any(c->where, &c->lms, judge) : 0;
}

static struct named named_of(const json_t *what, const char *name)
{
    const json_t *nodes = json_object_get(what, name);
    return (struct named){ .name = name, .nodes = nodes, .places = doc_places(nodes, "id") };
}

/* What names something names what is there. */
static int check_references(const json_t *what, const char *where)
{
    struct checked c = { .what = what, .where = where, .lms = named_of(what, "lms"), .fits = named_of(what, "fits") };
    int rc = check_all(&c);
    json_decref(c.lms.places);
    json_decref(c.fits.places);
    return rc;
}

int plan_check(const json_t *what, const char *where)
{
    static const char *const node[] = { "id", "key", "kind", NULL }, *const fit[] = { "id", "key", "what",
                                                                                      "lm", "on",  NULL },
                             *const arm[] = { "name", "lm", "chain", "search", NULL },
                             *const set[] = { "name", "as", "hash", NULL },
                             *const item[] = { "set", "id", "hash", NULL };
    TRY(entries(what, where, "lms", node));
    TRY(entries(what, where, "fits", fit));
    TRY(entries(what, where, "arms", arm));
    TRY(entries(what, where, "evalsets", set));
    TRY(entries(what, where, "items", item));
    TRY(check_size(what, where));
    TRY(distinct(what, where, "lms"));
    TRY(distinct(what, where, "fits"));
    TRY(check_references(what, where));
    TRY(texts(what, where, "stop"));
    if (json_object_get(what, "select"))
        TRY(texts(what, where, "select"));
    TRY(plan_select_check(what, where));
    TRY(texts(what, where, "creativity"));
    return texts(what, where, "control");
}

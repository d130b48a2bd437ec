#include "experiments/plan_items.h"
#include "base/err.h"
#include "base/mem.h"
#include "evalsets/tag.h"
#include "experiments/plan_leaf.h"
#include "experiments/plan_tasks.h"
#include <stdlib.h>
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

struct pick {
    const struct item *item;
    bool kept;
};

static int hash_order(const void *a, const void *b)
{
    const struct item *x = (*(struct pick *const *)a)->item, *y = (*(struct pick *const *)b)->item;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* Keeps the first n of the candidates in the order of their hashes. */
static void keep_some(struct pick picks[], size_t n_picks, size_t n)
{
    struct pick **order = mem_alloc(n_picks, sizeof(struct pick *));
    for (size_t i = 0; i < n_picks; i++)
        order[i] = &picks[i];
    if (n_picks > 1)
        qsort(order, n_picks, sizeof *order, hash_order);
    for (size_t i = 0; i < n_picks && i < n; i++)
        order[i]->kept = true;
    free(order);
}

/* Where neither the name nor `split` says so, a plan takes the items that are there to be reported. */
static const char *split_of(const json_t *d, const struct evalset *e)
{
    const char *split = field(d, "split") ? field(d, "split") : e->split;
    return split ? split : "report";
}

/* `bytes` is of texts that are scored: a voice over bytes has no room for long ones. */
static bool item_wanted(const struct item *item, const json_t *d, const char *split)
{
    const char *lang = field(d, "lang");
    const json_t *bytes = json_object_get(d, "bytes");
    return (!lang || strcmp(item->lang, lang) == 0) && strcmp(item->split, split) == 0 &&
           (!bytes || !item->text || (json_int_t)strlen(item->text) <= json_integer_value(bytes));
}

/* An item as the model sees it, where the plan knows of tasks: without its tag. */
static int add_item(const struct evalset *e, const struct item *item, json_t *what)
{
    struct item seen = *item;
    struct tag_prompt tagged = { 0 };
    struct text name = { 0 };
    char hash[65];
    int rc = 0;
    text_addf(&name, "%s/%s", e->name, item->id);
    if (json_object_get(what, "tasks")) {
        rc = tag_item(name.s, item, &tagged);
        seen.prompt = tagged.prompt;
    }
    if (rc == 0 && tagged.tag.task)
        rc = plan_tasks_check(what, name.s, tagged.tag.task);
    if (rc == 0) {
        plan_leaf_item(&seen, hash);
        json_t *doc = json_pack("{s:s, s:s, s:s}", "set", e->name, "id", item->id, "hash", hash);
        if (tagged.tag.task)
            json_object_set_new(doc, "task", json_string(tagged.tag.task));
        json_array_append_new(json_object_get(what, "items"), doc);
    }
    tag_prompt_fini(&tagged);
    text_free(&name);
    return rc;
}

static int add_items(const struct evalset *e, const struct pick picks[], size_t n, json_t *what)
{
    for (size_t i = 0; i < n; i++)
        if (picks[i].kept)
            TRY(add_item(e, picks[i].item, what));
    return 0;
}

static int no_items(const json_t *d, const struct evalset *e)
{
    const char *lang = field(d, "lang"), *split = split_of(d, e), *near = NULL;
    bool has_split = false;
    for (size_t i = 0; i < e->n_items; i++) {
        has_split = has_split || strcmp(e->items[i].split, split) == 0;
        near = near ? near : e->items[i].split;
    }
    if (!has_split && near)
        return err_set(ERR_USAGE, "evalset '%s' has no items of split '%s'; want one that it has, like \"%s/%s\"",
                       e->name, split, field(d, "name"), near);
    return err_set(ERR_USAGE, "evalset '%s' has no items of split '%s'%s%s%s", e->name, split,
                   lang ? " and language " : "", lang ? lang : "",
                   json_object_get(d, "bytes") ? " and so few bytes" : "");
}

/* The name without its split: all items. */
static json_t *whole_name(const json_t *d, const struct evalset *e)
{
    const char *name = field(d, "name");
    return json_stringn(name, strlen(name) - (e->split ? strlen(e->split) + 1 : 0));
}

/* An evalset stands once in a plan; another of its splits makes it the whole of it. */
static int add_set(const json_t *d, const struct evalset *e, json_t *splits, json_t *sets)
{
    json_t *taken = json_object_get(splits, e->name), *other;
    size_t k;
    if (!taken)
        json_object_set_new(splits, e->name, taken = json_object());
    if (json_object_get(taken, split_of(d, e)))
        return err_set(ERR_USAGE, "split '%s' of evalset '%s' is named twice", split_of(d, e), e->name);
    json_object_set_new(taken, split_of(d, e), json_true());
    json_array_foreach(sets, k, other)
    {
        if (strcmp(field(other, "as"), e->name) != 0)
            continue;
        if (strcmp(field(other, "hash"), e->hash) != 0)
            return err_set(ERR_USAGE, "two evalsets are named '%s': \"%s\" and \"%s\"", e->name, field(other, "name"),
                           field(d, "name"));
        return json_object_set_new(other, "name", whole_name(d, e));
    }
    return json_array_append_new(
        sets, json_pack("{s:s, s:s, s:s}", "name", field(d, "name"), "as", e->name, "hash", e->hash));
}

/* Of the picks only the wanted ones; how many. */
static size_t keep_wanted(struct pick picks[], size_t n, const struct evalset *e, const struct plan_options *o)
{
    size_t kept = 0, length = strlen(e->name);
    for (size_t i = 0; i < n; i++) {
        bool wanted = o->n_items == 0;
        for (size_t k = 0; k < o->n_items && !wanted; k++)
            wanted = strncmp(o->items[k], e->name, length) == 0 && o->items[k][length] == '/' &&
                     strcmp(o->items[k] + length + 1, picks[i].item->id) == 0;
        picks[i].kept &= wanted;
        kept += picks[i].kept;
    }
    return kept;
}

/* Every item that was asked for is there. */
static int check_wanted(const struct plan_options *o, const json_t *items)
{
    for (size_t k = 0; k < o->n_items; k++) {
        const char *slash = strrchr(o->items[k], '/'), *id = slash ? slash + 1 : "";
        size_t i, length = slash ? (size_t)(slash - o->items[k]) : 0;
        bool found = false;
        json_t *item;
        json_array_foreach(items, i, item)
        {
            const char *set = field(item, "set");
            found = found || (strcmp(field(item, "id"), id) == 0 && strlen(set) == length &&
                              strncmp(set, o->items[k], length) == 0);
        }
        if (!found)
            return err_set(ERR_USAGE,
                           "item '%s' is none of the experiment's, want EVALSET/ID as in /item of results.h5",
                           o->items[k]);
    }
    return 0;
}

static int resolve_set(const json_t *d, const struct plan_options *o, json_t *splits, json_t *what)
{
    struct evalset *e = evalset_open(field(d, "name"));
    if (!e)
        return ERR_DATA;
    struct pick *picks = mem_alloc(e->n_items, sizeof *picks);
    size_t n = 0;
    for (size_t i = 0; i < e->n_items; i++)
        if (item_wanted(&e->items[i], d, split_of(d, e)))
            picks[n++].item = &e->items[i];
    size_t want = n;
    if (json_object_get(d, "items"))
        want = (size_t)json_integer_value(json_object_get(d, "items"));
    if (o->limit > 0 && o->limit < want)
        want = o->limit;
    keep_some(picks, n, want);
    bool some = keep_wanted(picks, n, e, o) > 0;
    int rc = n == 0 ? no_items(d, e) : some ? add_set(d, e, splits, json_object_get(what, "evalsets")) : 0;
    if (rc == 0 && some)
        rc = add_items(e, picks, n, what);
    free(picks);
    evalset_close(e);
    return rc;
}

int plan_items_resolve(const json_t *declared, const struct plan_options *o, json_t *what)
{
    json_t *sets = json_array(), *items = json_array(), *splits = json_object(), *d;
    json_object_set_new(what, "evalsets", sets);
    json_object_set_new(what, "items", items);
    size_t i;
    int rc = 0;
    json_array_foreach(json_object_get(declared, "evalsets"), i, d)
    {
        rc = rc < 0 ? rc : resolve_set(d, o, splits, what);
    }
    json_decref(splits);
    rc = rc < 0 ? rc : check_wanted(o, items);
    if (rc < 0)
        return rc;
    return json_array_size(items) > 0 ? 0 : err_set(ERR_USAGE, "the experiment has no items");
}

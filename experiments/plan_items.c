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

static int resolve_set(const json_t *d, uint32_t limit, json_t *what)
{
    json_t *sets = json_object_get(what, "evalsets");
    struct evalset *e = evalset_open(field(d, "name"));
    if (!e)
        return ERR_DATA;
    struct pick *picks = mem_alloc(e->n_items, sizeof *picks);
    size_t n = 0, k;
    for (size_t i = 0; i < e->n_items; i++)
        if (item_wanted(&e->items[i], d, split_of(d, e)))
            picks[n++].item = &e->items[i];
    size_t want = n;
    if (json_object_get(d, "items"))
        want = (size_t)json_integer_value(json_object_get(d, "items"));
    if (limit > 0 && limit < want)
        want = limit;
    keep_some(picks, n, want);
    int rc = n > 0 ? add_items(e, picks, n, what)
                   : err_set(ERR_USAGE, "evalset '%s' has no items of split '%s'%s%s%s", e->name, split_of(d, e),
                             field(d, "lang") ? " and language " : "", field(d, "lang") ? field(d, "lang") : "",
                             json_object_get(d, "bytes") ? " and so few bytes" : "");
    json_t *other;
    json_array_foreach(sets, k, other)
    {
        if (strcmp(field(other, "as"), e->name) == 0)
            rc = err_set(ERR_USAGE, "evalset '%s' is named twice", e->name);
    }
    json_array_append_new(sets, json_pack("{s:s, s:s, s:s}", "name", field(d, "name"), "as", e->name, "hash", e->hash));
    free(picks);
    evalset_close(e);
    return rc;
}

int plan_items_resolve(const json_t *declared, uint32_t limit, json_t *what)
{
    json_t *sets = json_array(), *items = json_array(), *d;
    json_object_set_new(what, "evalsets", sets);
    json_object_set_new(what, "items", items);
    size_t i;
    json_array_foreach(json_object_get(declared, "evalsets"), i, d)
    {
        TRY(resolve_set(d, limit, what));
    }
    return json_array_size(items) > 0 ? 0 : err_set(ERR_USAGE, "the experiment has no items");
}

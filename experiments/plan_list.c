#include "experiments/plan_list.h"
#include "base/err.h"
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static void add(struct plan_list *l, json_t *node)
{
    json_object_set(l->by_id, field(node, "id"), node);
    if (!json_object_get(l->by_key, field(node, "key")))
        json_object_set(l->by_key, field(node, "key"), node);
}

struct plan_list plan_list_of(json_t *nodes)
{
    struct plan_list l = { .nodes = nodes, .by_id = json_object(), .by_key = json_object(), .numbers = json_object() };
    size_t i;
    json_t *node;
    json_array_foreach(nodes, i, node)
    {
        add(&l, node);
    }
    return l;
}

void plan_list_fini(struct plan_list *l)
{
    json_decref(l->by_id);
    json_decref(l->by_key);
    json_decref(l->numbers);
}

json_t *plan_list_find(const struct plan_list *l, const char *id)
{
    return json_object_get(l->by_id, id);
}

json_t *plan_list_equal(const struct plan_list *l, const char *key)
{
    return json_object_get(l->by_key, key);
}

/* "prose", "prose#2", ...: the first that is free.  Ids never go, so none below the last number is. */
static void number(struct plan_list *l, const char *made, struct text *id)
{
    json_int_t last = json_integer_value(json_object_get(l->numbers, made)), k = last > 0 ? last : 1;
    text_add(id, made);
    while (plan_list_find(l, text_s(id))) {
        text_clear(id);
        text_addf(id, "%s#%lld", made, (long long)++k);
    }
    if (k > 1)
        json_object_set_new(l->numbers, made, json_integer(k));
}

const char *plan_list_put(struct plan_list *l, json_t *node, const char *wanted, const char *made)
{
    char key[65];
    json_t *nameless = json_copy(node); /* what it is called and where it lies is no part of what it computes */
    json_object_del(nameless, "name");
    doc_hash(nameless, key);
    json_decref(nameless);
    json_object_set_new(node, "key", json_string(key));
    json_t *old = wanted ? plan_list_find(l, wanted) : plan_list_equal(l, key); /* one lm may have several names */
    if (old && strcmp(field(old, "key"), key) == 0) {
        json_decref(node);
        return field(old, "id");
    }
    struct text id = { 0 };
    if (wanted)
        text_add(&id, wanted);
    else
        number(l, made, &id);
    if (plan_list_find(l, text_s(&id))) {
        err_set(ERR_USAGE, "two lms are named '%s'", text_s(&id));
        text_free(&id);
        json_decref(node);
        return NULL;
    }
    json_object_set_new(node, "id", json_string(text_s(&id)));
    text_free(&id);
    json_array_append_new(l->nodes, node);
    add(l, node);
    return field(node, "id");
}

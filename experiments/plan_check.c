#include "experiments/plan_check.h"
#include "base/err.h"
#include <string.h>

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

/* One of the first n entries of a list whose ids are strings. */
static int refers(const json_t *what, const char *where, const char *list, size_t n, const json_t *id)
{
    const json_t *a = json_object_get(what, list);
    for (size_t i = 0; i < n && json_is_string(id); i++)
        if (json_equal(json_object_get(json_array_get(a, i), "id"), id))
            return 0;
    return err_set(ERR_DATA, "%s: nothing in '%s' is '%s' where it is used", where, list,
                   json_is_string(id) ? json_string_value(id) : "(not a text)");
}

static int check_voice(const json_t *what, const char *where, size_t node, const json_t *voice)
{
    static const char *const keys[] = { "lm", "name", NULL };
    const json_t *temperature = json_object_get(voice, "temperature");
    TRY(strings(voice, where, "voices", keys));
    TRY(refers(what, where, "lms", node, json_object_get(voice, "lm")));
    if (json_object_get(voice, "drop"))
        TRY(texts(voice, where, "drop"));
    if (!json_is_object(temperature))
        return 0;
    return refers(what, where, "fits", json_array_size(json_object_get(what, "fits")),
                  json_object_get(temperature, "fit"));
}

/* Voices stand before their ensemble, so that no lm is made of itself. */
static int check_node(const json_t *what, const char *where, size_t node)
{
    static const char *const model[] = { "name", "hash", NULL }, *const ensemble[] = { "rule", NULL };
    const json_t *n = json_array_get(json_object_get(what, "lms"), node);
    const char *kind = json_string_value(json_object_get(n, "kind"));
    json_t *voices, *voice;
    size_t i;
    if (strcmp(kind, "model") == 0)
        TRY(strings(n, where, "lms", model));
    if (strcmp(kind, "ensemble") != 0)
        return json_object_get(n, "voices") ? err_set(ERR_DATA, "%s: a %s has voices", where, kind) : 0;
    TRY(strings(n, where, "lms", ensemble));
    TRY(doc_array(n, where, "voices", &voices));
    if (json_array_size(voices) == 0)
        return err_set(ERR_DATA, "%s: an ensemble has no voices", where);
    json_array_foreach(voices, i, voice)
    {
        TRY(check_voice(what, where, node, voice));
    }
    return 0;
}

static int check_users(const json_t *what, const char *where, const char *list)
{
    size_t i, n = json_array_size(json_object_get(what, "lms"));
    json_t *o;
    json_array_foreach(json_object_get(what, list), i, o)
    {
        TRY(refers(what, where, "lms", n, json_object_get(o, "lm")));
    }
    return 0;
}

/* What arms do with tasks, and the tasks that are known. */
static int check_tasks(const json_t *what, const char *where)
{
    static const char *const task[] = { "task", "lm", "chain", "search", NULL };
    size_t i, k, n = json_array_size(json_object_get(what, "lms"));
    json_t *arm, *t;
    if (json_object_get(what, "tasks"))
        TRY(texts(what, where, "tasks"));
    json_array_foreach(json_object_get(what, "arms"), i, arm)
    {
        if (json_object_get(arm, "tasks"))
            TRY(entries(arm, where, "tasks", task));
        json_array_foreach(json_object_get(arm, "tasks"), k, t)
        {
            TRY(refers(what, where, "lms", n, json_object_get(t, "lm")));
        }
    }
    return 0;
}

int plan_check(const json_t *what, const char *where)
{
    static const char *const node[] = { "id", "key", "kind", NULL }, *const fit[] = { "id", "key", "what",
                                                                                      "lm", "on",  NULL },
                             *const arm[] = { "name", "lm", "chain", "search", NULL },
                             *const set[] = { "name", "as", "hash", NULL },
                             *const item[] = { "set", "id", "hash", NULL };
    const json_t *judge = json_object_get(what, "judge");
    TRY(entries(what, where, "lms", node));
    TRY(entries(what, where, "fits", fit));
    TRY(entries(what, where, "arms", arm));
    TRY(entries(what, where, "evalsets", set));
    TRY(entries(what, where, "items", item));
    size_t n = json_array_size(json_object_get(what, "lms"));
    for (size_t i = 0; i < n; i++)
        TRY(check_node(what, where, i));
    TRY(check_users(what, where, "fits"));
    TRY(check_users(what, where, "arms"));
    TRY(check_tasks(what, where));
    if (judge && !json_is_null(judge))
        TRY(refers(what, where, "lms", n, judge));
    TRY(texts(what, where, "stop"));
    TRY(texts(what, where, "creativity"));
    return texts(what, where, "control");
}

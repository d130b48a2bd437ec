#include "experiments/plan.h"
#include <string.h>

#define MAX_LINES 12

/* What a difference does to results that are there. */
enum effect { CHANGES, ADDS };

/* All is walked twice: what stands in the way of an extension is told before what is only new, and is not lost behind it. */
struct diff {
    struct text *out;
    size_t lines, found; /* told; of any effect */
    enum effect telling;
    bool only_adds;
};

static void line(struct diff *d, enum effect effect, const char *what, const char *change)
{
    d->found++;
    d->only_adds &= effect == ADDS;
    if (effect != d->telling)
        return;
    if (d->lines++ < MAX_LINES)
        text_addf(d->out, "  %s: %s\n", what, change);
    else if (d->lines == MAX_LINES + 1)
        text_add(d->out, "  ...\n");
}

static void values(struct diff *d, enum effect effect, const char *key, const json_t *a, const json_t *b)
{
    struct text t = { 0 };
    if (a)
        doc_canonical(&t, a);
    else
        text_add(&t, "nothing");
    text_add(&t, " -> ");
    if (b)
        doc_canonical(&t, b);
    else
        text_add(&t, "nothing");
    if (t.len > 160) {
        text_clear(&t);
        text_add(&t, "differs");
    }
    line(d, effect, key, text_s(&t));
    text_free(&t);
}

/* By canonical text: a number that was stored as 1 and one that is 1.0 are the same. */
static bool equal(const json_t *a, const json_t *b)
{
    struct text s = { 0 }, t = { 0 };
    doc_canonical(&s, a);
    doc_canonical(&t, b);
    bool same = strcmp(text_s(&s), text_s(&t)) == 0;
    text_free(&s);
    text_free(&t);
    return same;
}

/* What an entry of a list is called. */
static void name_of(const json_t *o, struct text *out)
{
    const char *name = json_string_value(json_object_get(o, "name")), *id = json_string_value(json_object_get(o, "id"));
    const char *set = json_string_value(json_object_get(o, "set")), *as = json_string_value(json_object_get(o, "as"));
    text_clear(out);
    if (set)
        text_addf(out, "%s/", set);
    text_add(out, id ? id : as ? as : name ? name : "?");
}

/* The entries of a list by what they are called; the first of two of one name. */
static json_t *by_name(const json_t *list)
{
    struct text t = { 0 };
    json_t *named = json_object(), *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        name_of(o, &t);
        if (!json_object_get(named, text_s(&t)))
            json_object_set(named, text_s(&t), o);
    }
    text_free(&t);
    return named;
}

static void entry(struct diff *d, enum effect effect, const char *key, const char *name, const char *change)
{
    struct text t = { 0 };
    text_addf(&t, "'%s' %s", name, change);
    line(d, effect, key, text_s(&t));
    text_free(&t);
}

/* An evalset under another name, that of one split or of all, or of another place; the items speak for themselves. */
static bool same_set(const json_t *a, const json_t *b)
{
    return json_object_get(a, "as") && json_equal(json_object_get(a, "hash"), json_object_get(b, "hash"));
}

static void renamed(struct diff *d, const char *key, const json_t *a, const json_t *b)
{
    const char *as = json_string_value(json_object_get(b, "as"));
    struct text t = { 0 };
    text_addf(&t, "is asked for as '%s', was as '%s'", json_string_value(json_object_get(b, "name")),
              json_string_value(json_object_get(a, "name")));
    entry(d, ADDS, key, as, text_s(&t));
    text_free(&t);
}

/* Lists of named things: new ones only add. */
static void lists(struct diff *d, const char *key, const json_t *a, const json_t *b)
{
    struct text t = { 0 };
    json_t *old = by_name(a), *now = by_name(b);
    size_t before = d->found;
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *x = json_array_get(a, i);
        name_of(x, &t);
        const json_t *y = json_object_get(now, text_s(&t));
        if (y && equal(x, y))
            continue;
        if (y && same_set(x, y))
            renamed(d, key, x, y);
        else
            entry(d, CHANGES, key, text_s(&t), y ? "has changed" : "is gone");
    }
    for (size_t i = 0; i < json_array_size(b); i++) {
        name_of(json_array_get(b, i), &t);
        if (!json_object_get(old, text_s(&t)))
            entry(d, ADDS, key, text_s(&t), "is new");
    }
    if (d->found == before)
        line(d, ADDS, key, "the same in another order");
    json_decref(old);
    json_decref(now);
    text_free(&t);
}

static bool is_list(const char *key)
{
    static const char *const keys[] = { "arms", "items", "lms", "fits", "evalsets" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

/* Metrics are computed when results are written, and more draws only add; everything else changes outcomes. */
static bool adds_members(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        if (!json_equal(value, json_object_get(b, key)))
            return false;
    }
    return true;
}

/* How a text is chosen among those of an item: nothing that is generated depends on it. */
static bool is_choice(const char *key)
{
    return strcmp(key, "select") == 0 || strcmp(key, "reward") == 0;
}

static bool adds(const char *key, const json_t *a, const json_t *b)
{
    if (strcmp(key, "transforms") == 0)
        return adds_members(a, b);
    if (strcmp(key, "draws") == 0)
        return json_integer_value(b) >= json_integer_value(a);
    return strcmp(key, "creativity") == 0 || strcmp(key, "control") == 0 || is_choice(key);
}

/* What differs; NULL: it is not there. */
static void member(struct diff *d, const char *key, const json_t *a, const json_t *b)
{
    if (is_list(key)) {
        lists(d, key, a, b);
        return;
    }
    bool may_add = (a || is_choice(key) || strcmp(key, "transforms") == 0) && adds(key, a, b);
    values(d, may_add ? ADDS : CHANGES, key, a, b);
}

static void members(struct diff *d, const struct plan *old, const struct plan *now)
{
    const char *key;
    json_t *b;
    json_object_foreach(now->what, key, b)
    {
        const json_t *a = json_object_get(old->what, key);
        if (!a || !equal(a, b))
            member(d, key, a, b);
    }
    json_object_foreach(old->what, key, b)
    {
        if (!json_object_get(now->what, key))
            member(d, key, b, NULL);
    }
}

void plan_diff(const struct plan *old, const struct plan *now, struct text *out, bool *only_adds)
{
    struct diff d = { .out = out, .telling = CHANGES, .only_adds = true };
    members(&d, old, now);
    d.telling = ADDS;
    members(&d, old, now);
    *only_adds = d.only_adds;
}

#include "experiments/plan_select.h"
#include "base/err.h"
#include "base/text.h"
#include "decode/select.h"
#include "experiments/reward.h"
#include <string.h>

/* Adds a selection to the list, where it is not there yet; its canonical text, borrowed from the list, or NULL. */
static const char *add(json_t *list, const char *text)
{
    struct select *s = select_open(text);
    if (!s)
        return NULL;
    size_t i = 0, n = json_array_size(list);
    while (i < n && strcmp(json_string_value(json_array_get(list, i)), select_canonical(s)) != 0)
        i++;
    if (i == n)
        json_array_append_new(list, json_string(select_canonical(s)));
    select_close(s);
    return json_string_value(json_array_get(list, i));
}

static int add_all(const json_t *declared, json_t *list)
{
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(declared, "select"), i, x)
    {
        if (!add(list, json_string_value(x)))
            return err_add(ERR_USAGE, "select");
    }
    return 0;
}

/* "coverage@mbr(bleu)": a metric of one text, of the text that a selection chooses. */
static int add_chosen(json_t *list, const char *name, const char *at, json_t *out)
{
    struct text base = { 0 };
    text_addn(&base, name, (size_t)(at - name));
    const struct metric_type *m = metric_find(text_s(&base));
    const char *select = m ? add(list, at + 1) : NULL;
    if (!m && trace_metric_find(text_s(&base)))
        err_set(ERR_USAGE, "'%s' is a number of a trace, want a metric of a text before '@'", text_s(&base));
    if (m && m->level != METRIC_RECORD)
        err_set(ERR_USAGE, "'%s' is a number of several texts, want a metric of one before '@'", m->name);
    bool ok = select && m->level == METRIC_RECORD;
    if (ok)
        json_array_append_new(out, json_sprintf("%s@%s", m->name, select));
    text_free(&base);
    return ok ? 0 : ERR_USAGE;
}

static int add_metric(json_t *list, const char *name, json_t *out)
{
    const char *at = strchr(name, '@');
    if (at)
        return add_chosen(list, name, at, out);
    if (!trace_metric_find(name) && !metric_find(name))
        return trace_metric_unknown(name);
    json_array_append_new(out, json_string(name));
    return 0;
}

static int resolve_axis(const json_t *declared, const char *axis, json_t *list, json_t *what)
{
    json_t *out = json_array(), *m;
    size_t i;
    json_object_set_new(what, axis, out);
    json_array_foreach(json_object_get(declared, axis), i, m)
    {
        if (add_metric(list, json_string_value(m), out) < 0)
            return err_add(ERR_USAGE, "%s", axis);
    }
    return 0;
}

/* A plan without selections does not speak of them. */
static int resolve(const json_t *declared, json_t *list, json_t *what)
{
    const char *reward = json_string_value(json_object_get(declared, "reward"));
    struct reward r;
    TRY(add_all(declared, list));
    TRY(resolve_axis(declared, "creativity", list, what));
    TRY(resolve_axis(declared, "control", list, what));
    if (json_array_size(list) > PLAN_MOST_SELECT)
        return err_set(ERR_USAGE, "select: %zu selections, want at most %d", json_array_size(list), PLAN_MOST_SELECT);
    if (json_array_size(list) > 0)
        json_object_set(what, "select", list);
    if (json_is_object(json_object_get(declared, "reward")))
        json_object_set_new(what, "reward", json_object()); /* plan_resolve() reads the function */
    if (!reward)
        return 0;
    if (reward_find(reward, &r) < 0)
        return err_add(ERR_USAGE, "reward");
    json_object_set_new(what, "reward", json_string(reward));
    return 0;
}

int plan_select_resolve(const json_t *declared, json_t *what)
{
    json_t *list = json_array();
    int rc = resolve(declared, list, what);
    json_decref(list);
    return rc;
}

int plan_select_needs(const json_t *what)
{
    const json_t *list = json_object_get(what, "select");
    bool judge = json_is_string(json_object_get(what, "judge")), reward = json_object_get(what, "reward") != NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        struct select *s = select_open(text);
        enum select_needs needs = s ? select_needs(s) : SELECT_NEEDS_NOTHING;
        select_close(s);
        if (needs == SELECT_NEEDS_REWARD && !reward)
            return err_set(ERR_USAGE, "select: '%s' wants a reward: reward = \"METRIC\" of the experiment", text);
        if (needs == SELECT_NEEDS_JUDGE && !judge)
            return err_set(ERR_USAGE, "select: '%s' wants a judge: judge = model \"...\" of the experiment", text);
    }
    return 0;
}

/* Canonical, known and each once. */
static int check_one(const json_t *list, size_t i, const char *where)
{
    const json_t *x = json_array_get(list, i);
    struct select *s = select_open(json_string_value(x));
    bool same = s && strcmp(select_canonical(s), json_string_value(x)) == 0;
    for (size_t k = 0; k < i && same; k++)
        same = !json_equal(json_array_get(list, k), x);
    select_close(s);
    return same ? 0
                : err_set(ERR_DATA, "%s: select: '%.100s' is no selection as a plan writes it, once each", where,
                          json_string_value(x));
}

int plan_select_check(const json_t *what, const char *where)
{
    const json_t *list = json_object_get(what, "select"), *reward = json_object_get(what, "reward");
    struct reward r;
    if (json_array_size(list) > PLAN_MOST_SELECT)
        return err_set(ERR_DATA, "%s: %zu selections, want at most %d", where, json_array_size(list), PLAN_MOST_SELECT);
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(check_one(list, i, where));
    if (reward && !json_is_string(reward) && !json_is_string(json_object_get(reward, "code")))
        return err_set(ERR_DATA, "%s: 'reward' is neither a string nor code", where);
    if (json_is_string(reward) && reward_find(json_string_value(reward), &r) < 0)
        return err_add(ERR_DATA, "%s", where);
    return plan_select_needs(what) < 0 ? err_add(ERR_DATA, "%s", where) : 0;
}

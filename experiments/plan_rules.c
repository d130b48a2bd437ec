#include "experiments/plan_rules.h"
#include "base/err.h"
#include "experiments/plan_nodes.h"
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static bool holds(const json_t *list, const char *s)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (strcmp(json_string_value(v), s) == 0)
            return true;
    }
    return false;
}

/* Who judges must not have written. */
static int check_judge(const json_t *what, const struct plan_list *lms, const json_t *arm, const json_t *judges)
{
    json_t *leaves = json_array(), *leaf;
    size_t i;
    int rc = 0;
    plan_nodes_leaves(lms, field(arm, "lm"), leaves);
    json_array_foreach(leaves, i, leaf)
    {
        if (holds(judges, json_string_value(leaf)))
            rc = err_set(ERR_USAGE, "the judge '%s' is a voice of arm '%s': it would judge its own text",
                         field(what, "judge"), field(arm, "name"));
    }
    json_decref(leaves);
    return rc;
}

static bool limits_symbols(const json_t *o)
{
    return json_integer_value(json_object_get(json_object_get(o, "limit"), "symbols")) > 0;
}

/* Of the plan, or of what an arm does with a task. */
static bool any_in_symbols(const json_t *what)
{
    bool found = limits_symbols(what);
    size_t i, k;
    json_t *arm, *task;
    json_array_foreach(json_object_get(what, "arms"), i, arm)
    {
        json_array_foreach(json_object_get(arm, "tasks"), k, task)
        {
            found |= limits_symbols(task);
        }
    }
    return found;
}

static int check_arms(const json_t *what)
{
    const json_t *arms = json_object_get(what, "arms");
    struct plan_list lms = plan_list_of(json_object_get(what, "lms"));
    bool in_symbols = any_in_symbols(what);
    json_t *judges = json_array(), *names = json_object(), *arm;
    const char *space = NULL, *first = NULL;
    size_t i;
    int rc = 0;
    if (field(what, "judge"))
        plan_nodes_leaves(&lms, field(what, "judge"), judges);
    json_array_foreach(arms, i, arm)
    {
        const char *own = field(plan_list_find(&lms, field(arm, "lm")), "space");
        if (in_symbols && space && strcmp(space, own) != 0)
            rc = err_set(ERR_USAGE,
                         "a limit in symbols over arms of different symbol spaces ('%s', '%s'): use bytes or chars",
                         first, field(arm, "name"));
        space = own;
        first = field(arm, "name");
        if (rc == 0 && json_object_get(names, first))
            rc = err_set(ERR_USAGE, "two arms are named '%s'", first);
        json_object_set(names, first, arm);
        if (rc == 0)
            rc = check_judge(what, &lms, arm, judges);
        if (rc < 0)
            break;
    }
    plan_list_fini(&lms);
    json_decref(judges);
    json_decref(names);
    return rc;
}

/* A fit of choices in folds answers each item by a map that has not seen it. */
static bool crosses(const json_t *fit)
{
    return json_object_get(fit, "choices") && json_integer_value(json_object_get(fit, "folds")) >= 2;
}

static int check_fit(const json_t *what, const json_t *fit)
{
    size_t i;
    if (crosses(fit))
        return 0;
    json_t *used = json_object(), *item;
    int rc = 0;
    json_array_foreach(json_object_get(fit, "items"), i, item)
    {
        json_object_set(used, json_string_value(item), item);
    }
    json_array_foreach(json_object_get(what, "items"), i, item)
    {
        if (rc == 0 && json_object_get(used, field(item, "hash")))
            rc = err_set(ERR_USAGE, "fit '%s' uses item '%s/%s', which is reported: fit on a split of its own",
                         field(fit, "id"), field(item, "set"), field(item, "id"));
    }
    json_decref(used);
    return rc;
}

int plan_rules_check(const json_t *what)
{
    size_t i;
    json_t *fit;
    json_array_foreach(json_object_get(what, "fits"), i, fit)
    {
        TRY(check_fit(what, fit));
    }
    return check_arms(what);
}

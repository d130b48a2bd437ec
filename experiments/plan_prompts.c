#include "experiments/plan_prompts.h"
#include "base/err.h"
#include "evalsets/evalset.h"
#include <stdlib.h>
#include <string.h>

enum { TRIED = 20 };

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static int render(struct lms *s, const char *id, const struct item *item)
{
    struct lm *lm = lms_find(s, id);
    if (!lm)
        return err_code();
    struct prompt prompt = item->prompt;
    struct symbols seen = { 0 };
    prompt.template_name = lms_template(s, id);
    int slot = lm_fork(lm, LM_EMPTY, 0);
    TRY(slot);
    int rc = lm_prompt(lm, slot, &prompt, &seen);
    lm_drop(lm, slot);
    free(seen.s);
    return rc;
}

static int try_lm(struct lms *s, const char *id, const struct item *const items[], size_t n)
{
    int rc = ERR_USAGE;
    size_t i = 0;
    for (; i < n && rc == ERR_USAGE; i++)
        rc = render(s, id, items[i]);
    return rc == ERR_USAGE && n > 0 ? err_add(rc, "lm '%s', item '%s'", id, items[i - 1]->id) : 0;
}

/* The first of the plan's items in the set; how many. */
static size_t first_items(const json_t *what, const char *set, const struct evalset *e, const struct item *out[TRIED])
{
    size_t n = 0, i;
    json_t *doc;
    json_array_foreach(json_object_get(what, "items"), i, doc)
    {
        for (size_t k = 0; k < e->n_items && n < TRIED && strcmp(field(doc, "set"), set) == 0; k++)
            if (strcmp(e->items[k].id, field(doc, "id")) == 0) {
                out[n++] = &e->items[k];
                break;
            }
    }
    return n;
}

static int try_set(const json_t *what, struct lms *s, const json_t *set)
{
    const struct item *items[TRIED];
    struct evalset *e = evalset_open(field(set, "name"));
    if (!e)
        return err_code();
    size_t n = first_items(what, field(set, "as"), e, items), i;
    json_t *arm, *tried = json_object();
    int rc = 0;
    json_array_foreach(json_object_get(what, "arms"), i, arm)
    {
        if (rc == 0 && !json_object_get(tried, field(arm, "lm")))
            rc = try_lm(s, field(arm, "lm"), items, n);
        json_object_set_new(tried, field(arm, "lm"), json_true());
    }
    json_decref(tried);
    evalset_close(e);
    return rc;
}

int plan_prompts_check(const json_t *what, struct lms *s)
{
    size_t i;
    json_t *set;
    json_array_foreach(json_object_get(what, "evalsets"), i, set)
    {
        TRY(try_set(what, s, set));
    }
    return 0;
}

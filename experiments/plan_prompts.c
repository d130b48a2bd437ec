#include "experiments/plan_prompts.h"
#include "base/err.h"
#include "evalsets/evalset.h"
#include <stdlib.h>

struct asking {
    const struct plan *p;
    struct lms *lms;
    json_t *lm; /* by id: true, where a prompt was rendered, or the place of the last item whose was not */
};

static int render(struct lms *s, const char *id, const struct plan_item *item)
{
    struct lm *lm = lms_find(s, id);
    if (!lm)
        return err_code();
    struct prompt prompt = *item->prompt;
    struct symbols seen = { 0 };
    prompt.template_name = lms_template(s, id);
    int slot = lm_fork(lm, LM_EMPTY, 0);
    TRY(slot);
    int rc = lm_prompt(lm, slot, &prompt, &seen);
    lm_drop(lm, slot);
    free(seen.s);
    return rc;
}

/* Whether a prompt was rendered for the lm, this one or an earlier one; id: NULL for none to ask. */
static bool ask(struct asking *a, const char *id, size_t item)
{
    if (!id || json_is_true(json_object_get(a->lm, id)))
        return true;
    bool rendered = render(a->lms, id, &a->p->items[item]) != ERR_USAGE;
    json_object_set_new(a->lm, id, rendered ? json_true() : json_integer((json_int_t)item));
    return rendered;
}

static void ask_arm(struct asking *a, size_t arm)
{
    const struct plan_arm *rendered = NULL;
    for (size_t i = 0; i < a->p->n_items; i++) {
        const struct plan_arm *choice = plan_choice(a->p, arm, i);
        if (choice == rendered)
            continue;
        bool lm = ask(a, choice->lm, i), draft = ask(a, choice->draft, i);
        if (lm && draft)
            rendered = choice;
        if (rendered && choice->n_tasks == 0 && !choice->task)
            return;
    }
}

/* Of texts that are generated. */
static void ask_judge(struct asking *a)
{
    bool rendered = a->p->judge == NULL;
    for (size_t i = 0; i < a->p->n_items && !rendered; i++)
        rendered = a->p->items[i].item->kind == ITEM_GENERATE && ask(a, a->p->judge, i);
}

static int refuse(struct asking *a)
{
    const char *id;
    json_t *item;
    json_object_foreach(a->lm, id, item)
    {
        const struct plan_item *last = json_is_integer(item) ? &a->p->items[json_integer_value(item)] : NULL;
        if (last && render(a->lms, id, last) == ERR_USAGE)
            return err_add(ERR_USAGE, "lm '%s', item '%s'", id, last->name);
    }
    return 0;
}

int plan_prompts_check(const struct plan *p, struct lms *s)
{
    struct asking a = { p, s, json_object() };
    for (size_t arm = 0; arm < p->n_arms; arm++)
        ask_arm(&a, arm);
    ask_judge(&a);
    int rc = refuse(&a);
    json_decref(a.lm);
    return rc;
}

/* Calibrations of the answers to questions with choices: any of the table of ensemble/calibration.h.  Cross-fitted by items,
 * and the maps of the folds are kept: an item that was fitted on is answered by the one that has not seen it. */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "experiments/choices.h"
#include "experiments/fit_labelled.h"
#include "experiments/fit_maps.h"
#include "experiments/fit_types.h"
#include "experiments/plan_leaf.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct fit_labelled labelled;
    double score[CHOICES_MOST];
    size_t n_folds;
};

static int choices_fit_open(struct fit *f, size_t *most)
{
    struct kept *k = mem_alloc(1, sizeof *k);
    (void)most;
    f->kept = k;
    k->n_folds = (size_t)json_integer_value(json_object_get(f->doc, "folds"));
    return k->n_folds <= FIT_MOST_FOLDS ? 0
                                        : err_set(ERR_DATA, "%zu folds, want at most %d", k->n_folds, FIT_MOST_FOLDS);
}

static void choices_fit_close(struct fit *f)
{
    struct kept *k = f->kept;
    if (!k)
        return;
    fit_labelled_fini(&k->labelled);
    free(k);
}

static int answer(struct fit *f, struct core *core, struct choices *c)
{
    struct want want[CHOICES_MOST];
    struct kept *k = f->kept;
    size_t n;
    while ((n = choices_want(c, want, CHOICES_MOST)) > 0) {
        TRY(core_run(core, want, n));
        TRY(choices_feed(c));
        TRY(choices_move(c));
    }
    return choices_result(c, k->score);
}

/* ln p over the choices, the places that this item lacks masked. */
static int keep_answer(struct fit *f, const struct item *item)
{
    struct kept *k = f->kept;
    char hash[65];
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < item->n_choices; i++)
        top = fmax(top, k->score[i]);
    if (top == -INFINITY || k->score[item->gold] == -INFINITY)
        return err_set(ERR_DATA, "item '%s' gives its gold choice probability 0; no map can help", item->id);
    for (size_t i = 0; i < item->n_choices; i++)
        sum += math_exp64(k->score[i] - top);
    for (size_t i = 0; i < k->labelled.n; i++)
        k->score[i] = i < item->n_choices ? k->score[i] - top - math_log64(sum) : -INFINITY;
    plan_leaf_item(item, hash);
    size_t fold = k->n_folds > 0 ? fit_maps_fold(f->doc, hash, k->n_folds) : 0;
    if (k->n_folds > 0 && fold == k->n_folds)
        return err_set(ERR_DATA, "item '%s' of '%s' is not the one that the plan was made with", item->id, f->on);
    fit_labelled_add(&k->labelled, k->score, (uint32_t)item->gold, fold);
    return 0;
}

static bool is_ours(const struct fit *f, const struct item *item)
{
    const char *lang = json_string_value(json_object_get(f->doc, "lang"));
    return item->kind == ITEM_CHOICE && (!lang || strcmp(item->lang, lang) == 0);
}

static int read_item(struct fit *f, struct lms *lms, struct core *core, const struct item *item)
{
    struct prompt prompt = item->prompt;
    prompt.template_name = json_string_value(json_object_get(f->doc, "template"));
    const struct choices_args args = { .lms = lms,
                                       .lm_id = f->lm_id,
                                       .prompt = &prompt,
                                       .item = item,
                                       .rule = json_string_value(json_object_get(f->doc, "choices")) };
    TRY(interrupt_check(f->signal, "fitting"));
    struct choices *c = choices_open(&args);
    int rc = c ? answer(f, core, c) : err_code();
    choices_close(c);
    return rc < 0 ? err_add(rc, "item '%s'", item->id) : keep_answer(f, item);
}

static int choices_fit_read(struct fit *f, struct lms *lms, struct core *core)
{
    struct kept *k = f->kept;
    for (size_t i = 0; i < f->set->n_items; i++)
        if (is_ours(f, &f->set->items[i]) && f->set->items[i].n_choices > k->labelled.n)
            k->labelled.n = (uint32_t)f->set->items[i].n_choices;
    if (k->labelled.n > CHOICES_MOST)
        return err_set(ERR_DATA, "%u choices, want at most %d", (unsigned)k->labelled.n, CHOICES_MOST);
    for (size_t i = 0; i < f->set->n_items; i++)
        if (is_ours(f, &f->set->items[i]))
            TRY(read_item(f, lms, core, &f->set->items[i]));
    return 0;
}

static int choices_fit_result(struct fit *f, json_t *out)
{
    struct kept *k = f->kept;
    const struct fit_labelled_args a = {
        .type = calibration_find(json_string_value(json_object_get(f->doc, "what"))),
        .options = { .l2 = json_number_value(json_object_get(f->doc, "l2")),
                     .bins = (int)json_integer_value(json_object_get(f->doc, "bins")) },
        .n_folds = k->n_folds,
    };
    if (!a.type)
        return err_code();
    json_object_set(out, "choices", json_object_get(f->doc, "choices"));
    return fit_labelled_result(&k->labelled, &a, out);
}

const struct fit_type fit_choices = {
    .name = "choices",
    .open = choices_fit_open,
    .close = choices_fit_close,
    .read = choices_fit_read,
    .result = choices_fit_result,
};

#include "experiments/fit.h"
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/calibrate.h"
#include "evalsets/evalset.h"
#include "experiments/score.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fit {
    const char *id, *what, *lm_id, *on, *lang, *template_name;
    struct lm *lm;
    struct evalset *set;
    struct symbols *texts; /* (set->n_items,) empty for items that are no texts of the language */
    struct calibrate *calibrate;
    size_t at, stride; /* every stride-th position is kept */
};

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static int encode_texts(struct fit *f, struct lms *lms)
{
    size_t total = 0;
    f->texts = mem_alloc(f->set->n_items, sizeof *f->texts);
    for (size_t i = 0; i < f->set->n_items; i++) {
        const struct item *item = &f->set->items[i];
        if (item->kind != ITEM_TEXT || (f->lang && strcmp(item->lang, f->lang) != 0))
            continue;
        TRY(lms_encode(lms, f->lm_id, item->text, strlen(item->text), &f->texts[i]));
        total += f->texts[i].n;
    }
    f->stride = total / FIT_POSITIONS + 1;
    return 0;
}

static int keep_row(void *ctx, const struct row *r, sym_t label)
{
    struct fit *f = ctx;
    return f->at++ % f->stride == 0 ? calibrate_add(f->calibrate, r, label) : 0;
}

static int score_text(struct fit *f, struct core *core, size_t i)
{
    struct prompt prompt = f->set->items[i].prompt;
    struct score_sink sink = { keep_row, f };
    struct want want;
    prompt.template_name = f->template_name;
    struct score *s = score_open(f->lm, &prompt, &f->texts[i], 1);
    int rc = s ? 0 : err_code();
    while (rc == 0 && score_want(s, &want, 1) > 0) {
        rc = core_run(core, &want, 1);
        rc = rc < 0 ? rc : score_feed(s, &sink);
        rc = rc < 0 ? rc : score_move(s);
    }
    score_close(s);
    return rc;
}

static json_t *reliability(const struct fit *f, double temperature, double *ece)
{
    struct calibrate_bin bins[FIT_BINS];
    json_t *out = json_array();
    *ece = calibrate_reliability(f->calibrate, temperature, bins, FIT_BINS);
    for (size_t i = 0; i < FIT_BINS; i++)
        json_array_append_new(out, json_pack("{s:f, s:f, s:I}", "confidence", bins[i].n ? bins[i].confidence : 0,
                                             "accuracy", bins[i].n ? bins[i].accuracy : 0, "n", (json_int_t)bins[i].n));
    return out;
}

static json_t *result(const struct fit *f)
{
    struct calibrate_fit c;
    double before, after;
    if (calibrate_temperature(f->calibrate, &c) < 0)
        return NULL;
    if (c.bounded) {
        err_set(ERR_DATA, "fit '%s': no temperature in %g .. %g is best; the split does not suit the lm", f->id,
                CALIBRATE_MIN, CALIBRATE_MAX);
        return NULL;
    }
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:s, s:f, s:I, s:f, s:f}", "id", f->id, "what", f->what, "lm", f->lm_id, "on", f->on,
                  "value", c.temperature, "n", (json_int_t)c.n, "nll_before", c.nll_before, "nll_after", c.nll_after);
    json_object_set_new(out, "before", reliability(f, 1, &before));
    json_object_set_new(out, "after", reliability(f, c.temperature, &after));
    json_object_set_new(out, "ece_before", json_real(before));
    json_object_set_new(out, "ece_after", json_real(after));
    return out;
}

static int fit_run(struct fit *f, struct lms *lms, struct core *core, interrupt_t *signal)
{
    f->lm = lms_find(lms, f->lm_id);
    f->set = f->lm ? evalset_open(f->on) : NULL;
    if (!f->set)
        return err_code();
    TRY(encode_texts(f, lms));
    for (size_t i = 0; i < f->set->n_items; i++) {
        TRY(interrupt_check(signal, "fitting"));
        if (f->texts[i].n > 0)
            TRY(score_text(f, core, i));
    }
    return 0;
}

json_t *fit_compute(const json_t *doc, struct lms *lms, struct core *core, interrupt_t *signal)
{
    struct fit f = { .id = field(doc, "id"),
                     .what = field(doc, "what"),
                     .lm_id = field(doc, "lm"),
                     .on = field(doc, "on"),
                     .lang = field(doc, "lang"),
                     .template_name = field(doc, "template"),
                     .calibrate = calibrate_alloc() };
    json_t *out = NULL;
    int rc = fit_run(&f, lms, core, signal);
    if (rc < 0)
        err_add(rc, "fit '%s'", f.id);
    else
        out = result(&f);
    for (size_t i = 0; f.texts && i < f.set->n_items; i++)
        free(f.texts[i].s);
    free(f.texts);
    if (f.set)
        evalset_close(f.set);
    calibrate_free(f.calibrate);
    return out;
}

#include "base/err.h"
#include "base/mem.h"
#include "experiments/fit_types.h"
#include <stdlib.h>
#include <string.h>

static const struct fit_type *const types[] = { &fit_temperature, &fit_weights, &fit_entropy, &fit_conformal,
                                                &fit_vector,      &fit_matrix,  &fit_platt,   &fit_beta };
enum { N_TYPES = sizeof types / sizeof *types };

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static const struct fit_type *type_find(const char *name)
{
    const char *names[N_TYPES];
    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i]->name;
        if (strcmp(name, names[i]) == 0)
            return types[i];
    }
    err_unknown(ERR_DATA, "fit", name, names, N_TYPES);
    return NULL;
}

/* A text is read as far as the lm's context reaches behind its prompt. */
static int cut_text(struct fit *f, size_t i)
{
    struct prompt prompt = f->set->items[i].prompt;
    struct symbols seen = { 0 };
    int slot = lm_fork(f->lm, LM_EMPTY, 0);
    if (slot < 0)
        return slot;
    prompt.template_name = field(f->doc, "template");
    int rc = lm_prompt(f->lm, slot, &prompt, &seen);
    size_t room = rc == 0 ? lm_room(f->lm, slot) : 0;
    f->texts[i].n = f->texts[i].n < room ? f->texts[i].n : room;
    lm_drop(f->lm, slot);
    free(seen.s);
    return rc;
}

static int encode_texts(struct fit *f, struct lms *lms, size_t most)
{
    const char *lang = field(f->doc, "lang");
    size_t total = 0;
    f->texts = mem_alloc(f->set->n_items, sizeof *f->texts);
    for (size_t i = 0; i < f->set->n_items; i++) {
        const struct item *item = &f->set->items[i];
        if (item->kind != ITEM_TEXT || (lang && strcmp(item->lang, lang) != 0))
            continue;
        TRY(lms_encode(lms, f->lm_id, item->text, strlen(item->text), &f->texts[i]));
        TRY(cut_text(f, i));
        total += f->texts[i].n;
    }
    f->stride = total / most + 1;
    return 0;
}

static int keep_row(void *ctx, const struct row *r, const struct score_place *place)
{
    struct fit *f = ctx;
    return f->at++ % f->stride == 0 ? f->type->keep(f, r, place) : 0;
}

static int score_text(struct fit *f, struct core *core)
{
    struct prompt prompt = f->set->items[f->text].prompt;
    struct score_sink sink = { keep_row, f };
    struct want want;
    prompt.template_name = field(f->doc, "template");
    struct score *s = score_open(f->lm, &prompt, &f->texts[f->text], 1);
    int rc = s ? 0 : err_code();
    while (rc == 0 && score_want(s, &want, 1) > 0) {
        rc = core_run(core, &want, 1);
        rc = rc < 0 ? rc : score_feed(s, &sink);
        rc = rc < 0 ? rc : score_move(s);
    }
    score_close(s);
    return rc;
}

static int fit_run(struct fit *f, struct lms *lms, struct core *core, interrupt_t *signal)
{
    size_t most = FIT_POSITIONS;
    f->lm = lms_find(lms, f->lm_id);
    f->transforms = lms_transforms(lms);
    f->set = f->lm ? evalset_open(f->on) : NULL;
    if (!f->set)
        return err_code();
    TRY(f->type->open(f, &most));
    if (f->type->read)
        return f->type->read(f, lms, core);
    TRY(encode_texts(f, lms, most));
    for (f->text = 0; f->text < f->set->n_items; f->text++) {
        TRY(interrupt_check(signal, "fitting"));
        if (f->texts[f->text].n > 0)
            TRY(score_text(f, core));
    }
    return 0;
}

static json_t *result(struct fit *f)
{
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:s}", "id", f->id, "what", field(f->doc, "what"), "lm", f->lm_id, "on", f->on);
    if (f->type->result(f, out) == 0)
        return out;
    json_decref(out);
    return NULL;
}

json_t *fit_compute(const json_t *doc, struct lms *lms, struct core *core, interrupt_t *signal)
{
    struct fit f = {
        .doc = doc, .id = field(doc, "id"), .lm_id = field(doc, "lm"), .on = field(doc, "on"), .signal = signal
    };
    json_t *out = NULL;
    f.type = json_object_get(doc, "choices") ? &fit_choices : type_find(field(doc, "what"));
    int rc = f.type ? fit_run(&f, lms, core, signal) : ERR_DATA;
    out = rc == 0 ? result(&f) : NULL;
    if (!out)
        err_add(err_code(), "fit '%s'", f.id);
    for (size_t i = 0; f.texts && i < f.set->n_items; i++)
        free(f.texts[i].s);
    free(f.texts);
    if (f.set)
        evalset_close(f.set);
    if (f.type)
        f.type->close(&f);
    return out;
}

#include "experiments/unit.h"
#include "base/hash.h"
#include "experiments/plan.h"
#include "experiments/unit_trace.h"
#include <math.h>
#include <string.h>

/* Two seeds: 128 bits, so that no run is ever large enough for a chance meeting. */
struct unit_key unit_text_key(const char *text, size_t n)
{
    return (struct unit_key){ hash_bytes(text, n, 0x63686f72), hash_bytes(text, n, 0x616c65) };
}

static struct unit_key key_of(struct text *t)
{
    struct unit_key k = unit_text_key(t->s, t->len);
    text_free(t);
    return k;
}

static void pack_key(struct text *t, struct unit_key key)
{
    pack_u64(t, key.a);
    pack_u64(t, key.b);
}

static void pack_string(struct text *t, const char *s)
{
    pack_bytes(t, s, strlen(s));
}

static void pack_json(struct text *t, const json_t *doc)
{
    struct text canonical = { 0 };
    doc_canonical(&canonical, doc);
    pack_string(t, text_s(&canonical));
    text_free(&canonical);
}

static const char *what_string(const struct plan *p, const char *key)
{
    const char *s = json_string_value(json_object_get(p->what, key));
    return s ? s : "";
}

static const char *lm_key(const struct plan *p, const char *id)
{
    return json_string_value(json_object_get(plan_lm(p, id), "key"));
}

/* The compute mode, and the type of keys and values where it is not float32. */
static void pack_mode(struct text *t, const struct plan *p)
{
    struct text mode = { 0 };
    const char *kv = what_string(p, "kv");
    text_addf(&mode, *kv ? "%s kv %s" : "%s", what_string(p, "mode"), kv);
    pack_string(t, text_s(&mode));
    text_free(&mode);
}

/* What every key begins with: the kind of frame, how numbers are made, which lm. */
static void pack_start(struct text *t, const struct plan *p, enum unit_frame frame, const char *lm)
{
    pack_u32(t, frame);
    pack_u32(t, PLAN_FORMAT);
    pack_mode(t, p);
    pack_string(t, what_string(p, "kernels"));
    pack_string(t, what_string(p, "log"));
    pack_string(t, lm);
}

struct unit_key unit_key(const struct plan *p, const struct plan_arm *arm, const struct plan_item *item, uint32_t draw)
{
    struct text t = { 0 };
    pack_start(&t, p, UNIT_RESULT, lm_key(p, arm->lm));
    pack_string(&t, item->hash);
    if (item->item->kind == ITEM_GENERATE) {
        pack_string(&t, arm->chain);
        pack_string(&t, arm->search);
        pack_u32(&t, arm->stop.max_bytes);
        pack_u32(&t, arm->stop.max_symbols);
        pack_u32(&t, arm->stop.max_chars);
        for (size_t i = 0; i < arm->stop.n_strings; i++)
            pack_string(&t, arm->stop.strings[i]);
        pack_u64(&t, arm->repeats ? 0 : p->seed);
        pack_u32(&t, arm->repeats ? 0 : draw);
        if (arm->transforms)
            pack_json(&t, arm->transforms);
        if (arm->draft)
            pack_string(&t, lm_key(p, arm->draft));
        if (arm->fit)
            pack_string(&t, json_string_value(json_object_get(plan_fit(p, arm->fit), "key")));
    }
    if (item->item->kind == ITEM_CHOICE && strcmp(arm->choices, "likelihood") != 0)
        pack_string(&t, arm->choices);
    if (item->item->kind == ITEM_CHOICE && arm->calibration)
        pack_string(&t, json_string_value(json_object_get(plan_fit(p, arm->calibration), "key")));
    return key_of(&t);
}

struct unit_key unit_judge_key(const struct plan *p, const struct plan_item *item, struct unit_key text)
{
    struct text t = { 0 };
    pack_start(&t, p, UNIT_JUDGED, lm_key(p, p->judge));
    pack_string(&t, item->hash);
    pack_key(&t, text);
    return key_of(&t);
}

struct unit_key unit_fit_key(const struct plan *p, const json_t *fit)
{
    struct text t = { 0 };
    pack_start(&t, p, UNIT_FIT, json_string_value(json_object_get(fit, "key")));
    return key_of(&t);
}

bool unit_key_equal(struct unit_key x, struct unit_key y)
{
    return x.a == y.a && x.b == y.b;
}

static size_t write_head(struct text *t, enum unit_frame frame, struct unit_key key)
{
    size_t start = t->len;
    pack_u8(t, (uint8_t)frame);
    pack_key(t, key);
    return t->len - start;
}

static size_t write_texts(struct text *t, const struct hyp hyps[], size_t n)
{
    size_t start = t->len;
    uint32_t n_texts = 0;
    for (size_t i = 0; i < n; i++)
        n_texts += hyps[i].text.len > 0;
    pack_u32(t, n_texts);
    for (size_t i = 0; i < n; i++)
        if (hyps[i].text.len > 0)
            pack_key(t, unit_text_key(hyps[i].text.s, hyps[i].text.len));
    return t->len - start;
}

static void write_kind(struct text *t, unsigned kind, const struct symbols *prompt)
{
    pack_u8(t, (uint8_t)kind);
    pack_u32(t, (uint32_t)prompt->n);
    for (size_t i = 0; i < prompt->n; i++)
        pack_u32(t, prompt->s[i]);
}

/* Of a step of an ensemble; one that was pushed without rows has nothing to tell. */
static void write_trace(struct text *t, const struct lm_trace *x, uint32_t n_voices)
{
    bool told = x->n_voices == n_voices;
    const float unsure[] = { x->data_entropy, x->disagreement, x->epkl, x->rmi, x->agreement };
    for (size_t i = 0; i < sizeof unsure / sizeof *unsure; i++)
        pack_f32(t, told ? unsure[i] : NAN);
    for (uint32_t k = 0; k < n_voices; k++) {
        pack_f32(t, told ? x->logp[k] : NAN);
        pack_f32(t, told ? x->share[k] : 0);
        pack_f32(t, told ? x->weight[k] : 0);
    }
}

static void write_hyp(struct text *t, const struct hyp *h)
{
    uint32_t n_voices = 0;
    for (size_t i = 0; i < h->n_steps; i++)
        n_voices = h->steps[i].trace.n_voices > n_voices ? h->steps[i].trace.n_voices : n_voices;
    pack_u8(t, (uint8_t)h->end);
    pack_f64(t, h->log_weight);
    pack_bytes(t, text_s(&h->text), h->text.len);
    pack_u32(t, (uint32_t)h->n_steps);
    pack_u32(t, n_voices);
    for (size_t i = 0; i < h->n_steps; i++) {
        const struct hyp_step *s = &h->steps[i];
        pack_u32(t, s->symbol);
        pack_u32(t, s->kept);
        const float x[] = { s->logp, s->logp_final, s->entropy, s->entropy_final, s->mass };
        for (size_t k = 0; k < sizeof x / sizeof *x; k++)
            pack_f32(t, x[k]);
    }
    for (size_t i = 0; i < h->n_steps && n_voices > 0; i++)
        write_trace(t, &h->steps[i].trace, n_voices);
}

static void write_draft(struct text *t, const struct hyp *h)
{
    pack_u32(t, h->proposed);
    pack_u32(t, h->accepted);
    pack_u32(t, h->passes);
}

size_t unit_write_hyps(struct text *t, struct unit_key key, const struct symbols *prompt, const struct hyp hyps[],
                       size_t n)
{
    size_t n_head = write_head(t, UNIT_RESULT, key) + write_texts(t, hyps, n);
    bool traced = n > 0 && hyps[0].trace.level.kind != TRACE_TOKEN, drafted = n > 0 && hyps[0].passes > 0;
    write_kind(t, ITEM_GENERATE | (traced ? UNIT_TRACED : 0) | (drafted ? UNIT_DRAFTED : 0), prompt);
    pack_u32(t, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        write_hyp(t, &hyps[i]);
        if (drafted)
            write_draft(t, &hyps[i]);
        if (traced)
            unit_trace_write(t, &hyps[i]);
    }
    return n_head;
}

size_t unit_write_text(struct text *t, struct unit_key key, const struct symbols *text, const double logp[],
                       const struct lm_trace traces[])
{
    static const struct symbols none;
    size_t n_head = write_head(t, UNIT_RESULT, key) + write_texts(t, NULL, 0);
    uint32_t n_voices = traces && text->n > 0 ? traces[0].n_voices : 0;
    write_kind(t, ITEM_TEXT, &none);
    pack_u32(t, (uint32_t)text->n);
    pack_u32(t, n_voices);
    for (size_t i = 0; i < text->n; i++) {
        pack_u32(t, text->s[i]);
        pack_f32(t, (float)logp[i]);
    }
    for (size_t i = 0; i < text->n && n_voices > 0; i++)
        write_trace(t, &traces[i], n_voices);
    return n_head;
}

size_t unit_write_choices(struct text *t, struct unit_key key, const double logp[], const uint32_t n_symbols[],
                          size_t n)
{
    static const struct symbols none;
    size_t n_head = write_head(t, UNIT_RESULT, key) + write_texts(t, NULL, 0);
    write_kind(t, ITEM_CHOICE, &none);
    pack_u32(t, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        pack_f64(t, logp[i]);
        pack_u32(t, n_symbols[i]);
    }
    return n_head;
}

size_t unit_write_judged(struct text *t, struct unit_key key, double nll, uint32_t n_symbols)
{
    size_t n_head = write_head(t, UNIT_JUDGED, key);
    pack_f64(t, nll);
    pack_u32(t, n_symbols);
    return n_head;
}

size_t unit_write_message(struct text *t, enum unit_frame kind, struct unit_key key, const char *message)
{
    size_t n_head = write_head(t, kind, key);
    pack_string(t, message);
    return n_head;
}

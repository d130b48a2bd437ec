/* What the voices said, in journal payloads: what is written is read, of texts that were said and of texts that were scored;
 * what is cut or changed is refused, and nothing is allocated for what a payload cannot hold. */
#include "base/err.h"
#include "experiments/unit.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 5, VOICES = 3 };

/* Kind, key; no keys of texts; item kind, prompt, count or symbols; of a hypothesis then 1 + 8 + 4 + 0 + 4. */
enum { TEXT_STEPS = 1 + 16 + 4 + 1 + 4, TEXT_VOICES = TEXT_STEPS + 4, HYP_VOICES = TEXT_VOICES + 17 };

static struct lm_trace told(size_t i)
{
    float x = (float)i / 8;
    struct lm_trace t = { .n_voices = VOICES,
                          .data_entropy = 1 + x,
                          .disagreement = 2 + x,
                          .epkl = INFINITY,
                          .rmi = 4 + x,
                          .agreement = .5f };
    for (uint32_t k = 0; k < VOICES; k++) {
        t.logp[k] = k == 2 ? NAN : -x - (float)k;
        t.share[k] = .25f * (float)k;
        t.weight[k] = .125f * (float)(k + 1);
    }
    return t;
}

static bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_told(const struct unit_record *r, size_t i, const struct lm_trace *t)
{
    bool whole = t->n_voices == VOICES;
    check(same(r->data_entropy[i], whole ? t->data_entropy : NAN) &&
              same(r->disagreement[i], whole ? t->disagreement : NAN) && same(r->epkl[i], whole ? t->epkl : NAN) &&
              same(r->rmi[i], whole ? t->rmi : NAN) && same(r->agreement[i], whole ? t->agreement : NAN),
          "uncertainty of step %zu", i);
    for (uint32_t k = 0; k < VOICES; k++) {
        size_t at = i * VOICES + k;
        check(same(r->voice_logp[at], whole ? t->logp[k] : NAN) && same(r->voice_share[at], whole ? t->share[k] : 0) &&
                  same(r->voice_weight[at], whole ? t->weight[k] : 0),
              "voice %u of step %zu", k, i);
    }
}

/* Anything shorter is refused, and so are other numbers of steps and voices. */
static void damage(struct text *t, size_t at_steps, size_t at_voices, const char *what)
{
    static const uint32_t wrong[] = { 0, VOICES - 1, VOICES + 1, LM_MAX_VOICES, LM_MAX_VOICES + 1, UINT32_MAX };
    struct unit_result r;
    for (size_t n = 0; n < t->len; n++)
        check(unit_decode(t->s, n, &r) == ERR_DAMAGED, "%s: cut at %zu of %zu", what, n, t->len);
    for (size_t i = 0; i < 2 * sizeof wrong / sizeof *wrong; i++) {
        size_t at = i % 2 ? at_steps : at_voices;
        char kept[4];
        memcpy(kept, t->s + at, 4);
        memcpy(t->s + at, &wrong[i / 2], 4); /* little-endian, as every machine of ours */
        check(unit_decode(t->s, t->len, &r) == ERR_DAMAGED && strstr(err_text(), "holds no result"), "%s: %u %s: %s",
              what, wrong[i / 2], i % 2 ? "steps" : "voices", err_text());
        memcpy(t->s + at, kept, 4);
    }
    check(unit_decode(t->s, t->len, &r) == 0, "%s: whole again", what);
    unit_fini(&r);
}

/* The third step was pushed unread: it has nothing to tell. */
static void said(void)
{
    static const struct symbols prompt;
    struct hyp_step steps[STEPS] = { { .symbol = 0 } };
    struct hyp h = { .end = HYP_LIMIT, .steps = steps, .n_steps = STEPS };
    struct text t = { 0 };
    struct unit_result r;
    for (size_t i = 0; i < STEPS; i++) {
        steps[i] = (struct hyp_step){ .symbol = (sym_t)i, .logp = -(float)i, .mass = 1, .kept = 7, .trace = told(i) };
        steps[i].trace.n_voices = i == 2 ? 0 : VOICES;
    }
    unit_write_hyps(&t, (struct unit_key){ 1, 2 }, &prompt, &h, 1);
    check(unit_decode(t.s, t.len, &r) == 0 && r.n_records == 1 && r.records[0].n_voices == VOICES, "%s", err_text());
    for (size_t i = 0; i < STEPS && r.n_records == 1; i++) {
        check(r.records[0].symbol[i] == i && r.records[0].logp[i] == -(float)i && r.records[0].kept[i] == 7, "a step");
        check_told(&r.records[0], i, &steps[i].trace);
    }
    unit_fini(&r);
    damage(&t, HYP_VOICES - 4, HYP_VOICES, "said");
    text_free(&t);
}

static void scored(bool voices)
{
    struct text t = { 0 };
    struct unit_result r;
    struct lm_trace traces[STEPS];
    const struct symbols text = { .s = (sym_t[STEPS]){ 5, 6, 7, 8, 9 }, .n = STEPS };
    const double logp[STEPS] = { -1, -2, -3, -4, -5 };
    for (size_t i = 0; i < STEPS; i++)
        traces[i] = told(i);
    unit_write_text(&t, (struct unit_key){ 1, 2 }, &text, logp, voices ? traces : NULL);
    check(unit_decode(t.s, t.len, &r) == 0 && r.kind == ITEM_TEXT && r.n_records == 1, "%s", err_text());
    const struct unit_record *x = &r.records[0];
    check(x->n_steps == STEPS && x->n_voices == (voices ? VOICES : 0), "a text of %zu symbols", x->n_steps);
    for (size_t i = 0; i < x->n_steps; i++) {
        check(x->symbol[i] == 5 + i && x->logp[i] == (float)logp[i] && isnan(x->entropy[i]), "symbol %zu", i);
        if (voices)
            check_told(x, i, &traces[i]);
        else
            check(isnan(x->disagreement[i]) && isnan(x->agreement[i]), "a leaf does not disagree");
    }
    unit_fini(&r);
    if (voices)
        damage(&t, TEXT_STEPS, TEXT_VOICES, "scored");
    text_clear(&t);
    unit_write_text(&t, (struct unit_key){ 1, 2 }, &(struct symbols){ .n = 0 }, logp, voices ? traces : NULL);
    check(unit_decode(t.s, t.len, &r) == 0 && r.records[0].n_voices == 0, "an empty text has no voices");
    unit_fini(&r);
    text_free(&t);
}

int main(void)
{
    said();
    scored(true);
    scored(false);
    return check_done("unit_voices");
}

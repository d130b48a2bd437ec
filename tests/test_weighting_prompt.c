/* Weights by prompt perplexity, exactly: softmax of -NLL / tau of each voice's own prompt (PackLLM-sim), from the tables' own
 * words; read once, the same whether a text is written or scored, and what it refuses. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "ensemble/weighting.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/pools.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4, VOICES = 3, LENGTH = 12 };

static struct core *core;
static struct lm *leaf[VOICES];
static const double prior[VOICES] = { .5, .3, .2 };
static const char said[] = "abcacb"; /* the prompt; voice b reads it backwards */

static struct lm *open_by(const char *rule, const char *weighting)
{
    const struct voice v[VOICES] = { { .lm = leaf[0], .name = "a" },
                                     { .lm = leaf[1], .name = "b", .template_name = "backwards" },
                                     { .lm = leaf[2], .name = "c" } };
    struct lm *lm = ensemble_open_by(v, prior, VOICES, &(struct ensemble_rule){ rule, weighting });
    check(lm != NULL, "%s by %s: %s", rule, weighting, err_text());
    return lm;
}

static int prompted(struct lm *lm, const char *text)
{
    struct prompt_field field = { "text", text };
    struct symbols seen = { 0 };
    int slot = lm_fork(lm, LM_EMPTY, 0);
    check(lm_prompt(lm, slot, &(struct prompt){ .fields = &field, .n_fields = 1 }, &seen) == 0, "%s", err_text());
    free(seen.s);
    return slot;
}

static struct row row_at(struct lm *lm, int slot)
{
    struct want w = { lm, slot, 1, LM_TAP_FINAL };
    struct row r = { .n = 0 };
    check(core_run(core, &w, 1) == 0 && lm_rows(&w, &r) == 0, "%s", err_text());
    return r;
}

/* What voice k reads of a prompt of n letters. */
static void letters(size_t k, size_t n, sym_t out[])
{
    for (size_t i = 0; i < n; i++)
        out[i] = (sym_t)(said[k == 1 ? n - 1 - i : i] - 'a');
}

/* The weights after the first n letters as a prompt, its last ones alone. */
static void weights_are(size_t n, double tau, size_t last, double w[VOICES])
{
    double sum = 0;
    for (size_t k = 0; k < VOICES; k++) {
        sym_t s[sizeof said];
        double nll = 0, logp[N];
        size_t count = 0;
        letters(k, n, s);
        for (size_t i = n > last ? n - last : 1; i < n; i++, count++) {
            table_logp(leaf[k], s, i, logp);
            nll -= logp[s[i]];
        }
        sum += w[k] = prior[k] * exp(count > 0 ? -nll / (double)count / tau : 0);
    }
    for (size_t k = 0; k < VOICES; k++)
        w[k] /= sum;
}

static void has_weights(struct lm *lm, int slot, const double w[VOICES], const char *what)
{
    struct lm_trace t;
    row_at(lm, slot);
    check(lm_push(lm, slot, (sym_t[]){ 1 }, 1, &t) == 0 && t.n_voices == VOICES, "%s", err_text());
    for (size_t k = 0; k < VOICES; k++)
        check_near((double)t.weight[k], w[k], 1e-6, "%s: weight of voice %zu", what, k);
}

/* The weights are the formula's and stay; the row is the pool of the voices' rows under them. */
static void exact(const char *weighting, double tau, size_t last)
{
    struct lm *lm = open_by("linear", weighting);
    for (size_t n = 0; n < sizeof said; n++) {
        char text[sizeof said] = { 0 };
        double w[VOICES], mixture = 0, logp[N];
        memcpy(text, said, n);
        int slot = prompted(lm, text);
        weights_are(n, tau, last, w);
        struct row r = row_at(lm, slot);
        for (size_t k = 0; k < VOICES; k++) {
            sym_t s[sizeof said];
            letters(k, n, s);
            table_logp(leaf[k], s, n, logp);
            mixture += w[k] * exp(logp[2]);
        }
        check_near(row_logp(&r, 2), log(mixture), 1e-6, "%s: the pool after %zu letters", weighting, n);
        for (int step = 0; step < 3; step++)
            has_weights(lm, slot, w, weighting);
        lm_drop(lm, slot);
    }
    lm_free(lm);
}

/* Pushed unread, read with many rows at once, forked before and after it was read: the same bits. */
static void whatever_the_order(void)
{
    static const sym_t text[] = { 0, 2, 1, 1 };
    struct lm *lm = open_by("linear", "prompt(0.5)");
    struct row all[4];
    int steps = prompted(lm, said), once = prompted(lm, said), early = lm_fork(lm, steps, sizeof said - 1);
    struct want w = { lm, once, 4, LM_TAP_FINAL };
    check(lm_push(lm, once, text, 3, NULL) == 0 && core_run(core, &w, 1) == 0 && lm_rows(&w, all) == 0, "%s",
          err_text());
    double logp[4];
    for (size_t i = 0; i < 4; i++)
        logp[i] = row_logp(&all[i], text[i]);
    for (size_t i = 0; i < 4; i++) {
        struct row r = row_at(lm, steps);
        check(row_logp(&r, text[i]) == logp[i], "step %zu", i);
        r = row_at(lm, early);
        check(row_logp(&r, text[i]) == logp[i], "a fork of before, step %zu", i);
        struct lm_trace t;
        int late = lm_fork(lm, steps, sizeof said - 1 + i);
        r = row_at(lm, late);
        check(row_logp(&r, text[i]) == logp[i], "a fork of after, step %zu", i);
        lm_drop(lm, late);
        row_at(lm, steps);
        check(lm_push(lm, steps, &text[i], 1, &t) == 0 && lm_push(lm, early, &text[i], 1, NULL) == 0, "%s", err_text());
    }
    lm_drop(lm, steps);
    lm_drop(lm, once);
    lm_drop(lm, early);
    lm_free(lm);
}

/* A fork inside the prompt has a shorter one. */
static void inside(void)
{
    struct lm *lm = open_by("linear", "prompt(0.5)");
    double w[VOICES];
    const size_t n = 3;
    int whole = prompted(lm, said), part;
    weights_are(sizeof said - 1, .5, 128, w);
    has_weights(lm, whole, w, "the whole");
    part = lm_fork(lm, whole, n);
    /* voice b's first letters are the last of the text */
    double sum = 0;
    for (size_t k = 0; k < VOICES; k++) {
        sym_t s[sizeof said];
        double nll = 0, logp[N];
        letters(k, sizeof said - 1, s);
        for (size_t i = 1; i < n; i++) {
            table_logp(leaf[k], s, i, logp);
            nll -= logp[s[i]];
        }
        sum += w[k] = prior[k] * exp(-nll / (double)(n - 1) / .5);
    }
    for (size_t k = 0; k < VOICES; k++)
        w[k] /= sum;
    has_weights(lm, part, w, "a part");
    lm_drop(lm, whole);
    lm_drop(lm, part);
    lm_free(lm);
}

static void refused(const char *rule, const char *weighting, const char *want)
{
    const struct voice v[2] = { { .lm = leaf[0], .name = "a" }, { .lm = leaf[1], .name = "b" } };
    struct lm *lm = ensemble_open_by(v, NULL, 2, &(struct ensemble_rule){ rule, weighting });
    check(lm == NULL && err_code() == ERR_USAGE && strstr(err_text(), want), "%s by %s: %s", rule, weighting,
          err_text());
    lm_free(lm);
}

static void refusals(void)
{
    struct lm *inner = open_by("linear", NULL);
    const struct voice v[2] = { { .lm = inner, .name = "inner" }, { .lm = leaf[1], .name = "b" } };
    refused("gated(0.5)", "prompt", "does not compute all voices");
    refused("sampled", "prompt", "does not compute all voices");
    refused("min", "prompt", "knows no weights");
    refused("linear(mode=global)", "prompt", "weighs whole prefixes already");
    refused("linear", "prompt(0)", "tau is 0");
    refused("linear", "prompt(per=word)", "symbol");
    struct lm *lm = ensemble_open_by(v, NULL, 2, &(struct ensemble_rule){ "linear", "prompt" });
    check(!lm && strstr(err_text(), "voice 'inner' is an ensemble"), "%s", err_text());
    lm_free(lm);
    lm_free(inner);
}

/* PackLLM's own numbers for two models of equal weight: softmax(-log perplexity); free weights keep their sum; an impossible
 * prompt loses its voice, unless every voice does. */
static void by_hand(void)
{
    const struct weighting_prompt two[2] = { { .nll = 6, .n_symbols = 3, .bytes = 12 }, { 9, 3, 6 } };
    const struct weighting_prompt none[2] = { { .nll = INFINITY, .n_symbols = 3, .bytes = 3 }, { 9, 3, 3 } };
    const double half[2] = { .5, .5 }, ones[2] = { 1, 1 };
    struct pool p = pools_parsed("linear");
    struct weighting w;
    double state[2];
    check(weighting_parse("prompt", &p, &w) == 0, "%s", err_text());
    w.type->read(&w, two, half, 2, state);
    check_near(state[0], 1 / (1 + exp(-1)), 1e-12, "2 nats a symbol against 3");
    w.type->read(&w, two, ones, 2, state);
    check_near(state[0], 2 / (1 + exp(-1)), 1e-12, "of a sum of 2");
    w.type->read(&w, none, half, 2, state);
    check(state[0] == 0 && state[1] == 1, "impossible: %g, %g", state[0], state[1]);
    w.type->start(&w, half, 2, state);
    w.type->read(&w, (struct weighting_prompt[]){ none[0], none[0] }, half, 2, state);
    check(state[0] == .5 && state[1] == .5, "all impossible: the weights given");
    weighting_fini(&w);
    check(weighting_parse("prompt(0.1, per=byte)", &p, &w) == 0, "%s", err_text());
    w.type->read(&w, two, half, 2, state);
    check_near(state[0], 1 / (1 + exp(-10)), 1e-12, "0.5 nats a byte against 1.5, ten times as sharp");
    weighting_fini(&w);
    pool_fini(&p);
}

int main(void)
{
    core = core_alloc();
    for (uint64_t k = 0; k < VOICES; k++)
        leaf[k] = table_open(&(struct table_options){ N, LENGTH, 80 + k, 1.5 });
    exact("prompt", 1, 128);
    exact("prompt(0.2)", .2, 128);
    exact("prompt(0.2, per=byte)", .2, 128); /* a letter is a byte */
    exact("prompt(0.5, last=2)", .5, 2);
    whatever_the_order();
    inside();
    refusals();
    by_hand();
    for (size_t k = 0; k < VOICES; k++)
        lm_free(leaf[k]);
    core_free(core);
    return check_done("weighting_prompt");
}

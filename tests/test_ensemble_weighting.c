/* Weights that learn: Bayes' is the mixture of strings and never loses more than ln 1/w (invariant 6), fixed share follows a
 * voice that changes, logistic mixing goes down the gradient, and a text scored at once has the weights of one written step
 * by step, bit for bit. */
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

enum { N = 4, END = N - 1, LENGTH = 4, VOICES = 3 };

static struct core *core;
static struct lm *leaf[VOICES];
static const double prior[VOICES] = { .5, .3, .2 };

static struct lm *open_by(const char *rule, const char *weighting)
{
    const struct voice v[VOICES] = { { .lm = leaf[0], .name = "a" },
                                     { .lm = leaf[1], .name = "b" },
                                     { .lm = leaf[2], .name = "c" } };
    struct lm *lm = ensemble_open_by(v, prior, VOICES, &(struct ensemble_rule){ rule, weighting });
    check(lm != NULL, "%s by %s: %s", rule, weighting, err_text());
    return lm;
}

static struct row row_at(struct lm *lm, int slot)
{
    struct want w = { lm, slot, 1, LM_TAP_FINAL };
    struct row r = { .n = 0 };
    check(core_run(core, &w, 1) == 0 && lm_rows(&w, &r) == 0, "%s", err_text());
    return r;
}

/* ln of the product of an lm's probabilities along s[n], step by step. */
static double said_by_steps(struct lm *lm, const sym_t s[], size_t n)
{
    double sum = 0;
    int slot = lm_fork(lm, LM_EMPTY, 0);
    for (size_t i = 0; i < n; i++) {
        struct row r = row_at(lm, slot);
        struct lm_trace t;
        sum += row_logp(&r, s[i]);
        check(lm_push(lm, slot, &s[i], 1, &t) == 0, "%s", err_text());
    }
    lm_drop(lm, slot);
    return sum;
}

/* The same with everything pushed before anything is read. */
static double said_at_once(struct lm *lm, const sym_t s[], size_t n, double last_weight[])
{
    double sum = 0;
    int slot = lm_fork(lm, LM_EMPTY, 0);
    check(lm_push(lm, slot, s, n, NULL) == 0, "%s", err_text());
    struct want w = { lm, slot, (uint32_t)n + 1, LM_TAP_FINAL };
    struct row *all = calloc(n + 1, sizeof *all);
    check(core_run(core, &w, 1) == 0 && lm_rows(&w, all) == 0, "%s", err_text());
    for (size_t i = 0; i < n; i++)
        sum += row_logp(&all[i], s[i]);
    struct lm_trace t;
    check(lm_push(lm, slot, (sym_t[]){ END }, 1, &t) == 0 && t.n_voices == VOICES, "%s", err_text());
    for (size_t k = 0; k < VOICES; k++)
        last_weight[k] = (double)t.weight[k];
    free(all);
    lm_drop(lm, slot);
    return sum;
}

static void for_strings(void (*f)(const sym_t s[], size_t n, void *ctx), void *ctx)
{
    sym_t s[LENGTH + 1];
    size_t total = 1;
    for (size_t n = 0; n <= LENGTH; n++, total *= N - 1)
        for (size_t i = 0; i < total; i++) {
            size_t x = i;
            for (size_t k = 0; k < n; k++, x /= N - 1)
                s[k] = (sym_t)(x % (N - 1));
            s[n] = END;
            f(s, n + 1, ctx);
        }
}

static void is_string_mixture(const sym_t s[], size_t n, void *ctx)
{
    struct lm *lm = ctx;
    double mixture = 0, got = said_by_steps(lm, s, n);
    for (size_t k = 0; k < VOICES; k++) {
        double one = said_by_steps(leaf[k], s, n);
        mixture += prior[k] * exp(one);
        check(-got <= -one - log(prior[k]) + 1e-5, "the regret against voice %zu is at most ln 1/w", k);
    }
    check_near(got, log(mixture), 1e-5, "a string of %zu symbols", n);
}

struct pair {
    struct lm *a, *b;
    size_t n_different;
};

static void are_equal(const sym_t s[], size_t n, void *ctx)
{
    struct pair *p = ctx;
    p->n_different += said_by_steps(p->a, s, n) != said_by_steps(p->b, s, n);
}

static void at_once_is_by_steps(const sym_t s[], size_t n, void *ctx)
{
    struct lm *lm = ctx;
    double weight[VOICES], sum = 0;
    check(said_at_once(lm, s, n - 1, weight) == said_by_steps(lm, s, n - 1), "%s: %zu symbols", lm->name, n - 1);
    for (size_t k = 0; k < VOICES; k++)
        sum += weight[k];
    check(sum > 0, "%s: weights", lm->name);
}

/* Voice 0 is right for 200 steps, then voice 1. */
static double loss_with_a_switch(const char *text)
{
    float score[2][2] = { { logf(.9f), logf(.1f) }, { logf(.1f), logf(.9f) } }, to[2];
    struct row rows[2] = { pools_measured(score[0], 2), pools_measured(score[1], 2) }, out = row_over(to, 2);
    struct pool p = pools_parsed("linear");
    struct weighting w;
    double half[2] = { .5, .5 }, state[2], weight[2], loss = 0;
    check(weighting_parse(text, &p, &w) == 0, "%s: %s", text, err_text());
    w.type->start(&w, half, 2, state);
    for (int i = 0; i < 400; i++) {
        sym_t y = i >= 200;
        w.type->weigh(&w, state, 2, weight);
        pool_apply(&p, &out, rows, weight, 2);
        loss -= row_logp(&out, y);
        const struct weighting_step step = { .symbol = y, .rows = rows, .n = 2, .pool = &out, .n_voices = 2 };
        w.type->update(&w, &step, half, state);
    }
    weighting_fini(&w);
    pool_fini(&p);
    return loss;
}

static void share_follows(void)
{
    double bayes = loss_with_a_switch("bayes"), share = loss_with_a_switch("share(0.01)");
    double best = -400 * log(.9);
    check(bayes > best + 200, "Bayes is bound to the first voice: %g nats", bayes);
    /* Herbster and Warmuth: one switch costs ln K + ln 1/alpha + (T - 2) ln 1/(1 - alpha) at most, alpha to each other */
    double bound = log(2) + log(1 / .005) + 398 * log(1 / .995);
    check(share <= best + bound, "share follows: %g nats, best %g, bound %g", share, best, bound);
}

/* bug: bayes(0) learnt 0 * -inf of a voice that gives the symbol no probability: weights of NaN */
static void nothing_is_learnt(void)
{
    float score[2][2] = { { 0, -INFINITY }, { logf(.5f), logf(.5f) } };
    struct row rows[2] = { pools_measured(score[0], 2), pools_measured(score[1], 2) };
    struct pool p = pools_parsed("linear");
    struct weighting w;
    double half[2] = { .5, .5 }, state[2], weight[2];
    check(weighting_parse("bayes(0)", &p, &w) == 0, "%s", err_text());
    w.type->start(&w, half, 2, state);
    const struct weighting_step step = { .symbol = 1, .rows = rows, .n = 2, .pool = &rows[1], .n_voices = 2 };
    w.type->update(&w, &step, half, state);
    w.type->weigh(&w, state, 2, weight);
    check(weight[0] == .5 && weight[1] == .5, "bayes(0) gives %g and %g", weight[0], weight[1]);
    weighting_fini(&w);
    pool_fini(&p);
}

/* bug: share(0) lost a voice for good where its weight was below 1e-323, which Bayes' rule does not */
static void share_of_nothing(void)
{
    static const char *const names[] = { "bayes", "share(0)" };
    float score[2][2] = { { 0, -20 }, { -20, 0 } };
    struct row rows[2] = { pools_measured(score[0], 2), pools_measured(score[1], 2) };
    struct pool p = pools_parsed("linear");
    for (size_t i = 0; i < 2; i++) {
        struct weighting w;
        double half[2] = { .5, .5 }, state[2], weight[2];
        check(weighting_parse(names[i], &p, &w) == 0, "%s", err_text());
        w.type->start(&w, half, 2, state);
        for (int t = 0; t < 101; t++) {
            const struct weighting_step step = {
                .symbol = t >= 50, .rows = rows, .n = 2, .pool = &rows[0], .n_voices = 2
            };
            w.type->update(&w, &step, half, state);
        }
        w.type->weigh(&w, state, 2, weight);
        check_near(weight[1], 1, 1e-8, "%s: the voice that is right in the end", names[i]);
        weighting_fini(&w);
    }
    pool_fini(&p);
}

static double loss_of(const struct row rows[], const double weight[], sym_t y)
{
    static float to[16];
    struct row out = row_over(to, rows[0].n);
    struct pool p = pools_parsed("product");
    pool_apply(&p, &out, rows, weight, VOICES);
    pool_fini(&p);
    return -row_logp(&out, y);
}

/* One step of logistic mixing is -eta times the slope, measured by differences. */
static void logistic_goes_down(void)
{
    struct lm *lm = open_by("product", "logistic(0.1)");
    struct row rows[VOICES];
    double weight[VOICES];
    for (sym_t y = 0; y + 1 < N; y++) {
        int slot = lm_fork(lm, LM_EMPTY, 0), own[VOICES];
        struct lm_trace t;
        row_at(lm, slot);
        check(lm_push(lm, slot, &y, 1, &t) == 0, "%s", err_text());
        row_at(lm, slot);
        check(lm_push(lm, slot, (sym_t[]){ 0 }, 1, &t) == 0, "%s", err_text());
        for (size_t k = 0; k < VOICES; k++) {
            own[k] = lm_fork(leaf[k], LM_EMPTY, 0);
            rows[k] = row_at(leaf[k], own[k]);
        }
        for (size_t k = 0; k < VOICES; k++) {
            double h = 1e-3;
            memcpy(weight, prior, sizeof weight);
            weight[k] = prior[k] + h;
            double up = loss_of(rows, weight, y);
            weight[k] = prior[k] - h;
            double slope = (up - loss_of(rows, weight, y)) / 2 / h;
            check_near((double)t.weight[k], prior[k] - 0.1 * slope, 2e-4, "voice %zu after symbol %u", k, y);
        }
        for (size_t k = 0; k < VOICES; k++)
            lm_drop(leaf[k], own[k]);
        lm_drop(lm, slot);
    }
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
    refused("linear", "baies", "did you mean 'bayes'");
    refused("min", "bayes", "the rule min knows no weights");
    refused("sampled", "bayes", "does not compute all voices");
    refused("linear(mode=global)", "share", "mode=global weighs whole prefixes");
    refused("log", "logistic", "want product");
    refused("product", "logistic(contexts=words)", "unknown contexts 'words'");
    refused("linear", "share(2)", "alpha is 2");
    refused("linear", "bayes | share", "2 steps, want one");
}

int main(void)
{
    core = core_alloc();
    for (uint64_t k = 0; k < VOICES; k++)
        leaf[k] = table_open(&(struct table_options){ N, LENGTH + 1, 80 + k, 1.5 });
    struct lm *bayes = open_by("linear", "bayes"), *still = open_by("linear", "share(0)");
    struct lm *fixed = open_by("linear", "fixed"), *plain = open_by("linear", NULL);
    for_strings(is_string_mixture, bayes);
    struct pair p = { bayes, still, 0 };
    for_strings(are_equal, &p);
    check(p.n_different == 0, "share of nothing is Bayes'");
    p = (struct pair){ fixed, plain, 0 };
    for_strings(are_equal, &p);
    check(p.n_different == 0 && strcmp(fixed->hash, plain->hash) == 0, "fixed is what stood before");
    p = (struct pair){ bayes, plain, 0 };
    for_strings(are_equal, &p);
    check(p.n_different > 50, "Bayes' weights change the pool: %zu", p.n_different);
    struct lm *learning[] = { open_by("linear", "bayes(0.5)"), open_by("log", "share(0.1)"),
                              open_by("product", "logistic"), open_by("product", "logistic(0.2, bytes)"),
                              open_by("gated(0.5)", "bayes") };
    for (size_t i = 0; i < sizeof learning / sizeof *learning; i++) {
        for_strings(at_once_is_by_steps, learning[i]);
        lm_free(learning[i]);
    }
    share_follows();
    nothing_is_learnt();
    share_of_nothing();
    logistic_goes_down();
    refusals();
    lm_free(bayes);
    lm_free(still);
    lm_free(fixed);
    lm_free(plain);
    for (size_t k = 0; k < VOICES; k++)
        lm_free(leaf[k]);
    core_free(core);
    return check_done("ensemble_weighting");
}

/* Fitted weights of an ensemble, from script to results: against the tables' own likelihoods; resumed, refused, described. */
#include "base/err.h"
#include "experiments/journal.h"
#include "experiments/lms.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "experiments/unit.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include "tests/lib/same.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define POSITIONS 105 /* letters of the held-out texts */

static const char script[] =
    "local a = model { 'table:n=4,length=16,seed=3,sharpness=1.5', name = 'a' }\n"
    "local b = model { 'table:n=4,length=16,seed=5,sharpness=0.7', name = 'b' }\n"
    "local duet = ensemble { voice { a, temperature = fit { what = 'temperature', on = 'DIR/held' } }, b,\n"
    "                        rule = arg.rule or 'linear', weighting = arg.weighting, name = 'duet',\n"
    "                        weights = fit { what = arg.what or 'weights', on = arg.on or 'DIR/held' } }\n"
    "experiment { name = 'fitted', seed = 7, draws = 2, limit = { bytes = 8 }, evalsets = { 'DIR/gen', 'DIR/score' },\n"
    "  arms = grid { lm = { duet }, chain = { 'temperature=0', '', 'top_p=0.8' } } }\n";

static int run(const struct plan *p, const char *name, struct run_options o)
{
    struct run_outcome outcome;
    return run_execute(p, letters_path(name), &o, &outcome);
}

static struct plan *plan_with(const char *set, const char *other)
{
    const char *const sets[] = { set, other };
    return letters_plan(script, &(struct plan_options){ .sets = sets, .n_sets = other ? 2 : set ? 1 : 0 });
}

/* Everything the two tables say of the held-out texts: ln p of each of the 4 symbols, before each letter. */
static double said[2][POSITIONS][4];
static size_t label[POSITIONS];

static void listen(double temperature)
{
    static const struct table_options options[2] = { { 4, 16, 3, 1.5 }, { 4, 16, 5, 0.7 } };
    for (size_t k = 0; k < 2; k++) {
        struct lm *lm = table_open(&options[k]);
        size_t at = 0;
        for (size_t i = 0; i < LETTERS_HELD; i++) {
            sym_t prefix[16];
            for (size_t j = 0; letters_held(i)[j]; j++, at++) {
                double z = 0, t = k == 0 ? temperature : 1;
                table_logp(lm, prefix, j, said[k][at]);
                for (size_t v = 0; v < 4; v++)
                    z += exp(said[k][at][v] / t);
                for (size_t v = 0; v < 4; v++)
                    said[k][at][v] = said[k][at][v] / t - log(z);
                label[at] = prefix[j] = (sym_t)(letters_held(i)[j] - 'a');
            }
        }
        check(at == POSITIONS, "%zu positions", at);
        lm_free(lm);
    }
}

static double linear_nll(double u, double v)
{
    double sum = 0;
    for (size_t i = 0; i < POSITIONS; i++)
        sum -= log(u * exp(said[0][i][label[i]]) + v * exp(said[1][i][label[i]]));
    return sum / POSITIONS;
}

static double product_nll(double u, double v)
{
    double sum = 0;
    for (size_t i = 0; i < POSITIONS; i++) {
        double z = 0;
        for (size_t s = 0; s < 4; s++)
            z += exp(u * said[0][i][s] + v * said[1][i][s]);
        sum -= u * said[0][i][label[i]] + v * said[1][i][label[i]] - log(z);
    }
    return sum / POSITIONS;
}

typedef double (*nll_function)(double u, double v);

/* The least over v in 0 .. most of f(u, v), by golden section. */
static double least(nll_function f, double u, double most, double *v)
{
    double low = 0, high = most, g = (sqrt(5) - 1) / 2;
    for (int i = 0; i < 100; i++) {
        double x = high - g * (high - low), y = low + g * (high - low);
        if (f(u, x) < f(u, y))
            high = y;
        else
            low = x;
    }
    *v = (low + high) / 2;
    return f(u, *v);
}

static double on_line(nll_function f, double u)
{
    return f(u, 1 - u);
}

static void best_on_simplex(nll_function f, double w[2])
{
    double low = 0, high = 1, g = (sqrt(5) - 1) / 2;
    for (int i = 0; i < 100; i++) {
        double x = high - g * (high - low), y = low + g * (high - low);
        if (on_line(f, x) < on_line(f, y))
            high = y;
        else
            low = x;
    }
    w[0] = (low + high) / 2;
    w[1] = 1 - w[0];
}

static void best_free(nll_function f, double w[2])
{
    double low = 0, high = 5, g = (sqrt(5) - 1) / 2, v;
    for (int i = 0; i < 100; i++) {
        double x = high - g * (high - low), y = low + g * (high - low);
        if (least(f, x, 5, &v) < least(f, y, 5, &v))
            high = y;
        else
            low = x;
    }
    w[0] = (low + high) / 2;
    least(f, w[0], 5, &w[1]);
}

struct rule_case {
    const char *rule;
    nll_function nll;
    void (*best)(nll_function f, double w[2]);
    double equal; /* weight of each where they are equal */
};

static void test_weights(const struct rule_case *c, const struct results_fit *f)
{
    double w[2];
    c->best(c->nll, w);
    check(strcmp(f->what, "weights") == 0 && f->n_voices == 2 && strcmp(f->voices[0], "a") == 0, "%s: whose weights",
          c->rule);
    if (f->n_voices != 2)
        return;
    check(w[0] > 0.1 && w[1] > 0.01, "%s: both voices are wanted, %g and %g", c->rule, w[0], w[1]);
    for (size_t k = 0; k < 2; k++)
        check_near(f->weights[k], w[k], 2e-3, "%s: weight %zu", c->rule, k);
    check_near(f->nll_after, c->nll(w[0], w[1]), 1e-6, "%s: its likelihood", c->rule);
    check_near(f->nll_before, c->nll(c->equal, c->equal), 1e-6, "%s: of equal weights", c->rule);
    check_near(f->nll_voices[0], c->nll(1, 0), 1e-6, "%s: of a alone", c->rule);
    check_near(f->nll_voices[1], c->nll(0, 1), 1e-6, "%s: of b alone", c->rule);
    check(f->nll_after < f->nll_before && isnan(f->value) && isnan(f->ece_before), "%s: the fit helps", c->rule);
}

/* The arms drew from the ensemble of these weights: what the trace says of a text. */
static void test_used(struct results *r, const struct results_fit *f, const char *rule)
{
    struct results_tokens t;
    size_t n;
    const struct results_record *x = results_unit(r, 1, 0, 0, &n);
    check(n == 1 && results_tokens(r, x, &t) == 0 && t.n > 0 && t.n_voices == 2, "a trace");
    for (size_t i = 0; i < t.n && strcmp(rule, "linear") == 0; i++) {
        double a = exp((double)t.voice_logp[2 * i]), b = exp((double)t.voice_logp[2 * i + 1]);
        check_near((double)t.logp[i], log(f->weights[0] * a + f->weights[1] * b), 1e-5, "the pool at %zu", i);
    }
}

static void test_rules(void)
{
    static const struct rule_case cases[] = { { "linear", linear_nll, best_on_simplex, 0.5 },
                                              { "sampled", linear_nll, best_on_simplex, 0.5 },
                                              { "log", product_nll, best_on_simplex, 0.5 },
                                              { "product", product_nll, best_free, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char set[64];
        size_t n = 0;
        snprintf(set, sizeof set, "rule=%s", cases[i].rule);
        struct plan *p = plan_with(set, NULL);
        check(p && run(p, cases[i].rule, (struct run_options){ .threads = 1 }) == 0, "%s: %s", set, err_text());
        struct results *r = results_open(letters_path(cases[i].rule));
        const struct results_fit *f = r ? results_fits(r, &n) : NULL;
        check(n == 2, "%s: two fits", set);
        if (n == 2) {
            listen(f[0].value); /* the voice's temperature is fitted first */
            test_weights(&cases[i], &f[1]);
            test_used(r, &f[1], cases[i].rule);
        }
        results_close(r);
        plan_free(p);
    }
}

static volatile sig_atomic_t signalled;

static void stop_at_units(void *ctx, const struct run_progress *p)
{
    (void)ctx;
    if (strcmp(p->phase, "run") == 0)
        signalled = SIGINT;
}

/* Stopped between its fits and its units, a run goes on to the same bytes; a journal whose fit is no fit is not believed. */
static void test_resumed(void)
{
    struct plan *p = plan_with("rule=linear", NULL);
    struct run_options o = { .threads = 1, .batch = 1, .progress = stop_at_units, .signal = &signalled };
    size_t n = 0;
    check(run(p, "stopped", o) == ERR_SIGINT, "stopped: %s", err_text());
    signalled = 0;
    struct results *r = results_open(letters_path("stopped"));
    check(r && results_fits(r, &n) && n == 2, "both fits are there, %zu", n);
    check(r && (results_records(r, &n), n < 10), "and %zu of the records", n);
    results_close(r);
    check(run(p, "stopped", (struct run_options){ .threads = 2 }) == 0, "resumed: %s", err_text());
    same_results(letters_path("linear"), letters_path("stopped"), "resumed");
    plan_free(p);
}

static void test_hostile_frames(void)
{
    static const char *const results[] = {
        "{\"weights\":[-1,2]}",    "{\"weights\":[0,0]}",
        "{\"weights\":[\"x\",1]}", "{\"value\":0.5}",
        "{\"weights\":3}",         "[1]",
        "{\"weights\":[1e999,1]}", "not JSON",
    };
    struct plan *p = plan_with("rule=linear", NULL);
    struct text plan = { 0 }, t = { 0 };
    text_read_file(&plan, letters_path("linear/plan.json"), 1 << 24);
    mkdir(letters_path("hostile"), 0777);
    letters_write(letters_path("hostile/plan.json"), text_s(&plan));
    struct journal *j = journal_open(letters_path("hostile/journal"), "run");
    const json_t *fit = json_array_get(json_object_get(p->what, "fits"), 1);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        text_clear(&t);
        size_t n_head = unit_write_message(&t, UNIT_FIT, unit_fit_key(p, fit), results[i]);
        journal_add(j, text_s(&t), t.len, n_head);
    }
    journal_close(j);
    check(run(p, "hostile", (struct run_options){ .threads = 1 }) == 0, "what is no result is computed again: %s",
          err_text());
    same_results(letters_path("linear"), letters_path("hostile"), "hostile frames");
    text_free(&plan);
    text_free(&t);
    plan_free(p);
}

/* bug-class: three weights where there are two voices, from a journal of another program */
static void test_other_size(void)
{
    struct plan *p = plan_with("rule=linear", NULL);
    struct lms *lms = lms_alloc(p->what, NULL);
    const json_t *fits = json_object_get(p->what, "fits");
    json_t *three = json_pack("{s:[f,f,f]}", "weights", 1.0, 1.0, 1.0), *one = json_pack("{s:f}", "value", 1.0);
    check(!lms_ready(lms, "duet"), "it waits");
    check(lms_set_fit(lms, json_string_value(json_object_get(json_array_get(fits, 0), "id")), one) == 0, "%s",
          err_text());
    check(!lms_ready(lms, "duet") && !lms_find(lms, "duet") && strstr(err_text(), "has no value yet"),
          "it waits for the weights: %s", err_text());
    check(lms_set_fit(lms, json_string_value(json_object_get(json_array_get(fits, 1), "id")), three) == 0, "%s",
          err_text());
    check(!lms_find(lms, "duet") && strstr(err_text(), "has 3 weights, 'duet' has 2 voices"), "three: %s", err_text());
    check(lms_set_fit(lms, "nosuch", one) == ERR_DATA && strstr(err_text(), "no fit 'nosuch'"), "%s", err_text());
    json_decref(three);
    json_decref(one);
    lms_close(lms);
    plan_free(p);
}

static void test_refused(void)
{
    static const struct {
        const char *set, *says;
    } cases[] = {
        { "rule=min", "letters.lua:5: rule 'min' has no weights to fit" },
        { "rule=power(2)", "the weights of rule 'power=2' cannot be fitted, want linear, sampled, log or product" },
        { "rule=log(mode=global)", "cannot be fitted, want linear, sampled, log or product" },
        { "rule=gated(0.5)", "cannot be fitted" },
        { "rule=cfg(2)", "rule 'cfg=2' has no weights to fit" },
        { "what=temperature", "letters.lua:5: unknown fit 'temperature'" },
        { "on=nosuch", "nosuch" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan *p = plan_with(cases[i].set, NULL);
        check(!p && strstr(err_text(), cases[i].says), "%s: %s", cases[i].set, p ? "accepted" : err_text());
        plan_free(p);
    }
    struct plan *p = letters_plan("experiment { name = 'x', evalsets = { 'DIR/score' }, arms = { { lm = ensemble {\n"
                                  "model 'table:n=4', weights = fit { what = 'weights', on = 'DIR/score' } } } } }",
                                  NULL);
    check(!p && strstr(err_text(), "which is reported"), "a reported split: %s", p ? "accepted" : err_text());
    plan_free(p);
}

static void test_described(void)
{
    struct plan *one = plan_with("rule=linear", NULL), *two = plan_with("rule=log", NULL);
    struct text t = { 0 };
    bool only_adds;
    plan_describe(one, 1, &t);
    check(strstr(text_s(&t), "fit: temperature of a on ") && strstr(text_s(&t), "fit: weights of linear(a, b) on "),
          "the plan says what is fitted: %s", text_s(&t));
    text_clear(&t);
    plan_diff(one, two, &t, &only_adds);
    check(!only_adds && strstr(text_s(&t), "lms: 'duet' has changed") && strstr(text_s(&t), "fits: 'weights of linear"),
          "a diff names the fit: %s", text_s(&t));
    check(run(two, "linear", (struct run_options){ .threads = 1 }) == ERR_USAGE, "another plan is refused");
    text_free(&t);
    plan_free(one);
    plan_free(two);
}

/* Weights by a fit for the items of a task; a weighting that learns may start from fitted weights. */
static void test_elsewhere(void)
{
    struct plan *p = letters_plan(
        "local a, b = model { 'table:n=4,length=16,seed=3', name = 'a' }, model { 'table:n=4,length=16,seed=5', "
        "name = 'b' }\n"
        "local f = fit { what = 'weights', on = 'DIR/held' }\n"
        "experiment { name = 'x', evalsets = { 'DIR/gen' }, arms = { { lm = ensemble { a, b, name = 'ab' },\n"
        "  tasks = { math = { weights = f } } } } }",
        NULL);
    check(p && json_array_size(json_object_get(p->what, "fits")) == 1, "a task's weights: %s", p ? "" : err_text());
    plan_free(p);
    p = plan_with("weighting=bayes", NULL);
    check(p && run(p, "bayes", (struct run_options){ .threads = 1 }) == 0, "by bayes: %s", err_text());
    plan_free(p);
}

int main(void)
{
    letters_open();
    test_rules();
    test_resumed();
    test_hostile_frames();
    test_other_size();
    test_refused();
    test_described();
    test_elsewhere();
    letters_close();
    return check_done("fit_weights");
}

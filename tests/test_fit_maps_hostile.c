/* Fitted maps from outside, and at their limits: results that a journal may hold, plans that no script makes, fewer texts
 * than folds. */
#include "base/err.h"
#include "experiments/fit_labelled.h"
#include "experiments/fit_maps.h"
#include "experiments/fit_result.h"
#include "experiments/lms.h"
#include "experiments/plan_check.h"
#include "experiments/run.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char head[] = "local a = model { 'table:n=4,length=16,seed=3,sharpness=1.5', name = 'a' }\n"
                           "local b = model { 'table:n=4,length=16,seed=5,sharpness=0.7', name = 'b' }\n"
                           "local function map(what, more) local f = more or {} f.what = what\n"
                           "  f.on = f.on or 'DIR/held' return fit(f) end\n";

/* Results that a journal may hold: what is no map of that fit does not count. */
static void hostile(const char *fit, const char *result, const char *why)
{
    json_t *f = doc_read("fit", fit, strlen(fit)), *r = doc_read("result", result, strlen(result));
    struct fit_maps *m = fit_maps_read(f, r);
    check(f && r && !m && strstr(err_text(), why), "%s: want '%s' in: %s", result, why, m ? "maps" : err_text());
    fit_maps_free(m);
    json_decref(f);
    json_decref(r);
}

static void test_hostile(void)
{
    static const char vector[] = "{\"id\":\"f\",\"what\":\"vector\",\"folds\":2}",
                      two[] = "{\"id\":\"f\",\"what\":\"platt\",\"choices\":\"pmi\",\"folds\":2,\"items\":[1]}";
    hostile(vector, "{}", "maps");
    hostile(vector, "{\"maps\":[[1,0]]}", "classes");
    hostile(vector, "{\"maps\":[[1,0]],\"classes\":0}", "over 0 classes");
    hostile(vector, "{\"maps\":[[1,0]],\"classes\":5000000000}", "over 5000000000 classes");
    hostile(vector, "{\"maps\":[[1,0],[1,0]],\"classes\":1}", "2 maps over 1 classes, want 1");
    hostile(vector, "{\"maps\":[\"x\"],\"classes\":1}", "fit 'f': a map is no list of numbers");
    hostile(vector, "{\"maps\":[[1,\"x\"]],\"classes\":1}", "no list of numbers");
    hostile(vector, "{\"maps\":[[1,1e300]],\"classes\":1}", "want at most 1e+09");
    hostile(vector, "{\"maps\":[[1,0,0]],\"classes\":1}", "3 numbers, want 2 for 1 classes");
    hostile(two, "{\"maps\":[[1,1,0]],\"classes\":3}", "1 maps over 3 classes, want 3");
    hostile(two, "{\"maps\":[[1,1,0],[1,1,0],[-1,-1,0]],\"classes\":3}", "turn the order round");
    hostile("{\"what\":\"entropy\"}", "{\"maps\":[],\"classes\":1}", "unknown calibration 'entropy'");
    struct calibration *steep = calibration_make(calibration_find("vector"), (double[]){ 1e9, -1e9, 0, 0 }, 4, 2);
    float score[2] = { 0, -100 };
    struct row r = row_over(score, 2);
    check(steep && row_measure(&r) == 0 && calibration_apply(steep, &r) == 0 && row_logp(&r, 1) == 0,
          "the steepest map leaves a row: %g", row_logp(&r, 1));
    calibration_free(steep);
}

/* A plan may say what no script can: a voice whose map is of answers, or has steps. */
static void voice_of(const char *what, const char *choices)
{
    struct plan *p = letters_experiment(
        head, "{ { lm = ensemble { voice { a, calibration = map 'platt' }, name = 'e' } } }", "'DIR/score'");
    struct threads *threads = threads_alloc(1);
    check(p != NULL, "%s", err_text());
    json_t *fit = p ? json_array_get(json_object_get(p->what, "fits"), 0) : NULL;
    if (fit) {
        json_object_set_new(fit, "what", json_string(what));
        json_object_set_new(fit, "folds", json_integer(0));
        if (choices)
            json_object_set_new(fit, "choices", json_string(choices));
        struct lms *lms = lms_alloc(p->what, threads);
        json_t *guess = fit_result_guess(plan_lm(p, json_string_value(json_object_get(fit, "lm"))), fit);
        check(lms_set_fit(lms, json_string_value(json_object_get(fit, "id")), guess) == 0, "%s", err_text());
        check(!lms_find(lms, "e") && err_code() == ERR_DATA && strstr(err_text(), "where a voice wants a map of rows"),
              "%s of %s: %s", what, choices ? choices : "rows", err_text());
        json_decref(guess);
        lms_close(lms);
    }
    threads_free(threads);
    plan_free(p);
}

static void test_voices(void)
{
    voice_of("isotonic", NULL);
    voice_of("histogram", NULL);
    voice_of("isotonic", "likelihood");
    voice_of("histogram", "pmi");
    voice_of("platt", "likelihood");
    voice_of("beta", "pmi");
    voice_of("temperature", "likelihood");
}

/* A map that was fitted to rows, for an arm's answers. */
static void test_answers(void)
{
    struct plan *p = letters_experiment(
        head, "{ { lm = a, calibration = map('platt', { on = 'DIR/choice', folds = 2 }) } }", "'DIR/choice'");
    check(p && plan_check(p->what, "test") == 0, "%s", err_text());
    if (p) {
        json_object_del(json_array_get(json_object_get(p->what, "fits"), 0), "choices");
        check(plan_check(p->what, "test") == ERR_DATA && strstr(err_text(), "is a fit of rows, want one of choices"),
              "%s", err_text());
    }
    plan_free(p);
}

/* Fewer texts than folds: what would be told of the map would not be held out. */
static void test_few_texts(void)
{
    letters_set("one", "text", "bits_per_byte", "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"abcab\"}\n");
    for (int folds = 2; folds >= 0; folds--) {
        struct run_outcome outcome;
        struct text arms = { 0 };
        text_addf(&arms,
                  "{ { lm = ensemble { voice { a, calibration = map('vector', { on = 'DIR/one', folds = %d }) } } } }",
                  folds);
        struct plan *p = letters_experiment(head, text_s(&arms), "'DIR/score'");
        char name[16];
        snprintf(name, sizeof name, "few%d", folds);
        int rc = p ? run_execute(p, letters_path(name), &(struct run_options){ .threads = 1 }, &outcome) : -1;
        check((rc < 0) == (folds == 2), "%d folds of one text: %d, %s", folds, rc, err_text());
        check(folds < 2 || strstr(err_text(), "positions of 1 texts for 2 folds, want a text each, or folds = 0"), "%s",
              err_text());
        text_free(&arms);
        plan_free(p);
    }
}

/* One fold is none. */
static void test_one_fold(void)
{
    struct fit_labelled l = { .n = 2 };
    const struct fit_labelled_args a = { .type = calibration_find("platt"), .n_folds = 1 };
    json_t *out = json_object();
    for (size_t i = 0; i < 12; i++) {
        double p = .2 + .05 * (double)i;
        fit_labelled_add(&l, (double[]){ log(p), log(1 - p) }, i % 3 == 0, 0);
    }
    check(fit_labelled_result(&l, &a, out) == 0, "%s", err_text());
    check(json_integer_value(json_object_get(out, "folds")) == 0 && json_array_size(json_object_get(out, "maps")) == 1,
          "%lld folds, %zu maps", (long long)json_integer_value(json_object_get(out, "folds")),
          json_array_size(json_object_get(out, "maps")));
    fit_labelled_fini(&l);
    json_decref(out);
    hostile("{\"id\":\"f\",\"what\":\"platt\",\"choices\":\"pmi\",\"folds\":1,\"items\":[1]}",
            "{\"maps\":[[1,1,0],[1,1,0]],\"classes\":3}", "2 maps over 3 classes, want 1");
}

int main(void)
{
    letters_open();
    test_hostile();
    test_voices();
    test_answers();
    test_few_texts();
    test_one_fold();
    letters_close();
    return check_done("fit_maps_hostile");
}

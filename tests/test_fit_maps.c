/* Fitted maps of rows and of answers, from script to results: against the tables' own words and
 * against the maps' own numbers; held out, the same bits in other threads, refused where they have no meaning. */
#include "base/err.h"
#include "evalsets/reliability.h"
#include "evalsets/reliability_mass.h"
#include "experiments/fit.h"
#include "experiments/fit_maps.h"
#include "experiments/h5.h"
#include "experiments/lms.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include "tests/lib/same.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS = 24, CHOICES = 3, FOLDS = 4 };

static const char head[] = "local a = model { 'table:n=4,length=16,seed=3,sharpness=1.5', name = 'a' }\n"
                           "local b = model { 'table:n=4,length=16,seed=5,sharpness=0.7', name = 'b' }\n"
                           "local function map(what, more) local f = more or {} f.what = what\n"
                           "  f.on = f.on or 'DIR/held' return fit(f) end\n";

/* The maps of a fit of a plan, computed anew: what a run of it has. */
static struct fit_maps *maps_of(const struct plan *p, size_t fit)
{
    const json_t *doc = json_array_get(json_object_get(p->what, "fits"), fit);
    struct threads *threads = threads_alloc(1);
    struct lms *lms = lms_alloc(p->what, threads);
    struct core *core = core_alloc();
    /* a voice of its lm may have maps of its own, which stand before */
    for (size_t k = 0; k < fit && !lms_ready(lms, json_string_value(json_object_get(doc, "lm"))); k++) {
        const json_t *before = json_array_get(json_object_get(p->what, "fits"), k);
        json_t *found = fit_compute(before, lms, core, NULL);
        check(found && lms_set_fit(lms, json_string_value(json_object_get(before, "id")), found) == 0, "%s",
              err_text());
        json_decref(found);
    }
    json_t *result = fit_compute(doc, lms, core, NULL);
    struct fit_maps *m = result ? fit_maps_read(doc, result) : NULL;
    check(m != NULL, "fit %zu: %s", fit, err_text());
    json_decref(result);
    lms_close(lms);
    core_free(core);
    threads_free(threads);
    return m;
}

/* (4,) of a table's row after the letters so far, and as a row. */
static struct row row_of(const struct lm *lm, const sym_t s[], size_t n, float score[4])
{
    double logp[4];
    table_logp(lm, s, n, logp);
    for (size_t v = 0; v < 4; v++)
        score[v] = (float)logp[v];
    struct row r = row_over(score, 4);
    check(row_measure(&r) == 0, "%s", err_text());
    return r;
}

/* -ln p of the letters of a text under table a, each row through a map. */
static double nll_of(const char *text, const struct calibration *map)
{
    struct lm *lm = letters_table();
    sym_t s[16];
    double nll = 0;
    for (size_t i = 0; text[i]; i++) {
        float score[4];
        struct row r = row_of(lm, s, i, score);
        check(calibration_apply(map, &r) == 0, "%s", err_text());
        s[i] = (sym_t)(text[i] - 'a');
        nll -= row_logp(&r, s[i]);
    }
    lm_free(lm);
    return nll;
}

static double text_nll(const struct calibration *map)
{
    return nll_of("abcabcab", map);
}

/* The same after the pool of a, through a map, and b in equal shares. */
static double pool_nll(const struct calibration *of_a, const struct calibration *after)
{
    static const char text[] = "abcabcab";
    struct lm *a = letters_table(), *b = table_open(&(struct table_options){ 4, 16, 5, 0.7 });
    sym_t s[16];
    double nll = 0;
    for (size_t i = 0; text[i]; i++) {
        float score[2][4], mean[4];
        struct row rows[2] = { row_of(a, s, i, score[0]), row_of(b, s, i, score[1]) }, r = row_over(mean, 4);
        check(calibration_apply(of_a, &rows[0]) == 0, "%s", err_text());
        for (uint32_t v = 0; v < 4; v++)
            mean[v] = (float)log((exp(row_logp(&rows[0], v)) + exp(row_logp(&rows[1], v))) / 2);
        check(row_measure(&r) == 0 && calibration_apply(after, &r) == 0, "%s", err_text());
        s[i] = (sym_t)(text[i] - 'a');
        nll -= row_logp(&r, s[i]);
    }
    lm_free(a);
    lm_free(b);
    return nll;
}

/* The map of a type fitted here on the letters of the held texts but every second one, from `fold` on. */
static struct calibration *map_without(const char *type, size_t fold)
{
    static double logp[LETTERS_HELD * 16 * 4];
    static uint32_t label[LETTERS_HELD * 16];
    struct scaling_set set = { .logp = logp, .label = label, .n = 4 };
    struct lm *lm = letters_table();
    for (size_t i = 0; i < LETTERS_HELD; i++) {
        sym_t s[16];
        for (size_t k = 0; letters_held(i)[k] && i % 2 != fold; k++) {
            table_logp(lm, s, k, logp + set.n_positions * 4);
            label[set.n_positions++] = s[k] = (sym_t)(letters_held(i)[k] - 'a');
        }
    }
    struct calibration *c = calibration_fit(calibration_find(type), &set, &(struct calibration_options){ .l2 = 1 });
    check(c != NULL, "%s: %s", type, err_text());
    lm_free(lm);
    return c;
}

/* What is told of a map of rows is of texts that it has not seen. */
static void check_rows_held_out(const struct results_fit *f)
{
    double sum = 0;
    size_t n = 0;
    for (size_t fold = 0; fold < 2; fold++) {
        struct calibration *c = map_without(f->what, fold);
        for (size_t i = fold; i < LETTERS_HELD && c; i += 2) {
            sum += nll_of(letters_held(i), c);
            n += strlen(letters_held(i));
        }
        calibration_free(c);
    }
    check_near(f->nll_after, sum / (double)n, 1e-5, "%s of rows: held out", f->what);
}

/* A voice's rows go through the map that was fitted on them, and so do those of a pool that is a voice. */
static void test_rows(void)
{
    static const char arms[] =
        "(function() local out = {}\n"
        "  for i, w in ipairs { 'vector', 'matrix', 'platt', 'beta', 'temperature' } do\n"
        "    out[i] = { lm = ensemble { voice { a, calibration = map(w) }, name = w } } end\n"
        "  local pool = ensemble { voice { a, calibration = map 'platt' }, b, name = 'pool' }\n"
        "  out[6] = { lm = ensemble { voice { pool, calibration = map 'vector' }, name = 'after' } }\n"
        "  return out end)()";
    struct results *r = letters_results(head, arms, "'DIR/score', 'DIR/gen'", "rows", 1);
    struct plan *p = plan_read(letters_path("rows/plan.json"));
    size_t n = 0, n_fits = 0;
    const struct results_fit *f = r ? results_fits(r, &n_fits) : NULL;
    check(n_fits == 6 && p, "%zu fits: a voice's platt is one, whoever has the voice", n_fits);
    for (size_t i = 0; i < 4 && n_fits == 6 && p; i++) {
        struct fit_maps *m = maps_of(p, i);
        const struct results_record *x = results_unit(r, (uint32_t)i, 0, 0, &n);
        check_near(x->nll, text_nll(fit_maps_all(m)), 1e-5, "%s: the text's likelihood", f[i].what);
        check(strcmp(f[i].lm, "a") == 0 && isnan(f[i].value), "%s of a", f[i].what);
        check(f[i].nll_before > 0 && f[i].nll_after > 0 && f[i].ece_after >= 0, "%s: measured", f[i].what);
        fit_maps_free(m);
    }
    check(f && strcmp(f[5].lm, "pool") == 0 && strcmp(f[5].what, "vector") == 0, "after the pool");
    for (size_t i = 0; i < 4 && f; i++)
        check_rows_held_out(&f[i]);
    if (n_fits == 6 && p) {
        struct calibration *t = calibration_make(calibration_find("temperature"), &f[4].value, 1, 4);
        struct fit_maps *platt = maps_of(p, 2), *after = maps_of(p, 5);
        check_near(results_unit(r, 4, 0, 0, &n)->nll, text_nll(t), 1e-5, "a fitted temperature");
        check_near(results_unit(r, 5, 0, 0, &n)->nll, pool_nll(fit_maps_all(platt), fit_maps_all(after)), 1e-5,
                   "a map of a voice, and one after the pool");
        calibration_free(t);
        fit_maps_free(platt);
        fit_maps_free(after);
    }
    results_close(r);
    plan_free(p);
    results_close(letters_results(head, arms, "'DIR/score', 'DIR/gen'", "rows3", 3));
    same_results(letters_path("rows"), letters_path("rows3"), "threads 1 and 3");
}

static double log_sum(const double x[], size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(x[i]);
    return log(sum);
}

/* Questions whose gold choice is drawn from what table a says at temperature 4: it is over-confident. */
static void make_questions(void)
{
    struct lm *lm = letters_table();
    struct text items = { 0 };
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < QUESTIONS; i++) {
        char prompt[4] = { (char)('a' + i % 3), (char)('a' + i / 3 % 3), (char)('a' + i / 9), 0 };
        double p[CHOICES], z = 0;
        for (size_t c = 0; c < CHOICES; c++)
            z += p[c] = exp(letters_logp(lm, prompt, (char[]){ (char)('a' + c), 0 }) / 4);
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double u = (double)(x >> 11) * 0x1p-53 * z;
        text_addf(&items,
                  "{\"id\":\"q%zu\",\"lang\":\"en\",\"text\":\"%s\",\"choices\":[\"a\",\"b\",\"c\"],\"gold\":%d}\n", i,
                  prompt,
                  u < p[0]          ? 0
                  : u < p[0] + p[1] ? 1
                                    : 2);
    }
    letters_set("questions", "choice", "accuracy", text_s(&items));
    text_free(&items);
    lm_free(lm);
}

static void check_answers(const struct results *r, const struct plan *p, uint32_t arm, struct lm *lm)
{
    struct fit_maps *m = maps_of(p, arm - 1);
    size_t n, n_folds[1 + FOLDS] = { 0 };
    const json_t *doc = json_array_get(json_object_get(p->what, "fits"), arm - 1);
    for (uint32_t item = 0; item < QUESTIONS && m; item++) {
        const struct results_record *x = results_unit(r, arm, item, 0, &n);
        double score[CHOICES];
        for (size_t c = 0; c < CHOICES; c++)
            score[c] = letters_logp(lm, prompt_field(p->items[item].prompt, "text"), p->items[item].item->choices[c]);
        check(fit_maps_answer(m, p->items[item].hash, score, CHOICES) == 0, "%s", err_text());
        for (size_t c = 0; c < CHOICES; c++)
            check_near(x->choice_logp[c], score[c], 1e-5, "arm %u, question %u, choice %zu", arm, item, c);
        n_folds[fit_maps_fold(doc, p->items[item].hash, FOLDS)]++;
    }
    for (size_t k = 0; k < FOLDS; k++)
        check(n_folds[k] == QUESTIONS / FOLDS, "fold %zu has %zu", k, n_folds[k]);
    fit_maps_free(m);
}

/* The map that answers an item is the one fitted without its fold: made here from the other items alone. */
static void check_held_out(const struct plan *p, struct lm *lm)
{
    struct fit_maps *m = maps_of(p, 0); /* the temperature */
    double logp[QUESTIONS * CHOICES];
    uint32_t label[QUESTIONS];
    size_t n = 0, n_numbers;
    for (size_t i = 0; i < QUESTIONS; i++) {
        double score[CHOICES];
        if (i % FOLDS == 1)
            continue;
        for (size_t c = 0; c < CHOICES; c++)
            score[c] = letters_logp(lm, prompt_field(p->items[i].prompt, "text"), p->items[i].item->choices[c]);
        for (size_t c = 0; c < CHOICES; c++)
            logp[n * CHOICES + c] = score[c] - log_sum(score, CHOICES);
        label[n++] = (uint32_t)p->items[i].item->gold;
    }
    const struct scaling_set set = { .logp = logp, .label = label, .n_positions = n, .n = CHOICES };
    struct calibration *c =
        calibration_fit(calibration_find("temperature"), &set, &(struct calibration_options){ .l2 = 0 });
    check(c && m, "%s", err_text());
    if (c && m) {
        check_near(calibration_numbers(fit_maps_item(m, p->items[1].hash), &n_numbers)[0],
                   calibration_numbers(c, &n_numbers)[0], 1e-5, "fitted without the item's fold");
        check(fit_maps_item(m, p->items[1].hash) == fit_maps_item(m, p->items[5].hash) &&
                  fit_maps_item(m, p->items[1].hash) != fit_maps_item(m, p->items[2].hash) &&
                  fit_maps_item(m, "elsewhere") == fit_maps_all(m),
              "one map a fold, and that of all for other items");
    }
    calibration_free(c);
    fit_maps_free(m);
}

/* results.h5 holds the numbers of every map, and what was measured. */
static double full_ece(const struct results *r, const struct plan *p, uint32_t arm)
{
    struct reliability bins[FIT_BINS] = { 0 };
    size_t n;
    for (uint32_t item = 0; item < QUESTIONS; item++) {
        const double *x = results_unit(r, arm, item, 0, &n)->choice_logp;
        for (size_t c = 0; c < CHOICES; c++)
            reliability_add(bins, FIT_BINS, exp(x[c] - log_sum(x, CHOICES)), c == p->items[item].item->gold);
    }
    reliability_close(bins, FIT_BINS);
    return reliability_ece(bins, FIT_BINS);
}

static void check_stored(const struct results *r, const struct plan *p)
{
    hid_t file = H5Fopen(letters_path("answers/results.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    struct fit_maps *m = maps_of(p, 5); /* isotonic */
    char **names = NULL;
    size_t n = 0, n_maps = 0, n_numbers;
    double full = NAN, *x = NULL;
    struct h5_dims d;
    check(file >= 0 && h5_get_names(file, "/calibration/fit_005", &n, &names) == 0, "%s", err_text());
    for (size_t i = 0; i < n; i++) {
        n_maps += strncmp(names[i], "map_", 4) == 0;
        free(names[i]);
    }
    free(names);
    check(n_maps == 1 + FOLDS, "%zu maps", n_maps);
    check(h5_get(file, "/calibration/fit_005/map_00", H5T_NATIVE_DOUBLE, &d, &x) == 0, "%s", err_text());
    const double *want = m ? calibration_numbers(fit_maps_all(m), &n_numbers) : NULL;
    check(want && d.rank == 1 && d.n[0] == n_numbers && memcmp(x, want, n_numbers * sizeof *x) == 0,
          "the same numbers");
    check(h5_get_real(file, "/calibration/fit_000", "full_ece_after", &full) == 0, "%s", err_text());
    check_near(full, full_ece(r, p, 1), 1e-6, "Full-ECE of what the arm of the temperature answers");
    free(x);
    fit_maps_free(m);
    H5Fclose(file);
}

/* The p of the fits is that of the resampling over what the plain arm answered. */
static void check_consistency(const struct results *r, const struct plan *p, const struct results_fit *f)
{
    double confidence[QUESTIONS];
    bool right[QUESTIONS];
    struct reliability_test test;
    size_t n;
    for (uint32_t item = 0; item < QUESTIONS; item++) {
        const double *x = results_unit(r, 0, item, 0, &n)->choice_logp;
        size_t best = 0;
        for (size_t c = 1; c < CHOICES; c++)
            best = x[c] > x[best] ? c : best;
        confidence[item] = exp(x[best] - log_sum(x, CHOICES));
        right[item] = best == p->items[item].item->gold;
    }
    reliability_test(confidence, right, QUESTIONS, FIT_BINS, FIT_SEED, &test);
    check_near(f->consistent_before, test.p, 1e-12, "consistency before");
    check(f->consistent_before < 0.05 && f->consistent_after > f->consistent_before, "it was not calibrated: %g, %g",
          f->consistent_before, f->consistent_after);
}

static void test_answers(void)
{
    static const char arms[] =
        "(function() local out = { { lm = a, name = 'plain' } }\n"
        "  for _, w in ipairs { 'temperature', 'vector', 'matrix', 'platt', 'beta', 'isotonic', 'histogram' } do\n"
        "    out[#out + 1] = { lm = a, name = w,\n"
        "      calibration = fit { what = w, on = 'DIR/questions', folds = 4 } } end\n"
        "  return out end)()";
    make_questions();
    struct results *r = letters_results(head, arms, "'DIR/questions'", "answers", 1);
    struct plan *p = plan_read(letters_path("answers/plan.json"));
    struct lm *lm = letters_table();
    size_t n = 0, n_fits = 0;
    const struct results_fit *f = r ? results_fits(r, &n_fits) : NULL;
    check(n_fits == 7 && p, "%zu fits", n_fits);
    for (uint32_t arm = 1; arm <= n_fits && p; arm++)
        check_answers(r, p, arm, lm);
    if (p)
        check_held_out(p, lm);
    /* what the fit says of items that their map has not seen is what the run then measures */
    for (uint32_t arm = 1; arm <= n_fits; arm++) {
        double nll = 0;
        for (uint32_t item = 0; item < QUESTIONS; item++) {
            const double *x = results_unit(r, arm, item, 0, &n)->choice_logp;
            nll += (log_sum(x, CHOICES) - x[p->items[item].item->gold]) / QUESTIONS;
        }
        check_near(f[arm - 1].nll_after, nll, 1e-6, "%s: held out", f[arm - 1].what);
    }
    if (p && r)
        check_stored(r, p);
    if (p && f)
        check_consistency(r, p, f);
    check(f && f[0].full_ece_before > 0 && f[0].full_ece_after < f[0].full_ece_before, "Full-ECE falls");
    check(f && f[0].nll_after < f[0].nll_before, "the over-confident table is helped: %g, %g", f ? f[0].nll_before : 0,
          f ? f[0].nll_after : 0);
    results_close(r);
    plan_free(p);
    lm_free(lm);
    results_close(letters_results(head, arms, "'DIR/questions'", "answers3", 3));
    same_results(letters_path("answers"), letters_path("answers3"), "threads 1 and 3");
}

static void refused(const char *arms, const char *why)
{
    struct plan *p = letters_experiment(head, arms, "'DIR/questions'");
    check(!p && strstr(err_text(), why), "%s: want '%s' in: %s", arms, why, p ? "a plan" : err_text());
    plan_free(p);
}

static void test_refusals(void)
{
    refused("{ { lm = ensemble { voice { a, calibration = map 'isotonic' } } } }", "it is for choices");
    refused("{ { lm = ensemble { voice { a, calibration = map 'vectors' } } } }", "did you mean 'vector'");
    refused("{ { lm = ensemble { voice { a, calibration = map 'platt', temperature = 2 } } } }", "this one has both");
    refused("{ { lm = ensemble { voice { a, temperature = map 'platt' } } } }", "where one of 'temperature' is wanted");
    refused("{ { lm = ensemble { voice { a, calibration = map('platt', { l2 = 1 }) } } } }",
            "'l2' is for fits of vector");
    refused("{ { lm = ensemble { voice { a, calibration = map('vector', { l2 = -1 }) } } } }",
            "l2 is -1, want 0 .. 1e6");
    refused("{ { lm = ensemble { voice { a, calibration = map('beta', { folds = 21 }) } } } }", "want at most 20");
    refused("{ { lm = ensemble { voice { a, calibration = map('beta', { chain = 'fit' }) } } } }",
            "stands where an arm's chain would");
    refused("{ { lm = ensemble { voice { a, calibration = map('beta', { on = 'DIR/questions' }) } } } }", "no texts");
    refused("{ { lm = ensemble { voice { a, calibration = 2 } } } }", "'calibration' is a number, want a fit");
    refused("{ { lm = a, calibration = map 'platt' } }", "no choices to fit on");
    refused("{ { lm = a, calibration = map('platt', { on = 'DIR/questions', folds = 0 }) } }", "which is reported");
    refused("{ { lm = a, calibration = map('platt', { on = 'DIR/questions', target = 1 }) } }",
            "'target' is not for a fit of platt to choices");
    refused("{ { lm = a, calibration = map('histogram', { on = 'DIR/questions', bins = 0 }) } }", "want 1 .. 1000");
    refused("{ { lm = a, calibration = map('entropy', { on = 'DIR/questions' }) } }", "unknown calibration 'entropy'");
}

int main(void)
{
    letters_open();
    test_rows();
    test_answers();
    test_refusals();
    letters_close();
    return check_done("fit_maps");
}

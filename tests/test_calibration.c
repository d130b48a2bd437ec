/* ensemble/calibration: every map against numpy and scikit-learn or against the libraries it is made of, its law of masks, what
 * it refuses, and its numbers as another's. */
#include "base/err.h"
#include "ensemble/calibrate.h"
#include "ensemble/calibration.h"
#include "tests/lib/check.h"
#include "tests/lib/classes.h"
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct classes data;
static const struct calibration_options options = { .l2 = 0.01, .bins = 8 };

static struct scaling_set all(void)
{
    return (struct scaling_set){ .logp = data.logp[0], .label = data.label, .n_positions = CLASSES_ROWS, .n = CLASSES };
}

static struct calibration *fitted(const char *name)
{
    struct scaling_set set = all();
    struct calibration *c = calibration_fit(calibration_find(name), &set, &options);
    check(c != NULL, "%s: %s", name, err_text());
    return c;
}

/* ln p of row t under c. */
static void apply(const struct calibration *c, size_t t, double out[CLASSES])
{
    float score[CLASSES];
    for (size_t i = 0; i < CLASSES; i++)
        score[i] = (float)data.logp[t][i];
    struct row r = row_over(score, CLASSES);
    check(row_measure(&r) == 0 && calibration_apply(c, &r) == 0, "row %zu: %s", t, err_text());
    for (sym_t i = 0; i < CLASSES; i++)
        out[i] = row_logp(&r, i);
}

static void against_reference(void)
{
    struct calibration *c = NULL;
    char line[512], name[32];
    size_t n = 0;
    while (data.maps && fgets(line, sizeof line, data.maps)) {
        size_t t;
        double p[CLASSES], got[CLASSES];
        if (sscanf(line, "map %31s", name) == 1) {
            calibration_free(c);
            c = fitted(name);
        } else if (c && sscanf(line, "applied %zu %lf %lf %lf %lf %lf", &t, &p[0], &p[1], &p[2], &p[3], &p[4]) == 6) {
            apply(c, t, got);
            for (size_t i = 0; i < CLASSES; i++)
                check_near(exp(got[i]), p[i], 1e-5, "%s, row %zu, class %zu", name, t, i);
            n++;
        }
    }
    calibration_free(c);
    check(n == 10, "%zu rows of two maps", n);
}

/* Temperature, vector and matrix are those of their own libraries, that are tested beside scipy. */
static void against_libraries(void)
{
    struct calibrate *positions = calibrate_alloc();
    struct calibrate_fit t;
    struct scaling_set set = all();
    float score[CLASSES];
    size_t n;
    for (size_t i = 0; i < CLASSES_ROWS; i++) {
        struct row r = row_over(score, CLASSES);
        for (size_t k = 0; k < CLASSES; k++)
            score[k] = (float)data.logp[i][k];
        check(row_measure(&r) == 0 && calibrate_add(positions, &r, data.label[i]) == 0, "%s", err_text());
    }
    check(calibrate_temperature(positions, &t) == 0 && t.temperature > 1.2, "over-confident: %g", t.temperature);
    struct calibration *c = fitted("temperature");
    check(c && calibration_numbers(c, &n)[0] == t.temperature && n == 1, "the same temperature");
    calibration_free(c);
    calibrate_free(positions);
    for (int kind = SCALING_VECTOR; kind <= SCALING_MATRIX; kind++) {
        struct scaling s;
        size_t n_w = kind == SCALING_MATRIX ? CLASSES * CLASSES : CLASSES;
        c = fitted(kind == SCALING_MATRIX ? "matrix" : "vector");
        check(scaling_fit((enum scaling_kind)kind, &set, options.l2, &s) == 0, "%s", err_text());
        const double *x = calibration_numbers(c, &n);
        check(n == n_w + CLASSES && memcmp(x, s.w, n_w * sizeof *x) == 0 &&
                  memcmp(x + n_w, s.b, CLASSES * sizeof *x) == 0 && calibration_classes(c) == CLASSES,
              "kind %d: the same numbers", kind);
        calibration_free(c);
        scaling_fini(&s);
    }
}

static double nll_of(const struct calibration *c)
{
    double sum = 0, logp[CLASSES];
    for (size_t t = 0; t < CLASSES_ROWS; t++) {
        apply(c, t, logp);
        sum -= logp[data.label[t]] / CLASSES_ROWS;
    }
    return sum;
}

/* Of every registered map: masked stays masked, probabilities, an NLL that falls, the same bits from its numbers alone, as a
 * transform, and an identity without numbers. */
static void laws(void)
{
    size_t n_types, n;
    const struct calibration_type *const *types = calibration_types(&n_types);
    check(n_types == 7, "%zu maps", n_types);
    for (size_t i = 0; i < n_types; i++) {
        struct calibration *c = fitted(types[i]->name), *none = calibration_make(types[i], NULL, 0, CLASSES);
        double a[CLASSES], b[CLASSES], sum = 0;
        const double *x = calibration_numbers(c, &n);
        struct calibration *again = calibration_make(types[i], x, n, CLASSES);
        check(again && none, "%s: %s", types[i]->name, err_text());
        apply(c, 3, a);
        apply(again, 3, b);
        check(memcmp(a, b, sizeof a) == 0, "%s: from its numbers", types[i]->name);
        for (size_t k = 0; k < CLASSES; k++)
            sum += exp(a[k]);
        check_near(sum, 1, 1e-6, "%s: sums to one", types[i]->name);
        check(a[CLASSES - 1] == -INFINITY && a[0] > -INFINITY, "%s: masked stays masked", types[i]->name);
        check(nll_of(c) < nll_of(none), "%s: NLL falls: %g, %g", types[i]->name, nll_of(none), nll_of(c));
        apply(none, 3, b);
        check_near(b[1], data.logp[3][1], 1e-6, "%s: without numbers nothing changes", types[i]->name);
        if (types[i]->of_rows) {
            const struct transform *t = calibration_transform(c), *u = calibration_transform(again);
            check(strcmp(t->value[0].text, u->value[0].text) == 0 && strlen(t->value[0].text) == 64 &&
                      strcmp(t->value[0].text, calibration_transform(none)->value[0].text) != 0 &&
                      strcmp(t->type->name, types[i]->name) == 0,
                  "%s: a transform is told by the hash of its numbers", types[i]->name);
        }
        calibration_free(c);
        calibration_free(again);
        calibration_free(none);
    }
}

/* platt and beta keep the order of a tail that is far below what a double's 1 - p shows; a dead row stays dead. */
static void tails(void)
{
    float score[4] = { 0, -100, -200, -INFINITY }, dead[2] = { -INFINITY, -INFINITY };
    const double x[] = { 0.7, 0.8, 0.1 };
    struct calibration *c = calibration_make(calibration_find("beta"), x, 3, 4);
    struct row r = row_over(score, 4), d = row_over(dead, 2);
    check(row_measure(&r) == 0 && row_measure(&d) == 0 && calibration_apply(c, &r) == 0, "%s", err_text());
    check_near(row_logp(&r, 1) - row_logp(&r, 2), 70, 1e-3, "0.7 times 100 nats");
    check(calibration_apply(c, &d) == 0 && row_dead(&d), "dead stays dead");
    calibration_free(c);
}

static void is_refused(const char *name, const double x[], size_t n, const char *why)
{
    struct calibration *c = calibration_make(calibration_find(name), x, n, CLASSES);
    check(!c && strstr(err_text(), why), "%s of %zu numbers: %s", name, n, c ? "made" : err_text());
    calibration_free(c);
}

static void refusals(void)
{
    struct scaling_set none = { .n = CLASSES };
    is_refused("temperature", (double[]){ 0 }, 1, "want 0.01 .. 100");
    is_refused("temperature", (double[]){ 1, 1 }, 2, "2 numbers, want 1");
    is_refused("vector", (double[]){ 1, 1, 1 }, 3, "3 numbers, want 10");
    is_refused("matrix", (double[]){ 1 }, 1, "1 numbers, want 30");
    is_refused("platt", (double[]){ -1, -1, 0 }, 3, "turn the order round");
    is_refused("beta", (double[]){ 1, 1e10, 0 }, 3, "want at most 1e+09");
    is_refused("beta", (double[]){ 1, NAN, 0 }, 3, "number 1 is nan");
    is_refused("isotonic", (double[]){ .01, .5, .4, .1, .2 }, 5, "do not ascend");
    is_refused("isotonic", (double[]){ .01, .4, .5, .1, 1.2 }, 5, "no probabilities");
    is_refused("histogram", (double[]){ .01, .4 }, 2, "a margin and as many places as values");
    check(!calibration_find("isotonc") && strstr(err_text(), "did you mean 'isotonic'"), "%s", err_text());
    check(!calibration_fit(calibration_find("vector"), &none, &options) && strstr(err_text(), "no labelled"), "%s",
          err_text());
}

/* The label must be a class, and possible: for every type. */
static void labels(void)
{
    static const double logp[2 * 3] = { -1, -.5, -3, -1, -INFINITY, -.4 };
    size_t n;
    const struct calibration_type *const *types = calibration_types(&n);
    for (size_t i = 0; i < n; i++)
        for (uint32_t wrong = 1; wrong <= 3; wrong += 2) { /* masked; none of the classes */
            const struct scaling_set set = {
                .logp = logp, .label = (const uint32_t[]){ 0, wrong }, .n_positions = 2, .n = 3
            };
            struct calibration *c = calibration_fit(types[i], &set, &options);
            check(!c && err_code() == ERR_DATA && strstr(err_text(), "position 1 gives its label"), "%s, label %u: %s",
                  types[i]->name, (unsigned)wrong, c ? "a map" : err_text());
            calibration_free(c);
        }
}

int main(void)
{
    gsl_set_error_handler_off();
    classes_read(&data);
    against_reference();
    against_libraries();
    laws();
    tails();
    refusals();
    labels();
    if (data.maps)
        fclose(data.maps);
    return check_done("calibration");
}

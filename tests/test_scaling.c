/* ensemble/scaling against scipy's minimum of the same loss (fixtures/calibrate/scaling.py), its limits, masks, refusals. */
#include "base/err.h"
#include "ensemble/scaling.h"
#include "tests/lib/check.h"
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 4, MOST = 400 };

static double logp[MOST * K];
static uint32_t label[MOST];
static struct scaling_set set = { .logp = logp, .label = label, .n = K };

static void row_is(const struct scaling *s, size_t t, const double want[K])
{
    float score[K];
    for (size_t i = 0; i < K; i++)
        score[i] = (float)logp[t * K + i];
    struct row r = row_over(score, K);
    check(row_measure(&r) == 0, "%s", err_text());
    scaling_apply(s, &r);
    for (sym_t i = 0; i < K; i++)
        check_near(exp(row_logp(&r, i)), want[i], 1e-5, "kind %d, position %zu, class %u", (int)s->kind, t, i);
}

static void against_reference(void)
{
    FILE *f = fopen(CHORALE_HOME "/tests/fixtures/calibrate/scaling.txt", "r");
    char line[512], name[32];
    struct scaling s = { 0 };
    size_t n_fits = 0;
    check(f != NULL, "the fixture opens");
    while (f && fgets(line, sizeof line, f)) {
        double x[K + 1];
        int n = sscanf(line, "%31s %lf %lf %lf %lf %lf", name, &x[0], &x[1], &x[2], &x[3], &x[4]);
        if (n == 6 && strcmp(name, "row") == 0) {
            label[set.n_positions] = (uint32_t)x[0];
            memcpy(logp + K * set.n_positions++, x + 1, K * sizeof *logp);
        } else if (n == 6) {
            row_is(&s, (size_t)x[0], x + 1);
        } else {
            scaling_fini(&s);
            int rc = scaling_fit(strcmp(name, "matrix") == 0 ? SCALING_MATRIX : SCALING_VECTOR, &set, x[0], &s);
            check(rc == 0, "%s: %s", name, err_text());
            check_near(s.nll_after, x[2], 1e-7, "%s, l2 %g: NLL", name, x[0]);
            check(s.nll_after < s.nll_before, "%s: NLL falls: %g, %g", name, s.nll_before, s.nll_after);
            n_fits++;
        }
    }
    check(set.n_positions == 150 && n_fits == 4, "%zu rows, %zu fits", set.n_positions, n_fits);
    scaling_fini(&s);
    if (f)
        fclose(f);
}

/* A heavy penalty leaves the distribution as it is. */
static void penalty_holds(void)
{
    struct scaling s;
    double same[K];
    check(scaling_fit(SCALING_MATRIX, &set, 1e6, &s) == 0, "%s", err_text());
    for (size_t i = 0; i < K; i++)
        same[i] = exp(logp[i]);
    double sum = same[0] + same[1] + same[2] + same[3];
    for (size_t i = 0; i < K; i++)
        same[i] /= sum;
    row_is(&s, 0, same);
    scaling_fini(&s);
}

static void masks_stay(void)
{
    double some[2 * 3] = { log(.6), log(.4), -INFINITY, log(.2), log(.8), -INFINITY };
    const uint32_t y[2] = { 1, 1 };
    struct scaling_set two = { .logp = some, .label = y, .n_positions = 2, .n = 3 };
    struct scaling s;
    float score[3] = { logf(.5f), logf(.5f), -INFINITY };
    struct row r = row_over(score, 3);
    check(row_measure(&r) == 0, "%s", err_text());
    for (int kind = SCALING_VECTOR; kind <= SCALING_MATRIX; kind++) {
        check(scaling_fit((enum scaling_kind)kind, &two, 0.01, &s) == 0, "%s", err_text());
        scaling_apply(&s, &r);
        check(row_logp(&r, 2) == -INFINITY && row_logp(&r, 1) > row_logp(&r, 0), "kind %d: what is masked stays masked",
              kind);
        scaling_fini(&s);
    }
}

static void refusals(void)
{
    double some[3] = { 0, -INFINITY, -INFINITY };
    static double wide[100];
    const uint32_t y[1] = { 1 };
    struct scaling s;
    struct scaling_set one = { .logp = some, .label = y, .n_positions = 1, .n = 3 };
    check(scaling_fit(SCALING_VECTOR, &one, 0, &s) == ERR_DATA && strstr(err_text(), "gives its label 1 probability 0"),
          "%s", err_text());
    one.n_positions = 0;
    check(scaling_fit(SCALING_VECTOR, &one, 0, &s) == ERR_DATA && strstr(err_text(), "no labelled"), "%s", err_text());
    one = (struct scaling_set){ .logp = wide, .label = y, .n_positions = 1, .n = 100 };
    check(scaling_fit(SCALING_MATRIX, &one, 0, &s) == ERR_DATA && strstr(err_text(), "at most 64"), "%s", err_text());
}

int main(void)
{
    gsl_set_error_handler_off();
    against_reference();
    penalty_holds();
    masks_stay();
    refusals();
    return check_done("scaling");
}

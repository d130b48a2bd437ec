#include "experiments/fit_labelled.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "evalsets/reliability_mass.h"
#include "experiments/fit.h"
#include "experiments/fit_maps.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void fit_labelled_add(struct fit_labelled *l, const double logp[], uint32_t label, size_t fold)
{
    size_t n = l->n_positions;
    mem_grow(&l->logp, &l->cap_logp, (n + 1) * l->n, sizeof *l->logp);
    mem_grow(&l->label, &l->cap_label, n + 1, sizeof *l->label);
    mem_grow(&l->fold, &l->cap_fold, n + 1, sizeof *l->fold);
    memcpy(l->logp + n * l->n, logp, l->n * sizeof *logp);
    l->label[n] = label;
    l->fold[n] = fold;
    l->n_positions++;
}

void fit_labelled_fini(struct fit_labelled *l)
{
    free(l->logp);
    free(l->label);
    free(l->fold);
    *l = (struct fit_labelled){ .n = l->n };
}

/* All positions but one fold's; fold SIZE_MAX: all. */
static struct calibration *fit_without(const struct fit_labelled *l, const struct fit_labelled_args *a, size_t fold)
{
    struct fit_labelled some = { .n = l->n };
    struct scaling_set set = { .logp = l->logp, .label = l->label, .n_positions = l->n_positions, .n = l->n };
    for (size_t t = 0; t < l->n_positions && fold != SIZE_MAX; t++)
        if (l->fold[t] != fold)
            fit_labelled_add(&some, l->logp + t * l->n, l->label[t], 0);
    if (fold != SIZE_MAX)
        set = (struct scaling_set){
            .logp = some.logp, .label = some.label, .n_positions = some.n_positions, .n = some.n
        };
    struct calibration *c = calibration_fit(a->type, &set, &a->options);
    if (!c && fold != SIZE_MAX)
        err_add(err_code(), "without fold %zu of %zu", fold + 1, a->n_folds);
    fit_labelled_fini(&some);
    return c;
}

struct measured {
    double nll;
    struct reliability top[FIT_BINS], all[FIT_BINS];
    double *confidence; /* (n,) of the best, and whether it came */
    bool *right;
    size_t n;
};

static void measured_fini(struct measured *m)
{
    free(m->confidence);
    free(m->right);
}

static void measure_row(struct measured *m, const struct row *r, uint32_t label)
{
    sym_t best = row_argmax(r);
    m->nll -= row_logp(r, label);
    m->confidence[m->n] = fmin(1, math_exp64(row_logp(r, best)));
    m->right[m->n] = best == label;
    reliability_add(m->top, FIT_BINS, m->confidence[m->n], m->right[m->n]);
    m->n++;
    for (uint32_t i = 0; i < r->n; i++)
        if (r->score[i] > -INFINITY)
            reliability_add(m->all, FIT_BINS, fmin(1, math_exp64(row_logp(r, i))), i == label);
}

/* maps: by fold, then of everything; NULL: as it is. */
static int measure(const struct fit_labelled *l, struct calibration *const maps[], size_t n_folds, struct measured *m)
{
    float *score = mem_alloc(l->n, sizeof *score);
    int rc = 0;
    *m = (struct measured){ .confidence = mem_alloc(l->n_positions, sizeof(double)),
                            .right = mem_alloc(l->n_positions, sizeof(bool)) };
    for (size_t t = 0; t < l->n_positions && rc == 0; t++) {
        struct row r = row_over(score, l->n);
        for (uint32_t i = 0; i < l->n; i++)
            score[i] = (float)l->logp[t * l->n + i];
        rc = row_measure(&r);
        if (rc == 0 && maps)
            rc = calibration_apply(maps[n_folds > 0 ? 1 + l->fold[t] : 0], &r);
        if (rc == 0)
            measure_row(m, &r, l->label[t]);
    }
    m->nll /= (double)l->n_positions;
    reliability_close(m->top, FIT_BINS);
    reliability_close(m->all, FIT_BINS);
    free(score);
    return rc;
}

static json_t *bins_of(const struct reliability bins[FIT_BINS])
{
    json_t *out = json_array();
    for (size_t i = 0; i < FIT_BINS; i++)
        json_array_append_new(out, json_pack("{s:f, s:f, s:I}", "confidence", bins[i].confidence, "accuracy",
                                             bins[i].accuracy, "n", (json_int_t)bins[i].n));
    return out;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void put_side(json_t *out, const struct measured *m, const char *side)
{
    struct text key = { 0 };
    text_addf(&key, "nll_%s", side);
    json_object_set_new(out, key.s, number(m->nll));
    text_clear(&key);
    text_addf(&key, "ece_%s", side);
    json_object_set_new(out, key.s, json_real(reliability_ece(m->top, FIT_BINS)));
    text_clear(&key);
    text_addf(&key, "full_ece_%s", side);
    json_object_set_new(out, key.s, json_real(reliability_ece(m->all, FIT_BINS)));
    text_clear(&key);
    text_addf(&key, "consistent_%s", side);
    struct reliability_test test;
    reliability_test(m->confidence, m->right, m->n, FIT_BINS, FIT_SEED, &test);
    json_object_set_new(out, key.s, json_real(test.p));
    json_object_set_new(out, side, bins_of(m->top));
    text_free(&key);
}

/* side NULL: of what was fitted, its likelihood alone. */
static int measure_as(const struct fit_labelled *l, struct calibration *const maps[], size_t n_folds, const char *side,
                      json_t *out)
{
    struct measured m;
    int rc = measure(l, maps, n_folds, &m);
    if (rc == 0 && side)
        put_side(out, &m, side);
    else if (rc == 0)
        json_object_set_new(out, "nll_fitted", number(m.nll));
    measured_fini(&m);
    return rc;
}

static int measure_all(const struct fit_labelled *l, const struct fit_labelled_args *a,
                       struct calibration *const maps[], json_t *out)
{
    TRY(measure_as(l, NULL, 0, "before", out));
    TRY(measure_as(l, maps, 0, NULL, out));
    TRY(measure_as(l, maps, a->n_folds, "after", out));
    json_object_set_new(out, "n", json_integer((json_int_t)l->n_positions));
    json_object_set_new(out, "folds", json_integer((json_int_t)a->n_folds));
    json_object_set_new(out, "classes", json_integer(l->n));
    return 0;
}

static int fit_all(const struct fit_labelled *l, const struct fit_labelled_args *a, json_t *out)
{
    struct calibration *maps[1 + FIT_MOST_FOLDS] = { 0 };
    size_t n = 1 + a->n_folds;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = (maps[i] = fit_without(l, a, i == 0 ? SIZE_MAX : i - 1)) ? 0 : err_code();
    rc = rc < 0 ? rc : measure_all(l, a, maps, out);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            fit_maps_add(out, maps[i]);
        calibration_free(maps[i]);
    }
    return rc;
}

int fit_labelled_result(const struct fit_labelled *l, const struct fit_labelled_args *a, json_t *out)
{
    struct fit_labelled_args args = *a;
    args.n_folds = a->n_folds < 2 ? 0 : a->n_folds;
    return fit_all(l, &args, out);
}

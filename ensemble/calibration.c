#include "ensemble/calibration.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "ensemble/calibrate.h"
#include "ensemble/calibrator.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST 1e9 /* of a number; rows of a checkpoint times it are far below what a float holds */

struct kind;

struct calibration {
    const struct kind *kind;
    uint32_t n_classes;
    double *x; /* (n,) the numbers; none: changes nothing */
    size_t n;
    struct scaling scaling;       /* vector, matrix: views into x */
    struct calibrator calibrator; /* isotonic, histogram: likewise */
    struct transform transform;
    struct transform_type transform_type;
    char hash[65];
};

struct kind {
    struct calibration_type type;
    int (*fit)(struct calibration *c, const struct scaling_set *set, const struct calibration_options *o);
    int (*view)(struct calibration *c); /* checks x, which is not empty, and makes what apply() reads.  0 or ERR_DATA */
    int (*apply)(const struct calibration *c, struct row *r); /* 0 or ERR_DATA: scores that no row may have */
    enum scaling_kind scaling;                                /* of vector and matrix */
};

static void keep(struct calibration *c, const double a[], size_t n_a, const double b[], size_t n_b)
{
    c->n = n_a + n_b;
    c->x = mem_alloc(c->n, sizeof *c->x);
    if (n_a > 0)
        memcpy(c->x, a, n_a * sizeof *a);
    if (n_b > 0)
        memcpy(c->x + n_a, b, n_b * sizeof *b);
}

static int wrong_count(const struct calibration *c, size_t want)
{
    return err_set(ERR_DATA, "calibration %s: %zu numbers, want %zu for %u classes", c->kind->type.name, c->n, want,
                   (unsigned)c->n_classes);
}

/* temperature */

static int temperature_fit(struct calibration *c, const struct scaling_set *set, const struct calibration_options *o)
{
    struct calibrate *positions = calibrate_alloc();
    float *score = mem_alloc(set->n, sizeof *score);
    struct calibrate_fit found;
    int rc = 0;
    (void)o;
    for (size_t t = 0; t < set->n_positions && rc == 0; t++) {
        struct row r = row_over(score, set->n);
        for (uint32_t i = 0; i < set->n; i++)
            score[i] = (float)set->logp[t * set->n + i];
        rc = row_measure(&r);
        rc = rc < 0 ? rc : calibrate_add(positions, &r, set->label[t]);
    }
    rc = rc < 0 ? rc : calibrate_temperature(positions, &found);
    if (rc == 0 && found.bounded)
        rc = err_set(ERR_DATA, "no temperature in %g .. %g is best; the split does not suit the lm", CALIBRATE_MIN,
                     CALIBRATE_MAX);
    if (rc == 0)
        keep(c, &found.temperature, 1, NULL, 0);
    calibrate_free(positions);
    free(score);
    return rc;
}

static int temperature_view(struct calibration *c)
{
    if (c->n != 1)
        return wrong_count(c, 1);
    return c->x[0] >= CALIBRATE_MIN && c->x[0] <= CALIBRATE_MAX
               ? 0
               : err_set(ERR_DATA, "calibration temperature: %g, want %g .. %g", c->x[0], CALIBRATE_MIN, CALIBRATE_MAX);
}

static int temperature_apply(const struct calibration *c, struct row *r)
{
    row_scale(r, 1 / c->x[0]);
    return 0;
}

/* vector, matrix */

static size_t scaling_weights(const struct calibration *c)
{
    return c->kind->scaling == SCALING_MATRIX ? (size_t)c->n_classes * c->n_classes : c->n_classes;
}

static int fit_scaling(struct calibration *c, const struct scaling_set *set, const struct calibration_options *o)
{
    struct scaling s;
    TRY(scaling_fit(c->kind->scaling, set, o->l2, &s));
    keep(c, s.w, scaling_weights(c), s.b, c->n_classes);
    scaling_fini(&s);
    return 0;
}

static int view_scaling(struct calibration *c)
{
    if (c->kind->scaling == SCALING_MATRIX && c->n_classes > SCALING_MATRIX_MOST)
        return err_set(ERR_DATA, "matrix scaling: %u classes, want at most %u", (unsigned)c->n_classes,
                       SCALING_MATRIX_MOST);
    if (c->n != scaling_weights(c) + c->n_classes)
        return wrong_count(c, scaling_weights(c) + c->n_classes);
    c->scaling =
        (struct scaling){ .kind = c->kind->scaling, .n = c->n_classes, .w = c->x, .b = c->x + scaling_weights(c) };
    return 0;
}

static int apply_scaling(const struct calibration *c, struct row *r)
{
    return scaling_apply(&c->scaling, r);
}

/* One probability each. */

static int fit_events(const char *text, const struct scaling_set *set, struct calibrator *out, size_t *n_events)
{
    size_t most = set->n_positions * set->n, n = 0;
    double *p = mem_alloc(most, sizeof *p);
    bool *came = mem_alloc(most, sizeof *came);
    for (size_t i = 0; i < most; i++)
        if (set->logp[i] > -INFINITY) {
            p[n] = fmin(1, math_exp64(set->logp[i]));
            came[n++] = set->label[i / set->n] == i % set->n;
        }
    int rc = calibrator_fit(text, p, came, n, out);
    *n_events = n;
    free(p);
    free(came);
    return rc;
}

enum { SLOPE_P, SLOPE_Q, CONSTANT, N_LOGISTIC };

static int fit_logistic(struct calibration *c, const struct scaling_set *set, const struct calibration_options *o)
{
    struct calibrator fitted;
    size_t n;
    (void)o;
    TRY(fit_events(c->kind->type.name, set, &fitted, &n));
    keep(c, fitted.x, N_LOGISTIC, NULL, 0);
    calibrator_fini(&fitted);
    return 0;
}

/* What is less likely may not become likelier. */
static int view_logistic(struct calibration *c)
{
    if (c->n != N_LOGISTIC)
        return wrong_count(c, N_LOGISTIC);
    if (!(c->x[SLOPE_P] >= 0 && c->x[SLOPE_Q] >= 0 && c->x[SLOPE_P] + c->x[SLOPE_Q] > 0))
        return err_set(ERR_DATA,
                       "calibration %s: slopes %g and %g turn the order round: the split does not suit the lm",
                       c->kind->type.name, c->x[SLOPE_P], c->x[SLOPE_Q]);
    return 0;
}

static int apply_logistic(const struct calibration *c, struct row *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->score[i] == -INFINITY)
            continue;
        double logp = fmin(0, row_logp(r, i)), rest = fmax(1 - math_exp64(logp), CALIBRATOR_EPS);
        double z = c->x[SLOPE_P] * logp - c->x[SLOPE_Q] * math_log64(rest) + c->x[CONSTANT];
        /* ln of 1 / (1 + e^-z) */
        r->score[i] = (float)(z > 0 ? -math_log64(1 + math_exp64(-z)) : z - math_log64(1 + math_exp64(z)));
    }
    return row_measure(r);
}

static int fit_steps(struct calibration *c, const struct scaling_set *set, const struct calibration_options *o)
{
    struct calibrator fitted;
    struct text text = { 0 };
    size_t n;
    text_add(&text, c->kind->type.name);
    if (c->kind->type.has_bins)
        text_addf(&text, "(bins=%d)", o->bins);
    int rc = fit_events(text_s(&text), set, &fitted, &n);
    text_free(&text);
    TRY(rc);
    c->n = 1 + 2 * fitted.n;
    c->x = mem_alloc(c->n, sizeof *c->x);
    c->x[0] = 1 / ((double)n + 2);
    memcpy(c->x + 1, fitted.x, fitted.n * sizeof *c->x);
    memcpy(c->x + 1 + fitted.n, fitted.y, fitted.n * sizeof *c->x);
    calibrator_fini(&fitted);
    return 0;
}

static int view_steps(struct calibration *c)
{
    size_t n = (c->n - 1) / 2;
    if (c->n < 3 || c->n % 2 == 0)
        return err_set(ERR_DATA, "calibration %s: %zu numbers, want a margin and as many places as values",
                       c->kind->type.name, c->n);
    bool right = c->x[0] > 0 && c->x[0] <= 0.5;
    for (size_t i = 0; i < n; i++)
        right = right && (i == 0 || c->x[1 + i] >= c->x[i]) && c->x[1 + n + i] >= 0 && c->x[1 + n + i] <= 1;
    if (!right)
        return err_set(ERR_DATA, "calibration %s: its places do not ascend, or its values are no probabilities",
                       c->kind->type.name);
    return calibrator_restore(c->kind->type.name, &(struct calibrator_numbers){ c->x + 1, c->x + 1 + n, n },
                              &c->calibrator);
}

static int apply_steps(const struct calibration *c, struct row *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->score[i] == -INFINITY)
            continue;
        double p = calibrator_apply(&c->calibrator, fmin(1, math_exp64(row_logp(r, i))));
        r->score[i] = (float)math_log64(fmin(1 - c->x[0], fmax(c->x[0], p)));
    }
    return row_measure(r);
}

#define SCALING  .fit = fit_scaling, .view = view_scaling, .apply = apply_scaling
#define LOGISTIC .fit = fit_logistic, .view = view_logistic, .apply = apply_logistic
#define STEPS    .fit = fit_steps, .view = view_steps, .apply = apply_steps

static const struct kind kinds[] = {
    { .type = { "temperature", "one number for all: p^(1/T)", "Guo et al. 2017", .of_rows = true, .of_voices = true },
      .fit = temperature_fit,
      .view = temperature_view,
      .apply = temperature_apply },
    { .type = { "vector", "a factor and an offset for each class's log-probability", "Guo et al. 2017, with L2",
                .of_rows = true, .has_l2 = true },
      .scaling = SCALING_VECTOR,
      SCALING },
    { .type = { "matrix", "a linear map of the log-probabilities; few classes", "Guo et al. 2017; L2: Kull et al. 2019",
                .of_rows = true, .has_l2 = true },
      .scaling = SCALING_MATRIX,
      SCALING },
    { .type = { "platt", "a line in the logit of each probability, normalised", "Platt 1999; Zadrozny & Elkan 2002",
                .of_rows = true },
      LOGISTIC },
    { .type = { "beta", "a line in ln p and ln(1-p) of each probability, normalised", "Kull, Silva Filho & Flach 2017",
                .of_rows = true },
      LOGISTIC },
    { .type = { "isotonic", "the nearest curve that never falls, of each probability; choices", "Zadrozny & Elkan 2002",
                .of_rows = false },
      STEPS },
    { .type = { "histogram", "the rate in bins of equal mass, of each probability; choices", "Zadrozny & Elkan 2001",
                .has_bins = true },
      STEPS },
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

const struct calibration_type *const *calibration_types(size_t *n)
{
    static const struct calibration_type *const types[N_KINDS] = {
        &kinds[0].type, &kinds[1].type, &kinds[2].type, &kinds[3].type, &kinds[4].type, &kinds[5].type, &kinds[6].type,
    };
    *n = N_KINDS;
    return types;
}

const struct calibration_type *calibration_find(const char *name)
{
    const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].type.name;
        if (strcmp(name, names[i]) == 0)
            return &kinds[i].type;
    }
    err_unknown(ERR_USAGE, "calibration", name, names, N_KINDS);
    return NULL;
}

static const struct kind *kind_of(const struct calibration_type *type)
{
    size_t i = 0;
    while (&kinds[i].type != type)
        i++;
    return &kinds[i];
}

static int transform_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    (void)at;
    return calibration_apply(t->type->self, r);
}

static const struct param params[] = {
    { .name = "map", .kind = PARAM_TEXT, .meaning = "SHA-256 of its numbers" },
};

/* What is the same of all that are made. */
static int finish(struct calibration *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (!(fabs(c->x[i]) <= MOST))
            return err_set(ERR_DATA, "calibration %s: number %zu is %g, want at most %g", c->kind->type.name, i,
                           c->x[i], MOST);
    if (c->n > 0)
        TRY(c->kind->view(c));
    hash_sha256(c->x, c->n * sizeof *c->x, c->hash);
    c->transform_type = (struct transform_type){ .name = c->kind->type.name,
                                                 .params = params,
                                                 .n_params = 1,
                                                 .meaning = c->kind->type.meaning,
                                                 .domain = "probabilities",
                                                 .source = c->kind->type.source,
                                                 .apply = transform_apply,
                                                 .self = c };
    c->transform = (struct transform){ .type = &c->transform_type, .value = { { .text = c->hash } } };
    return 0;
}

/* No map can help against a label that is impossible: what is masked stays so. */
static int check_set(const struct calibration_type *type, const struct scaling_set *set)
{
    if (set->n_positions == 0)
        return err_set(ERR_DATA, "calibration %s: no labelled positions", type->name);
    for (size_t t = 0; t < set->n_positions; t++)
        if (set->label[t] >= set->n || !(set->logp[t * set->n + set->label[t]] > -INFINITY))
            return err_set(ERR_DATA, "calibration %s: position %zu gives its label %u of %u probability 0", type->name,
                           t, (unsigned)set->label[t], (unsigned)set->n);
    return 0;
}

struct calibration *calibration_fit(const struct calibration_type *type, const struct scaling_set *set,
                                    const struct calibration_options *o)
{
    struct calibration *c = mem_alloc(1, sizeof *c);
    c->kind = kind_of(type);
    c->n_classes = set->n;
    int rc = check_set(type, set);
    rc = rc < 0 ? rc : c->kind->fit(c, set, o);
    if (rc == 0 && finish(c) == 0)
        return c;
    calibration_free(c);
    return NULL;
}

struct calibration *calibration_make(const struct calibration_type *type, const double x[], size_t n,
                                     uint32_t n_classes)
{
    struct calibration *c = mem_alloc(1, sizeof *c);
    c->kind = kind_of(type);
    c->n_classes = n_classes;
    keep(c, x, n, NULL, 0);
    if (finish(c) == 0)
        return c;
    calibration_free(c);
    return NULL;
}

void calibration_free(struct calibration *c)
{
    if (!c)
        return;
    calibrator_fini(&c->calibrator);
    free(c->x);
    free(c);
}

const double *calibration_numbers(const struct calibration *c, size_t *n)
{
    *n = c->n;
    return c->x;
}

uint32_t calibration_classes(const struct calibration *c)
{
    return c->scaling.w ? c->n_classes : 0;
}

int calibration_apply(const struct calibration *c, struct row *r)
{
    assert(!c->scaling.w || r->n == c->n_classes);
    return row_dead(r) || c->n == 0 ? 0 : c->kind->apply(c, r);
}

const struct transform *calibration_transform(const struct calibration *c)
{
    assert(c->kind->type.of_rows);
    return &c->transform;
}

/* platt and beta: logistic regression on one and two features of p, by Newton's method with halved steps. */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "ensemble/calibrator_types.h"
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 3, MAX_STEPS = 200, HALVINGS = 50 };
#define REST 1e-13
#define RIDGE                                                                                                          \
    1e-9 /* of squared coefficients, relative to n: events that one threshold parts have no optimum without it */

struct regression {
    const double *feature; /* (n, d) */
    const double *target;  /* (n,) in [0, 1] */
    size_t n, d;
};

static double predict(const double feature[], const double w[], size_t d)
{
    double z = 0;
    for (size_t k = 0; k < d; k++)
        z += w[k] * feature[k];
    return z;
}

/* ln(1 + e^z) without overflow. */
static double softplus(double z)
{
    return z > 0 ? z + math_log64(1 + math_exp64(-z)) : math_log64(1 + math_exp64(z));
}

static double sigmoid(double z)
{
    return z > 0 ? 1 / (1 + math_exp64(-z)) : math_exp64(z) / (1 + math_exp64(z));
}

static double loss(const struct regression *r, const double w[])
{
    double sum = 0;
    for (size_t i = 0; i < r->n; i++) {
        double z = predict(r->feature + i * r->d, w, r->d);
        sum += softplus(z) - r->target[i] * z;
    }
    for (size_t k = 0; k < r->d; k++)
        sum += RIDGE * (double)r->n * w[k] * w[k] / 2;
    return sum;
}

/* Newton's direction; returns what it promises of the loss. */
static double direct(const struct regression *r, const double w[], double direction[])
{
    double g[MOST] = { 0 }, h[MOST * MOST] = { 0 }, promise = 0;
    size_t d = r->d;
    for (size_t i = 0; i < r->n; i++) {
        const double *x = r->feature + i * d;
        double q = sigmoid(predict(x, w, d));
        for (size_t k = 0; k < d; k++) {
            g[k] += (q - r->target[i]) * x[k];
            for (size_t j = 0; j < d; j++)
                h[k * d + j] += q * (1 - q) * x[k] * x[j];
        }
    }
    for (size_t k = 0; k < d; k++) {
        g[k] += RIDGE * (double)r->n * w[k];
        h[k * d + k] += RIDGE * (double)r->n;
    }
    size_t order[MOST];
    int sign;
    gsl_permutation permutation = { d, order };
    gsl_matrix_view matrix = gsl_matrix_view_array(h, d, d);
    gsl_vector_view right = gsl_vector_view_array(g, d), solution = gsl_vector_view_array(direction, d);
    gsl_permutation_init(&permutation);
    gsl_linalg_LU_decomp(&matrix.matrix, &permutation, &sign);
    gsl_linalg_LU_solve(&matrix.matrix, &permutation, &right.vector, &solution.vector);
    for (size_t k = 0; k < d; k++) {
        promise += g[k] * direction[k];
        direction[k] = -direction[k];
    }
    return promise;
}

static void minimise(const struct regression *r, double w[])
{
    double direction[MOST], to[MOST];
    memset(w, 0, r->d * sizeof *w);
    for (int step = 0; step < MAX_STEPS; step++) {
        double before = loss(r, w), length = 1, promise = direct(r, w, direction);
        if (!(promise > REST * (1 + before)))
            return;
        int half = 0;
        for (; half < HALVINGS; half++, length /= 2) {
            for (size_t k = 0; k < r->d; k++)
                to[k] = w[k] + length * direction[k];
            if (loss(r, to) < before)
                break;
        }
        if (half == HALVINGS)
            return; /* within the rounding of the loss */
        memcpy(w, to, r->d * sizeof *w);
    }
}

static double inside(double p)
{
    return fmin(1 - CALIBRATOR_EPS, fmax(CALIBRATOR_EPS, p));
}

static int both_outcomes(const struct calibrator *c, const bool y[], size_t n, size_t *positive)
{
    *positive = 0;
    for (size_t i = 0; i < n; i++)
        *positive += y[i];
    return *positive > 0 && *positive < n
               ? 0
               : err_set(ERR_DATA, "calibrator %s: all %zu events had one outcome, want both", c->type->name, n);
}

enum { SLOPE_P, SLOPE_Q, CONSTANT };

/* logit p is ln p - ln(1-p): features (ln p, -ln(1-p), 1), of which platt ties the first two. */
static double features_apply(const struct calibrator *c, double p)
{
    p = inside(p);
    return sigmoid(c->x[SLOPE_P] * math_log64(p) - c->x[SLOPE_Q] * math_log64(1 - p) + c->x[CONSTANT]);
}

static int platt_fit(struct calibrator *c, const double p[], const bool y[], size_t n)
{
    size_t positive;
    double w[2];
    TRY(both_outcomes(c, y, n, &positive));
    double *feature = mem_alloc(2 * n, sizeof *feature), *target = mem_alloc(n, sizeof *target);
    double high = ((double)positive + 1) / ((double)positive + 2), low = 1 / ((double)(n - positive) + 2);
    for (size_t i = 0; i < n; i++) {
        double q = inside(p[i]);
        feature[2 * i] = math_log64(q) - math_log64(1 - q);
        feature[2 * i + 1] = 1;
        target[i] = y[i] ? high : low;
    }
    minimise(&(struct regression){ feature, target, n, 2 }, w);
    c->n = 3;
    c->x = mem_alloc(3, sizeof *c->x);
    c->x[SLOPE_P] = c->x[SLOPE_Q] = w[0];
    c->x[CONSTANT] = w[1];
    free(feature);
    free(target);
    return 0;
}

/* Over the features that are used: a slope below 0 is left out and the rest fitted again (as its authors do). */
static int beta_fit(struct calibrator *c, const double p[], const bool y[], size_t n)
{
    size_t positive;
    bool used[2] = { true, true };
    TRY(both_outcomes(c, y, n, &positive));
    double *feature = mem_alloc(3 * n, sizeof *feature), *target = mem_alloc(n, sizeof *target), w[MOST];
    c->n = 3;
    c->x = mem_alloc(3, sizeof *c->x);
    for (;;) {
        size_t d = 0, at[2] = { 0, 0 };
        for (size_t k = 0; k < 2; k++)
            if (used[k])
                at[k] = d++;
        for (size_t i = 0; i < n; i++) {
            double q = inside(p[i]), both[2] = { math_log64(q), -math_log64(1 - q) };
            for (size_t k = 0; k < 2; k++)
                if (used[k])
                    feature[i * (d + 1) + at[k]] = both[k];
            feature[i * (d + 1) + d] = 1;
            target[i] = y[i];
        }
        minimise(&(struct regression){ feature, target, n, d + 1 }, w);
        c->x[SLOPE_P] = used[0] ? w[at[0]] : 0;
        c->x[SLOPE_Q] = used[1] ? w[at[1]] : 0;
        c->x[CONSTANT] = w[d];
        if (c->x[SLOPE_P] >= 0 && c->x[SLOPE_Q] >= 0)
            break;
        used[c->x[SLOPE_P] < 0 ? 0 : 1] = false;
    }
    free(feature);
    free(target);
    return 0;
}

const struct calibrator_type calibrator_platt = {
    .name = "platt",
    .meaning = "a line in the logit",
    .source = "Platt 1999",
    .fit = platt_fit,
    .apply = features_apply,
};

const struct calibrator_type calibrator_beta = {
    .name = "beta",
    .meaning = "a line in ln p and ln(1-p), so that the two ends bend on their own",
    .source = "Kull, Silva Filho & Flach 2017",
    .fit = beta_fit,
    .apply = features_apply,
};

#include "ensemble/weights_newton.h"
#include "base/err.h"
#include "model/lm.h"
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

#define MAX_ITERATIONS 500
#define REST           1e-12 /* a step that promises less of the loss than this is rest */
#define ARMIJO         1e-4
#define HALVINGS       60
#define RIDGE          1e-12 /* of the largest curvature: voices that are equal leave a direction flat */

enum { N = LM_MAX_VOICES };

struct step {
    double gradient[N], curvature[N * N], direction[N];
    bool held[N];      /* at 0, and wants to stay there */
    double multiplier; /* of sum = 1 */
};

/* The system of the free weights, bordered by ones for sum = 1.  Curvature is positive semidefinite: the ridge makes the
 * system regular. */
static void solve(const struct newton_problem *p, struct step *s)
{
    double a[(N + 1) * (N + 1)] = { 0 }, b[N + 1] = { 0 }, most = 0;
    size_t index[N], n = 0;
    for (uint32_t k = 0; k < p->n; k++) {
        most = fmax(most, s->curvature[k * p->n + k]);
        if (!s->held[k])
            index[n++] = k;
    }
    size_t m = n + (p->simplex ? 1 : 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            a[i * m + j] = s->curvature[index[i] * p->n + index[j]];
        a[i * m + i] += RIDGE * most + 1e-300;
        b[i] = -s->gradient[index[i]];
        if (p->simplex)
            a[i * m + n] = a[n * m + i] = 1;
    }
    memset(s->direction, 0, sizeof s->direction);
    if (n == 0)
        return;
    double x[N + 1];
    size_t order[N + 1];
    int sign;
    gsl_permutation permutation = { m, order };
    gsl_matrix_view matrix = gsl_matrix_view_array(a, m, m);
    gsl_vector_view right = gsl_vector_view_array(b, m), solution = gsl_vector_view_array(x, m);
    gsl_permutation_init(&permutation);
    gsl_linalg_LU_decomp(&matrix.matrix, &permutation, &sign);
    gsl_linalg_LU_solve(&matrix.matrix, &permutation, &right.vector, &solution.vector);
    for (size_t i = 0; i < n; i++)
        s->direction[index[i]] = x[i];
    s->multiplier = p->simplex ? x[n] : 0;
}

/* Holds the weights that stand at 0 and whose slope would push them below. */
static void choose_held(const struct newton_problem *p, const double weight[], struct step *s)
{
    double level = 0, sum = 0;
    for (uint32_t k = 0; k < p->n; k++)
        if (weight[k] > 0 && p->simplex) {
            level += weight[k] * s->gradient[k];
            sum += weight[k];
        }
    level = p->simplex ? level / sum : 0; /* the slope that all free weights share at the optimum */
    for (uint32_t k = 0; k < p->n; k++)
        s->held[k] = weight[k] == 0 && s->gradient[k] >= level;
}

/* The longest step that keeps weights >= 0; at most 1. */
static double room(const struct newton_problem *p, const double weight[], const struct step *s, size_t *blocking)
{
    double most = 1;
    *blocking = p->n;
    for (uint32_t k = 0; k < p->n; k++) {
        double d = s->direction[k];
        if (d < 0 && weight[k] + most * d <= 0) {
            most = weight[k] / -d;
            *blocking = k;
        }
    }
    return most;
}

static void move(const struct newton_problem *p, const double weight[], const struct step *s, double length,
                 double to[])
{
    for (uint32_t k = 0; k < p->n; k++)
        to[k] = fmax(0, weight[k] + length * s->direction[k]);
}

/* One step; true: rest. */
static bool advance(const struct newton_problem *p, double weight[])
{
    struct step s;
    double to[N], before = p->loss(p->ctx, weight), promise = 0;
    size_t blocking = p->n;
    p->slope(p->ctx, weight, s.gradient, s.curvature);
    choose_held(p, weight, &s);
    double length = 0;
    for (uint32_t tries = 0; tries <= p->n; tries++) {
        solve(p, &s);
        length = room(p, weight, &s, &blocking);
        if (length > 0 || blocking == p->n)
            break;
        s.held[blocking] = true; /* it stands at 0 and the direction leads below */
    }
    for (uint32_t k = 0; k < p->n; k++)
        promise -= s.gradient[k] * s.direction[k];
    if (!(promise > REST * (1 + fabs(before))))
        return true;
    for (int i = 0; i < HALVINGS; i++, length /= 2, blocking = p->n) {
        move(p, weight, &s, length, to);
        if (blocking < p->n)
            to[blocking] = 0; /* exactly, whatever the rounding */
        if (p->loss(p->ctx, to) <= before - ARMIJO * length * promise) {
            memcpy(weight, to, p->n * sizeof *weight);
            return false;
        }
    }
    return true; /* the loss cannot fall any more within its rounding */
}

int newton_minimise(const struct newton_problem *p, double weight[], size_t *iterations)
{
    for (*iterations = 0; *iterations < MAX_ITERATIONS; ++*iterations) {
        if (advance(p, weight))
            break;
        double sum = 0;
        for (uint32_t k = 0; k < p->n; k++)
            sum += weight[k];
        for (uint32_t k = 0; k < p->n && p->simplex; k++)
            weight[k] /= sum;
    }
    return *iterations < MAX_ITERATIONS ? 0
                                        : err_set(ERR_DATA, "weights did not come to rest in %d steps", MAX_ITERATIONS);
}

#include "ensemble/weights_fit.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "ensemble/weights_newton.h"
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE      1e-10 /* of the mean loss, between two steps of EM */
#define MAX_ITERATIONS 10000

struct weights_fit {
    uint32_t k, n_symbols;
    float *logp;  /* (n, k, n_symbols) */
    sym_t *label; /* (n,) */
    size_t n, cap_logp, cap_label;
};

struct weights_fit *weights_fit_alloc(uint32_t n_voices, uint32_t n_symbols)
{
    struct weights_fit *f = mem_alloc(1, sizeof *f);
    assert(n_voices >= 1 && n_voices <= LM_MAX_VOICES);
    f->k = n_voices;
    f->n_symbols = n_symbols;
    return f;
}

void weights_fit_free(struct weights_fit *f)
{
    if (!f)
        return;
    free(f->logp);
    free(f->label);
    free(f);
}

int weights_fit_add(struct weights_fit *f, const struct row rows[], sym_t label)
{
    size_t width = (size_t)f->k * f->n_symbols;
    bool possible = false;
    assert(label < f->n_symbols);
    if ((f->n + 1) * width * sizeof *f->logp > WEIGHTS_FIT_BYTES)
        return err_set(ERR_MEMORY,
                       "fit of weights: more than %zu positions of %u voices and %u symbols, want fewer texts", f->n,
                       (unsigned)f->k, (unsigned)f->n_symbols);
    for (uint32_t k = 0; k < f->k; k++) {
        if (row_dead(&rows[k]))
            return err_set(ERR_DATA, "fit of weights: position %zu: voice %u has no support", f->n, (unsigned)k + 1);
        possible |= row_logp(&rows[k], label) > -INFINITY;
    }
    if (!possible)
        return err_set(ERR_DATA, "fit of weights: position %zu: no voice gives symbol %u any probability", f->n,
                       (unsigned)label);
    mem_grow(&f->logp, &f->cap_logp, (f->n + 1) * width, sizeof *f->logp);
    mem_grow(&f->label, &f->cap_label, f->n + 1, sizeof *f->label);
    for (uint32_t k = 0; k < f->k; k++)
        for (uint32_t v = 0; v < f->n_symbols; v++)
            f->logp[f->n * width + (size_t)k * f->n_symbols + v] = (float)row_logp(&rows[k], v);
    f->label[f->n++] = label;
    return 0;
}

/* Voice k's log-probabilities at position t. */
static const float *logp_at(const struct weights_fit *f, size_t t, uint32_t k)
{
    return f->logp + (t * f->k + k) * f->n_symbols;
}

static double label_logp(const struct weights_fit *f, size_t t, uint32_t k)
{
    return (double)logp_at(f, t, k)[f->label[t]];
}

/* What each voice gives the label of position t, times its weight, over exp(*shift), which is 1 unless all are too small for a
 * double; returns their sum: 0 where no voice that has weight gives any. */
static double label_parts(const struct weights_fit *f, size_t t, const double weight[], double part[], double *shift)
{
    double sum = 0, top = -INFINITY;
    *shift = 0;
    for (uint32_t k = 0; k < f->k; k++) {
        sum += part[k] = weight[k] * math_exp64(label_logp(f, t, k));
        top = weight[k] > 0 ? fmax(top, label_logp(f, t, k)) : top;
    }
    if (sum >= DBL_MIN || top == -INFINITY) /* below it digits are lost */
        return sum;
    *shift = top;
    for (uint32_t k = 0; k < f->k; k++)
        sum += part[k] = weight[k] * math_exp64(label_logp(f, t, k) - top);
    return sum;
}

static double linear_nll(const struct weights_fit *f, const double weight[])
{
    double sum = 0, part[LM_MAX_VOICES], shift;
    for (size_t t = 0; t < f->n; t++) {
        double p = label_parts(f, t, weight, part, &shift);
        sum -= p > 0 ? math_log64(p) + shift : -INFINITY;
    }
    return sum;
}

/* ln of the unnormalised pool at a symbol; voices of weight 0 are left out. */
static double exponent(const struct weights_fit *f, size_t t, const double weight[], uint32_t v)
{
    double x = 0;
    for (uint32_t k = 0; k < f->k; k++)
        if (weight[k] > 0)
            x += weight[k] * (double)logp_at(f, t, k)[v];
    return x;
}

/* ln Z_t, with the exponents left in x (n_symbols,). */
static double log_z(const struct weights_fit *f, size_t t, const double weight[], double x[])
{
    double top = -INFINITY, sum = 0;
    for (uint32_t v = 0; v < f->n_symbols; v++) {
        x[v] = exponent(f, t, weight, v);
        top = fmax(top, x[v]);
    }
    if (top == -INFINITY)
        return -INFINITY;
    for (uint32_t v = 0; v < f->n_symbols; v++)
        sum += math_exp64(x[v] - top);
    return top + math_log64(sum);
}

static double log_nll(const struct weights_fit *f, const double weight[])
{
    double sum = 0, *x = mem_alloc(f->n_symbols, sizeof *x);
    for (size_t t = 0; t < f->n; t++) {
        double z = log_z(f, t, weight, x), y = x[f->label[t]];
        sum += y == -INFINITY ? INFINITY : z - y;
    }
    free(x);
    return sum;
}

double weights_fit_nll(const struct weights_fit *f, enum weights_fit_rule rule, const double weight[])
{
    return (rule == WEIGHTS_LINEAR ? linear_nll(f, weight) : log_nll(f, weight)) / (double)f->n;
}

/* Adds position t's mean and covariance of the voices' log-probabilities under the pool.  Symbols that some voice excludes
 * are out whatever its weight: they would make the slope infinite. */
static void add_slope(const struct weights_fit *f, size_t t, const double weight[], double x[], double gradient[],
                      double curvature[])
{
    double z = log_z(f, t, weight, x), mean[LM_MAX_VOICES] = { 0 }, square[LM_MAX_VOICES * LM_MAX_VOICES] = { 0 },
           l[LM_MAX_VOICES];
    uint32_t n = f->k;
    for (uint32_t v = 0; v < f->n_symbols; v++) {
        double q = math_exp64(x[v] - z);
        bool excluded = q == 0;
        for (uint32_t k = 0; k < n; k++) {
            l[k] = (double)logp_at(f, t, k)[v];
            excluded |= l[k] == -INFINITY;
        }
        for (uint32_t k = 0; k < n && !excluded; k++) {
            mean[k] += q * l[k];
            for (uint32_t j = 0; j <= k; j++)
                square[k * n + j] += q * l[k] * l[j];
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        gradient[k] += mean[k] - label_logp(f, t, k);
        for (uint32_t j = 0; j <= k; j++)
            curvature[k * n + j] += square[k * n + j] - mean[k] * mean[j];
    }
}

void weights_fit_slope(const struct weights_fit *f, const double weight[], double gradient[], double curvature[])
{
    uint32_t n = f->k;
    double *x = mem_alloc(f->n_symbols, sizeof *x);
    memset(gradient, 0, n * sizeof *gradient);
    memset(curvature, 0, (size_t)n * n * sizeof *curvature);
    for (size_t t = 0; t < f->n; t++)
        add_slope(f, t, weight, x, gradient, curvature);
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t j = 0; j < k; j++)
            curvature[j * n + k] = curvature[k * n + j];
    free(x);
}

void weights_fit_em(const struct weights_fit *f, double weight[])
{
    double next[LM_MAX_VOICES] = { 0 };
    for (size_t t = 0; t < f->n; t++) {
        double part[LM_MAX_VOICES], shift, sum = label_parts(f, t, weight, part, &shift);
        for (uint32_t k = 0; k < f->k; k++)
            next[k] += part[k] / sum;
    }
    for (uint32_t k = 0; k < f->k; k++)
        weight[k] = next[k] / (double)f->n;
}

static size_t fit_linear(const struct weights_fit *f, double weight[])
{
    double before = linear_nll(f, weight);
    size_t i = 0;
    for (; i < MAX_ITERATIONS; i++) {
        weights_fit_em(f, weight);
        double now = linear_nll(f, weight);
        if (before - now < TOLERANCE * (double)f->n)
            break;
        before = now;
    }
    return i;
}

/* The loss as weights of 0 are approached: a symbol that some voice excludes is out whatever its weight, as in the slope. */
static double loss_of(void *ctx, const double weight[])
{
    double approached[LM_MAX_VOICES];
    const struct weights_fit *f = ctx;
    for (uint32_t k = 0; k < f->k; k++)
        approached[k] = weight[k] > 0 ? weight[k] : DBL_MIN;
    return log_nll(f, approached);
}

static void slope_of(void *ctx, const double weight[], double gradient[], double curvature[])
{
    weights_fit_slope(ctx, weight, gradient, curvature);
}

static int fit_log(const struct weights_fit *f, bool simplex, struct weights_fitted *out)
{
    for (size_t t = 0; t < f->n; t++)
        for (uint32_t k = 0; k < f->k; k++)
            if (label_logp(f, t, k) == -INFINITY)
                return err_set(
                    ERR_DATA,
                    "fit of weights: voice %u gives symbol %u at position %zu probability 0: it cannot be a factor",
                    (unsigned)k + 1, (unsigned)f->label[t], t);
    const struct newton_problem problem = {
        .n = f->k, .loss = loss_of, .slope = slope_of, .ctx = (void *)(uintptr_t)f, .simplex = simplex
    };
    return newton_minimise(&problem, out->weight, &out->iterations);
}

int weights_fit(const struct weights_fit *f, enum weights_fit_rule rule, struct weights_fitted *out)
{
    *out = (struct weights_fitted){ .n = f->n };
    if (f->n == 0)
        return err_set(ERR_DATA, "fit of weights: no positions");
    for (uint32_t k = 0; k < f->k; k++) {
        double alone[LM_MAX_VOICES] = { 0 };
        alone[k] = 1;
        out->nll_voice[k] = weights_fit_nll(f, rule, alone);
        out->weight[k] = rule == WEIGHTS_PRODUCT ? 1 : 1.0 / f->k;
    }
    out->nll_equal = weights_fit_nll(f, rule, out->weight);
    for (uint32_t k = 0; k < f->k; k++)
        out->weight[k] = 1.0 / f->k;
    if (rule == WEIGHTS_LINEAR)
        out->iterations = fit_linear(f, out->weight);
    else
        TRY(fit_log(f, rule == WEIGHTS_LOG, out));
    out->nll = weights_fit_nll(f, rule, out->weight);
    return 0;
}

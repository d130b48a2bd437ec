#include "ensemble/scaling.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include <assert.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STEPS = 1000 };
#define REST 1e-8 /* of the gradient's norm */

struct problem {
    const struct scaling_set *set;
    enum scaling_kind kind;
    double l2;
    double *z; /* (n,) scratch */
};

static size_t n_weights(enum scaling_kind kind, uint32_t n)
{
    return kind == SCALING_MATRIX ? (size_t)n * n : n;
}

/* z' of one position; masked classes are 0 on the way in and -INFINITY on the way out. */
static void scale(const struct problem *q, const double x[], const double logp[], double out[])
{
    uint32_t n = q->set->n;
    const double *b = x + n_weights(q->kind, n);
    for (uint32_t i = 0; i < n; i++) {
        double sum = b[i];
        if (q->kind == SCALING_VECTOR)
            sum += x[i] * (logp[i] > -INFINITY ? logp[i] : 0);
        else
            for (uint32_t j = 0; j < n; j++)
                sum += x[(size_t)i * n + j] * (logp[j] > -INFINITY ? logp[j] : 0);
        out[i] = logp[i] > -INFINITY ? sum : -INFINITY;
    }
}

/* Turns z into probabilities; returns ln of their sum before. */
static double softmax(double z[], uint32_t n)
{
    double top = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        top = fmax(top, z[i]);
    for (uint32_t i = 0; i < n; i++)
        sum += z[i] = math_exp64(z[i] - top);
    for (uint32_t i = 0; i < n; i++)
        z[i] /= sum;
    return top + math_log64(sum);
}

/* Adds the slope of position t's loss to g, from the probabilities in z. */
static void add_slope(const struct problem *q, size_t t, double g[])
{
    uint32_t n = q->set->n, y = q->set->label[t];
    const double *logp = q->set->logp + t * n;
    double *b = g + n_weights(q->kind, n), share = 1 / (double)q->set->n_positions;
    for (uint32_t i = 0; i < n; i++) {
        double off = (q->z[i] - (i == y)) * share;
        b[i] += off;
        if (q->kind == SCALING_VECTOR)
            g[i] += logp[i] > -INFINITY ? off * logp[i] : 0;
        else
            for (uint32_t j = 0; j < n; j++)
                g[(size_t)i * n + j] += logp[j] > -INFINITY ? off * logp[j] : 0;
    }
}

/* The loss at x, and its slope unless g is NULL. */
static double evaluate(const struct problem *q, const double x[], double g[])
{
    uint32_t n = q->set->n;
    size_t n_w = n_weights(q->kind, n);
    double sum = 0, penalty = 0;
    if (g)
        memset(g, 0, (n_w + n) * sizeof *g);
    for (size_t t = 0; t < q->set->n_positions; t++) {
        scale(q, x, q->set->logp + t * n, q->z);
        double at_label = q->z[q->set->label[t]];
        sum += softmax(q->z, n) - at_label;
        if (g)
            add_slope(q, t, g);
    }
    for (size_t k = 0; k < n_w + n; k++) {
        bool one = q->kind == SCALING_VECTOR ? k < n : k < n_w && k / n == k % n;
        double off = x[k] - (one ? 1 : 0);
        penalty += off * off;
        if (g)
            g[k] += q->l2 * off;
    }
    return sum / (double)q->set->n_positions + q->l2 / 2 * penalty;
}

static double loss(const gsl_vector *x, void *ctx)
{
    return evaluate(ctx, x->data, NULL);
}

static void slope(const gsl_vector *x, void *ctx, gsl_vector *g)
{
    evaluate(ctx, x->data, g->data);
}

static void both(const gsl_vector *x, void *ctx, double *f, gsl_vector *g)
{
    *f = evaluate(ctx, x->data, g->data);
}

static int minimise(struct problem *q, gsl_vector *x)
{
    gsl_multimin_function_fdf f = { .f = loss, .df = slope, .fdf = both, .n = x->size, .params = q };
    gsl_multimin_fdfminimizer *m = gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, x->size);
    if (!m)
        mem_exhausted();
    int status = gsl_multimin_fdfminimizer_set(m, &f, x, 0.1, 0.1);
    for (int i = 0; i < MAX_STEPS && status == GSL_SUCCESS; i++) {
        status = gsl_multimin_fdfminimizer_iterate(m);
        if (gsl_multimin_test_gradient(m->gradient, REST) == GSL_SUCCESS)
            break;
    }
    /* no progress any more is rest within the rounding of the loss */
    bool rests = gsl_blas_dnrm2(m->gradient) < 1e-4;
    gsl_vector_memcpy(x, m->x);
    gsl_multimin_fdfminimizer_free(m);
    return rests ? 0 : err_set(ERR_DATA, "scaling did not come to rest in %d steps", MAX_STEPS);
}

static int check_set(enum scaling_kind kind, const struct scaling_set *set)
{
    if (set->n_positions == 0)
        return err_set(ERR_DATA, "scaling: no labelled positions");
    if (kind == SCALING_MATRIX && set->n > SCALING_MATRIX_MOST)
        return err_set(ERR_DATA, "matrix scaling: %u classes, want at most %u", (unsigned)set->n, SCALING_MATRIX_MOST);
    for (size_t t = 0; t < set->n_positions; t++)
        if (set->label[t] >= set->n || !(set->logp[t * set->n + set->label[t]] > -INFINITY))
            return err_set(ERR_DATA, "scaling: position %zu gives its label %u probability 0", t,
                           (unsigned)set->label[t]);
    return 0;
}

int scaling_fit(enum scaling_kind kind, const struct scaling_set *set, double l2, struct scaling *out)
{
    *out = (struct scaling){ .kind = kind, .n = set->n };
    TRY(check_set(kind, set));
    size_t n_w = n_weights(kind, set->n), n = n_w + set->n;
    struct problem q = { .set = set, .kind = kind, .l2 = l2, .z = mem_alloc(set->n, sizeof *q.z) };
    gsl_vector *x = gsl_vector_calloc(n);
    if (!x)
        mem_exhausted();
    for (uint32_t i = 0; i < set->n; i++)
        x->data[kind == SCALING_MATRIX ? (size_t)i * set->n + i : i] = 1;
    out->nll_before = evaluate(&q, x->data, NULL);
    int rc = minimise(&q, x);
    q.l2 = 0;
    out->nll_after = evaluate(&q, x->data, NULL);
    out->w = mem_copy(x->data, n_w * sizeof *out->w);
    out->b = mem_copy(x->data + n_w, set->n * sizeof *out->b);
    gsl_vector_free(x);
    free(q.z);
    if (rc < 0)
        scaling_fini(out);
    return rc;
}

int scaling_apply(const struct scaling *s, struct row *r)
{
    assert(r->n == s->n && r->ops == &row_cpu);
    double z[SCALING_MATRIX_MOST];
    for (uint32_t i = 0; s->kind == SCALING_MATRIX && i < s->n; i++) {
        z[i] = s->b[i];
        for (uint32_t j = 0; j < s->n; j++)
            z[i] += r->score[j] > -INFINITY ? s->w[(size_t)i * s->n + j] * row_logp(r, j) : 0;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        double scaled = s->kind == SCALING_MATRIX ? z[i] : s->w[i] * row_logp(r, i) + s->b[i];
        r->score[i] = r->score[i] > -INFINITY ? (float)scaled : -INFINITY;
    }
    return row_measure(r);
}

void scaling_fini(struct scaling *s)
{
    free(s->w);
    free(s->b);
    *s = (struct scaling){ 0 };
}

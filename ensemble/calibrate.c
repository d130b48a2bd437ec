#include "ensemble/calibrate.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define MAX_STEPS 200   /* bisection alone needs 50; Newton about 6 */
#define PRECISION 1e-13 /* relative, of 1 / T */

struct position {
    size_t from, n; /* into score */
    size_t label;   /* 0 .. n - 1 */
};

struct calibrate {
    float *score; /* unmasked scores of all positions, each position's maximum at 0, in the order of ids */
    size_t n_score, cap_score;
    struct position *at;
    size_t n, cap;
};

struct calibrate *calibrate_alloc(void)
{
    return mem_alloc(1, sizeof(struct calibrate));
}

void calibrate_free(struct calibrate *c)
{
    if (!c)
        return;
    free(c->score);
    free(c->at);
    free(c);
}

size_t calibrate_count(const struct calibrate *c)
{
    return c->n;
}

int calibrate_add(struct calibrate *c, const struct row *r, sym_t label)
{
    assert(r->ops == &row_cpu && label < r->n);
    if (row_dead(r))
        return err_set(ERR_DATA, "calibration: position %zu has a dead row: every symbol is masked", c->n);
    if (r->score[label] == -INFINITY)
        return err_set(ERR_DATA, "calibration: position %zu gives its label %u probability 0; no temperature can help",
                       c->n, (unsigned)label);
    float top = row_max(r);
    struct position p = { .from = c->n_score };
    mem_grow(&c->score, &c->cap_score, c->n_score + r->n, sizeof *c->score);
    for (sym_t v = 0; v < r->n; v++) {
        if (v == label)
            p.label = p.n;
        if (r->score[v] > -INFINITY)
            c->score[p.from + p.n++] = fmaxf(r->score[v] - top, -FLT_MAX); /* finite: 0 * -inf would be NaN */
    }
    c->n_score += p.n;
    mem_grow(&c->at, &c->cap, c->n + 1, sizeof *c->at);
    c->at[c->n++] = p;
    return 0;
}

/* Of one position's scores s at beta = 1 / T: ln sum exp(beta s), the mean of s and its variance. */
struct moments {
    double log_z, mean, variance;
};

static struct moments moments(const float s[], size_t n, double beta)
{
    double z = 0, first = 0, second = 0;
    for (size_t i = 0; i < n; i++) {
        double e = math_exp64(beta * s[i]);
        z += e;
        first += e * s[i];
        second += e * s[i] * s[i];
    }
    double mean = first / z;
    return (struct moments){ .log_z = math_log64(z), .mean = mean, .variance = fmax(0, second / z - mean * mean) };
}

/* The mean negative log-likelihood and its two derivatives in beta. */
struct loss {
    double nll, slope, curvature;
};

static struct loss loss(const struct calibrate *c, double beta)
{
    struct loss sum = { 0 };
    for (size_t i = 0; i < c->n; i++) {
        const struct position *p = &c->at[i];
        const float *s = c->score + p->from;
        struct moments m = moments(s, p->n, beta);
        sum.nll += m.log_z - beta * s[p->label];
        sum.slope += m.mean - s[p->label];
        sum.curvature += m.variance;
    }
    double n = (double)c->n;
    return (struct loss){ .nll = sum.nll / n, .slope = sum.slope / n, .curvature = sum.curvature / n };
}

double calibrate_nll(const struct calibrate *c, double temperature)
{
    return loss(c, 1 / temperature).nll;
}

/* The root of the slope between two betas of which it is negative at low and positive at high. */
static double root(const struct calibrate *c, double low, double high)
{
    double beta = 1;
    for (int i = 0; i < MAX_STEPS; i++) {
        struct loss at = loss(c, beta);
        if (at.slope == 0)
            break;
        if (at.slope < 0)
            low = beta;
        else
            high = beta;
        double next = beta - at.slope / at.curvature;
        if (!(next > low && next < high))
            next = sqrt(low * high);
        bool done = fabs(next - beta) <= PRECISION * beta;
        beta = next;
        if (done)
            break;
    }
    return beta;
}

int calibrate_temperature(const struct calibrate *c, struct calibrate_fit *out)
{
    const double low = 1 / CALIBRATE_MAX, high = 1 / CALIBRATE_MIN;
    if (c->n == 0)
        return err_set(ERR_DATA, "calibration: no labelled positions to fit a temperature on");
    struct loss now = loss(c, 1);
    bool hot = now.slope > 0 && loss(c, low).slope >= 0;
    bool cold = now.slope < 0 && loss(c, high).slope <= 0;
    double beta = hot ? low : cold ? high : root(c, low, high);
    struct loss at = loss(c, beta);
    *out = (struct calibrate_fit){
        .temperature = hot    ? CALIBRATE_MAX
                       : cold ? CALIBRATE_MIN
                              : 1 / beta,
        .error = hot || cold ? NAN : 1 / (beta * sqrt((double)c->n * at.curvature)),
        .nll_before = now.nll,
        .nll_after = at.nll,
        .n = c->n,
        .bounded = hot || cold,
    };
    return 0;
}

static void add_to_bin(struct calibrate_bin bins[], size_t n_bins, double confidence, bool right)
{
    double place = ceil(confidence * (double)n_bins) - 1; /* (low, high] */
    size_t b = place < 0 ? 0 : (size_t)place;
    b = b < n_bins ? b : n_bins - 1;
    bins[b].n++;
    bins[b].confidence += confidence;
    bins[b].accuracy += right;
}

static bool label_is_best(const float s[], const struct position *p)
{
    size_t best = 0;
    while (s[best] < 0)
        best++; /* the maximum is 0, by calibrate_add() */
    return best == p->label;
}

/* Sums to means; the ECE over n predictions. */
static double close_bins(struct calibrate_bin bins[], size_t n_bins, double n_all)
{
    double ece = 0;
    for (size_t b = 0; b < n_bins; b++) {
        double n = (double)bins[b].n;
        bins[b].confidence = n > 0 ? bins[b].confidence / n : NAN;
        bins[b].accuracy = n > 0 ? bins[b].accuracy / n : NAN;
        if (n > 0)
            ece += n / n_all * fabs(bins[b].accuracy - bins[b].confidence);
    }
    return ece;
}

double calibrate_full_ece(const struct calibrate *c, double temperature, size_t n_bins)
{
    struct calibrate_bin *bins = mem_alloc(n_bins, sizeof *bins);
    double n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct position *p = &c->at[i];
        const float *s = c->score + p->from;
        double log_z = moments(s, p->n, 1 / temperature).log_z;
        for (size_t v = 0; v < p->n; v++)
            add_to_bin(bins, n_bins, math_exp64(s[v] / temperature - log_z), v == p->label);
        n += (double)p->n;
    }
    double ece = close_bins(bins, n_bins, n);
    free(bins);
    return ece;
}

void calibrate_best(const struct calibrate *c, double temperature, double confidence[], bool right[])
{
    for (size_t i = 0; i < c->n; i++) {
        const struct position *p = &c->at[i];
        const float *s = c->score + p->from;
        confidence[i] = fmin(1, math_exp64(-moments(s, p->n, 1 / temperature).log_z));
        right[i] = label_is_best(s, p);
    }
}

double calibrate_reliability(const struct calibrate *c, double temperature, struct calibrate_bin bins[], size_t n_bins)
{
    for (size_t b = 0; b < n_bins; b++)
        bins[b] = (struct calibrate_bin){ 0 };
    for (size_t i = 0; i < c->n; i++) {
        const struct position *p = &c->at[i];
        const float *s = c->score + p->from;
        double confidence = math_exp64(-moments(s, p->n, 1 / temperature).log_z);
        add_to_bin(bins, n_bins, confidence, label_is_best(s, p));
    }
    return close_bins(bins, n_bins, (double)c->n);
}

/* ensemble/weights_fit: slopes against differences, optima against the conditions that name them and against a plain search,
 * EM's fixed point, weights that end at 0, and what is refused. */
#include "base/err.h"
#include "ensemble/pool.h"
#include "ensemble/weights_fit.h"
#include "tests/lib/check.h"
#include "tests/lib/pools.h"
#include <math.h>
#include <string.h>

enum { K = 3, V = 23, POSITIONS = 120 };

static double uniform(uint32_t i, uint32_t stream)
{
    struct rng_address a = { .seed = 77, .item = stream, .purpose = RNG_TEST };
    struct rng_key k = rng_key(&a);
    return rng_uniform(&k, i);
}

/* Voices over V symbols; labels follow `truth`, a mixture of them.  One symbol is masked everywhere. */
static struct weights_fit *sample(const double truth[K], struct row rows[K], float score[K][V])
{
    struct weights_fit *f = weights_fit_alloc(K, V);
    for (uint32_t t = 0; t < POSITIONS; t++) {
        double at = uniform(t, 1), sum = 0;
        sym_t label = 0;
        for (uint32_t k = 0; k < K; k++) {
            for (uint32_t v = 0; v < V; v++)
                score[k][v] = v == 5 ? -INFINITY : (float)(4 * uniform(t * V + v, 10 + k) + 2);
            rows[k] = pools_measured(score[k], V);
        }
        for (sym_t v = 0; v < V && sum < at; v++) {
            for (uint32_t k = 0; k < K; k++)
                sum += truth[k] * exp(row_logp(&rows[k], v));
            label = v == 5 ? label : v;
        }
        check(weights_fit_add(f, rows, label) == 0, "%s", err_text());
    }
    return f;
}

static void slopes(const struct weights_fit *f)
{
    static const double w[K] = { .4, .9, .2 };
    double gradient[K], curvature[K * K], up[K], down[K], unused[K * K], at[K], h = 1e-4;
    weights_fit_slope(f, w, gradient, curvature);
    for (size_t k = 0; k < K; k++) {
        memcpy(at, w, sizeof at);
        at[k] = w[k] + h;
        double above = weights_fit_nll(f, WEIGHTS_PRODUCT, at) * POSITIONS;
        weights_fit_slope(f, at, up, unused);
        at[k] = w[k] - h;
        double below = weights_fit_nll(f, WEIGHTS_PRODUCT, at) * POSITIONS;
        weights_fit_slope(f, at, down, unused);
        check_near(gradient[k], (above - below) / 2 / h, 1e-4 * POSITIONS, "gradient %zu", k);
        for (size_t j = 0; j < K; j++)
            check_near(curvature[k * K + j], (up[j] - down[j]) / 2 / h, 1e-4 * POSITIONS, "curvature %zu %zu", k, j);
    }
}

/* The conditions of an optimum over weights >= 0, of sum one where `level` is shared. */
static void conditions(const struct weights_fit *f, enum weights_fit_rule rule, const struct weights_fitted *r)
{
    double gradient[K], curvature[K * K], level = 0, sum = 0;
    weights_fit_slope(f, r->weight, gradient, curvature);
    for (size_t k = 0; k < K; k++) {
        level += r->weight[k] * gradient[k];
        sum += r->weight[k];
    }
    level = rule == WEIGHTS_LOG ? level / sum : 0;
    if (rule == WEIGHTS_LOG)
        check_near(sum, 1, 1e-12, "weights sum to one");
    for (size_t k = 0; k < K; k++)
        check(r->weight[k] > 0 ? fabs(gradient[k] - level) < 1e-4 * POSITIONS : gradient[k] > level - 1e-4 * POSITIONS,
              "rule %d, weight %zu is %g: slope %g, level %g", (int)rule, k, r->weight[k], gradient[k], level);
}

/* Nothing on a fine grid of the simplex is better. */
static void grid(const struct weights_fit *f, enum weights_fit_rule rule, double best)
{
    for (int i = 0; i <= 40; i++)
        for (int j = 0; i + j <= 40; j++) {
            double w[K] = { i / 40., j / 40., (40 - i - j) / 40. };
            check(weights_fit_nll(f, rule, w) >= best - 1e-9, "rule %d: (%g, %g, %g) is better", (int)rule, w[0], w[1],
                  w[2]);
        }
}

static void optima(const double truth[K])
{
    static float score[K][V];
    struct row rows[K];
    struct weights_fit *f = sample(truth, rows, score);
    struct weights_fitted r;
    slopes(f);
    check(weights_fit(f, WEIGHTS_LINEAR, &r) == 0, "linear: %s", err_text());
    grid(f, WEIGHTS_LINEAR, r.nll);
    check(r.nll <= r.nll_equal + 1e-12, "better than equal weights: %g, %g", r.nll, r.nll_equal);
    for (size_t k = 0; k < K; k++)
        check(r.nll <= r.nll_voice[k] + 1e-9, "no worse than voice %zu: %g, %g", k, r.nll, r.nll_voice[k]);
    check(weights_fit(f, WEIGHTS_LOG, &r) == 0, "log: %s", err_text());
    conditions(f, WEIGHTS_LOG, &r);
    grid(f, WEIGHTS_LOG, r.nll);
    check(r.iterations < 40, "Newton's steps: %zu", r.iterations);
    double simplex = r.nll;
    check(weights_fit(f, WEIGHTS_PRODUCT, &r) == 0, "product: %s", err_text());
    conditions(f, WEIGHTS_PRODUCT, &r);
    check(r.nll <= simplex + 1e-12, "free weights are no worse: %g, %g", r.nll, simplex);
    weights_fit_free(f);
}

/* EM's likelihood never falls (invariant 7), from the corners of the simplex, its middle and in between; it ends where fits
 * end. */
static void em_never_falls(void)
{
    static float score[K][V];
    static const double truth[K] = { .2, .5, .3 };
    static const double from[][K] = {
        { 1. / 3, 1. / 3, 1. / 3 }, { .98, .01, .01 }, { .01, .98, .01 }, { .1, .2, .7 }
    };
    struct row rows[K];
    struct weights_fit *f = sample(truth, rows, score);
    struct weights_fitted best;
    check(weights_fit(f, WEIGHTS_LINEAR, &best) == 0, "%s", err_text());
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        double w[K], before;
        memcpy(w, from[i], sizeof w);
        before = weights_fit_nll(f, WEIGHTS_LINEAR, w);
        check(before > best.nll + 1e-6, "start %zu is no optimum", i);
        for (int step = 0; step < 500; step++) {
            weights_fit_em(f, w);
            double now = weights_fit_nll(f, WEIGHTS_LINEAR, w);
            check(now <= before + 1e-13, "start %zu, step %d: %.15g after %.15g", i, step, now, before);
            before = now;
        }
        check_near(w[0] + w[1] + w[2], 1, 1e-12, "start %zu: weights sum to one", i);
        check_near(before, best.nll, 1e-6, "start %zu: one optimum", i);
    }
    weights_fit_free(f);
}

/* The loss is that of the pool itself. */
static void loss_is_the_pools(void)
{
    static float score[K][V], to[V];
    static const double truth[K] = { .2, .5, .3 }, w[K] = { .3, .6, .1 };
    static const char *const names[] = { "linear", "log", "product" };
    struct row rows[K], out = row_over(to, V);
    struct weights_fit *all = sample(truth, rows, score), *one = weights_fit_alloc(K, V);
    check(weights_fit_add(one, rows, 7) == 0, "%s", err_text());
    for (int rule = WEIGHTS_LINEAR; rule <= WEIGHTS_PRODUCT; rule++) {
        struct pool p = pools_parsed(names[rule]);
        pool_apply(&p, &out, rows, w, K);
        check_near(weights_fit_nll(one, (enum weights_fit_rule)rule, w), -row_logp(&out, 7), 1e-5, "%s", names[rule]);
        pool_fini(&p);
    }
    weights_fit_free(all);
    weights_fit_free(one);
}

/* A voice that says the same as another leaves a direction flat: some optimum is found all the same. */
static void equal_voices(void)
{
    static float score[K][V];
    static const double truth[K] = { .2, .5, .3 };
    struct row rows[K];
    struct weights_fit *from = sample(truth, rows, score), *f = weights_fit_alloc(2, V);
    const struct row twice[2] = { rows[0], rows[0] };
    struct weights_fitted r;
    for (sym_t y = 0; y < V; y++)
        if (y != 5)
            check(weights_fit_add(f, twice, y) == 0, "%s", err_text());
    for (int rule = WEIGHTS_LINEAR; rule <= WEIGHTS_PRODUCT; rule++) {
        check(weights_fit(f, (enum weights_fit_rule)rule, &r) == 0, "%s", err_text());
        check(r.nll <= r.nll_equal + 1e-12 && isfinite(r.nll), "rule %d: %g", rule, r.nll);
    }
    weights_fit_free(from);
    weights_fit_free(f);
}

/* bug: where every voice gave the label less than a double can be, the weights were none */
static void tiny(void)
{
    static const float label[2][K] = { { -1000, -1100, -1200 }, { -1200, -1100, -1000 } };
    struct weights_fit *f = weights_fit_alloc(K, 2);
    for (size_t t = 0; t < 2; t++) {
        float score[K][2];
        struct row rows[K];
        for (size_t k = 0; k < K; k++) {
            score[k][0] = label[t][k];
            score[k][1] = 0;
            rows[k] = pools_measured(score[k], 2);
        }
        check(weights_fit_add(f, rows, 0) == 0, "%s", err_text());
    }
    struct weights_fitted r;
    check(weights_fit(f, WEIGHTS_LINEAR, &r) == 0, "%s", err_text());
    check_near(r.weight[0], .5, 1e-6, "the first voice");
    check_near(r.weight[2], .5, 1e-6, "the last");
    check_near(r.nll, 1000 + log(2), 1e-3, "the loss");
    check_near(r.nll_voice[1], 1100, 1e-3, "the loss of the voice between");
    weights_fit_free(f);
}

static void refusals(void)
{
    float a[3], b[3];
    struct row rows[2] = { pools_of_probs(a, (double[]){ .5, .5, 0 }, 3),
                           pools_of_probs(b, (double[]){ .2, .3, .5 }, 3) };
    struct weights_fit *f = weights_fit_alloc(2, 3);
    struct weights_fitted r;
    check(weights_fit(f, WEIGHTS_LOG, &r) == ERR_DATA && strstr(err_text(), "no positions"), "%s", err_text());
    check(weights_fit_add(f, rows, 2) == 0, "one voice is enough for a mixture");
    check(weights_fit(f, WEIGHTS_LINEAR, &r) == 0 && r.weight[1] > .999, "all weight on the voice that can: %g",
          r.weight[1]);
    check(weights_fit(f, WEIGHTS_LOG, &r) == ERR_DATA && strstr(err_text(), "voice 1 gives symbol 2 at position 0"),
          "%s", err_text());
    struct row dead[2] = { pools_of_probs(a, (double[]){ 0, 0, 0 }, 3), rows[1] };
    check(weights_fit_add(f, dead, 1) == ERR_DATA && strstr(err_text(), "voice 1 has no support"), "%s", err_text());
    rows[0] = pools_of_probs(a, (double[]){ .5, .5, 0 }, 3);
    rows[1] = pools_of_probs(b, (double[]){ .4, .6, 0 }, 3);
    check(weights_fit_add(f, rows, 2) == ERR_DATA && strstr(err_text(), "no voice gives symbol 2"), "%s", err_text());
    weights_fit_free(f);
}

int main(void)
{
    optima((double[K]){ .2, .5, .3 });
    optima((double[K]){ 0, .95, .05 });
    optima((double[K]){ 1, 0, 0 });
    em_never_falls();
    loss_is_the_pools();
    equal_voices();
    tiny();
    refusals();
    return check_done("weights_fit");
}

/* Pools: values against long double, the table of zeros, the laws of weighted means.  The tolerance is that of float
 * scores: a log-probability of -8 is known to 5e-7. */
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <string.h>

#define MOST  300
#define CLOSE 2e-6 /* of a log-probability, or of log Z */

static double slack = 1; /* of scores in the hundreds */
static float member[4][MOST], result[MOST], second[MOST];

static const double powers[] = { -INFINITY, -30, -1, -.5, -.001, 0, .001, .5, 1, 2, 30, INFINITY };
#define N_POWERS (sizeof powers / sizeof powers[0])

/* Power 0 is the log pool, 1 the linear one. */
static double pool(struct row *out, const struct row rows[], const double weight[], size_t n, double r)
{
    if (r == 0)
        return row_pool_log(out, rows, weight, n);
    return r == 1 ? row_pool_linear(out, rows, weight, n) : row_pool_power(out, rows, weight, n, r);
}

/* ln M_r of one symbol in long double, from log-probabilities. */
static long double mean_of(const double logp[], const double weight[], size_t n, double r)
{
    long double sum = 0, top = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        if (weight[k] == 0)
            continue;
        if (logp[k] == -INFINITY && r <= 0)
            return -INFINITY;
        if (isinf(r))
            top = fmaxl(top, (r > 0 ? 1 : -1) * (long double)logp[k]);
        else if (r == 0)
            sum += (long double)weight[k] * (long double)logp[k];
        else
            top = fmaxl(top, (long double)r * (long double)logp[k]);
    }
    if (isinf(r))
        return r > 0 ? top : -top;
    if (r == 0 || top == -INFINITY)
        return r == 0 ? sum : -INFINITY;
    for (size_t k = 0; k < n; k++)
        if (weight[k] > 0)
            sum += (long double)weight[k] * expl((long double)r * (long double)logp[k] - top);
    return (top + logl(sum)) / (long double)r;
}

static void check_values(const struct row rows[], const double weight[4], double r, const char *name)
{
    const size_t n = 4;
    struct row out = row_over(result, rows[0].n);
    double log_z = pool(&out, rows, weight, n, r), logp[4], worst = 0;
    long double want[MOST], sum = 0;
    for (sym_t v = 0; v < out.n; v++) {
        for (size_t k = 0; k < n; k++)
            logp[k] = row_logp(&rows[k], v);
        want[v] = mean_of(logp, weight, n, r);
        sum += expl(want[v]);
    }
    check_near(log_z, (double)logl(sum), CLOSE * slack, "%s, power %g: log Z", name, r);
    check(out.log_z == 0, "%s, power %g: normalised", name, r);
    for (sym_t v = 0; v < out.n; v++) {
        double got = row_logp(&out, v), wanted = (double)(want[v] - logl(sum));
        bool both = got == -INFINITY && wanted == -INFINITY;
        worst = fmax(worst, both ? 0 : fabs(got - wanted) / fmax(1, -wanted / 8));
    }
    double most = r == 0 ? fmax(1, weight[0] + weight[1] + weight[2] + weight[3]) : 1; /* a product's scores are sums */
    most = fabs(r) >= .5 && fabs(r) <= 4 && r != 1 ? 1.5
                                                   : most; /* the mean of powers is rounded before it is normalised */
    check(worst <= CLOSE * most * slack, "%s, power %g: a log-probability is wrong by %g", name, r, worst);
}

static void test_values(void)
{
    static const double weights[][4] = { { .62, .38, 0, 0 }, { .4, .3, .2, .1 }, { 1e-9, 0, .5, .5 }, { 1, 2, .5, 3 } };
    static const uint32_t sizes[] = { 1, 2, 15, 16, 17, 100, 300 };
    for (uint64_t i = 0; i < 4 * 7 * (ROWS_KINDS - 1); i++) { /* not the wide rows: their scores have no fraction */
        enum rows_kind kind = (enum rows_kind)(i % (ROWS_KINDS - 1));
        uint32_t n = sizes[i % 7];
        struct row rows[4];
        for (uint64_t k = 0; k < 4; k++)
            rows[k] = rows_make(k == 3 ? ROWS_NORMAL : kind, 10 * i + k, member[k], n);
        for (size_t r = 0; r < N_POWERS; r++)
            check_values(rows, weights[i / 7 % 4], powers[r], rows_name(kind));
    }
}

/* Raw scores of a large offset lose nothing but what their own floats lost. */
static void test_offsets(void)
{
    static const double w[4] = { .4, .3, .2, .1 };
    for (uint32_t offset = 100; offset <= 30000; offset *= 3) {
        struct row rows[4];
        for (uint64_t k = 0; k < 4; k++) {
            rows[k] = rows_make(ROWS_NORMAL, 60 + k, member[k], MOST);
            for (sym_t v = 0; v < MOST; v++)
                member[k][v] += (float)(offset * (k + 1));
            row_measure(&rows[k]);
        }
        for (size_t r = 0; r < N_POWERS; r++)
            check_values(rows, w, powers[r], "offset row");
    }
}

/* Probabilities that no float holds, tiny weights, and rows whose log Z is not their own (prefixes, truncations). */
static void test_far(void)
{
    static const double w[][4] = { { .4, .3, .2, .1 }, { 1e-20, .5, .3, .2 }, { 1e-40, 1e-30, 1e-30, 1e-25 } };
    static const double moved[] = { 0, 60, -60, 100, -100, 300, -300 };
    for (size_t i = 0; i < 3 * 7; i++) {
        struct row rows[4];
        for (uint64_t k = 0; k < 4; k++) {
            rows[k] = rows_make(ROWS_NORMAL, 80 + k, member[k], MOST);
            for (sym_t v = 0; v < MOST; v++)
                member[k][v] -= v % 7 == 3 ? 150 : v % 7 == 5 && k > 1 ? INFINITY : v % 97 == 90 ? INFINITY : 0;
            row_measure(&rows[k]);
            rows[k].log_z += moved[i % 7] * (k == 0 ? 1 : .9);
        }
        slack = 3 + fabs(moved[i % 7]) / 30;
        for (size_t r = 0; r < N_POWERS; r++)
            if (i / 7 < 2 || powers[r] == 0 ||
                fabs(powers[r]) > .1) /* no long double holds a sum of 1e-25 to the 1000 */
                check_values(rows, w[i / 7], powers[r], "far row");
    }
    slack = 1;
}

/* Two voices and no shared symbol; one zero; all zeros of one symbol; a weight of zero; a dead voice. */
static void test_zeros(void)
{
    static const double a[4] = { .5, .3, .2, 0 }, b[4] = { .25, 0, .75, 0 }, none[4] = { 0 }, c[4] = { 0, 1, 0, 0 };
    static const double w[2] = { .6, .4 }, first[2] = { .6, 0 };
    struct row out = row_over(result, 4);
    for (size_t i = 0; i < N_POWERS; i++) {
        double r = powers[i];
        struct row one_zero[2] = { rows_of(a, member[0], 4), rows_of(b, member[1], 4) };
        struct row apart[2] = { rows_of(c, member[2], 4), rows_of(b, member[1], 4) };
        struct row with_dead[2] = { rows_of(a, member[0], 4), rows_of(none, member[3], 4) };
        double log_z = pool(&out, one_zero, w, 2, r);
        check(isfinite(log_z) && (out.score[1] == -INFINITY) == (r <= 0), "power %g: one voice gives 0", r);
        check(out.score[3] == -INFINITY && row_count(&out) == (r <= 0 ? 2 : 3), "power %g: all voices give 0", r);
        log_z = pool(&out, apart, w, 2, r);
        check(row_dead(&out) == (r <= 0) && (log_z == -INFINITY) == (r <= 0), "power %g: disjoint supports", r);
        check(!isnan(log_z) && row_count(&out) == (r <= 0 ? 0 : 3), "power %g: never NaN", r);
        log_z = pool(&out, with_dead, w, 2, r);
        check(row_dead(&out) == (r <= 0) && !isnan(log_z), "power %g: a dead voice", r);
        check(r != 1 || fabs(log_z - log(.6)) < 1e-6, "linear: the dead voice's share is missing from Z");
        log_z = pool(&out, with_dead, first, 2, r);
        check(isfinite(log_z) && row_count(&out) == 3, "power %g: a dead voice of weight 0 is left out", r);
        log_z = pool(&out, apart, first, 2, r);
        check(isfinite(log_z) && row_count(&out) == 1 && row_logp(&out, 1) == 0, "power %g: weight 0 is left out", r);
        log_z = pool(&out, apart, (double[2]){ 0, 0 }, 2, r);
        check(row_dead(&out) && log_z == -INFINITY, "power %g: no weight at all", r);
    }
}

/* A dead pool writes over whatever its row held before. */
static void test_dead_over_rubbish(void)
{
    static const double a[2] = { 1, 0 }, b[2] = { 0, 1 };
    struct row rows[2] = { rows_of(a, member[0], 2), rows_of(b, member[1], 2) }, out = row_over(result, 2);
    out.score[0] = NAN;
    out.score[1] = INFINITY;
    row_pool_linear(&out, rows, (double[2]){ 0, 0 }, 2);
    check(row_measure(&out) == 0 && row_dead(&out), "rubbish is gone");
}

static void test_idempotent(void)
{
    static const double w[3] = { .62, .31, .07 };
    for (int kind = 0; kind < ROWS_KINDS - 1; kind++)
        for (size_t i = 0; i < N_POWERS; i++) {
            struct row p = rows_make((enum rows_kind)kind, 3, member[0], MOST), rows[3] = { p, p, p };
            struct row out = row_over(result, MOST);
            double log_z = pool(&out, rows, w, 3, powers[i]), worst = 0;
            for (sym_t v = 0; v < MOST; v++)
                if (p.score[v] != -INFINITY || out.score[v] != -INFINITY)
                    worst = fmax(worst, fabs(row_logp(&out, v) - row_logp(&p, v)));
            check_near(log_z, 0, CLOSE, "idempotent: Z = 1, power %g", powers[i]);
            check(worst <= 2 * CLOSE, "idempotent, %s, power %g: %g", rows_name((enum rows_kind)kind), powers[i],
                  worst);
        }
}

static void test_one_hot(void)
{
    for (int kind = 0; kind < ROWS_KINDS; kind++)
        for (size_t i = 0; i < N_POWERS; i++) {
            struct row rows[3], out = row_over(result, MOST), want = row_over(second, MOST);
            for (uint64_t k = 0; k < 3; k++)
                rows[k] = rows_make((enum rows_kind)kind, k, member[k], MOST);
            row_copy(&want, &rows[1]);
            row_normalise(&want);
            double log_z = pool(&out, rows, (double[3]){ 0, 1, 0 }, 3, powers[i]);
            check(log_z == 0 && memcmp(result, second, sizeof result) == 0, "one-hot, %s, power %g: bit for bit",
                  rows_name((enum rows_kind)kind), powers[i]);
        }
}

static void test_permutation(void)
{
    static const double w[4] = { .4, .3, .2, .1 }, turned[4] = { .1, .3, .4, .2 };
    for (size_t i = 0; i < N_POWERS; i++) {
        struct row rows[4], out = row_over(result, MOST), other = row_over(second, MOST);
        for (uint64_t k = 0; k < 4; k++)
            rows[k] = rows_make(ROWS_NORMAL, 50 + k, member[k], MOST);
        struct row changed[4] = { rows[3], rows[1], rows[0], rows[2] };
        double log_z = pool(&out, rows, w, 4, powers[i]), again = pool(&other, changed, turned, 4, powers[i]),
               worst = 0;
        for (sym_t v = 0; v < MOST; v++)
            worst = fmax(worst, fabs((double)out.score[v] - (double)other.score[v]));
        check_near(log_z, again, 1e-12, "permuted, power %g: log Z", powers[i]);
        check(worst <= 1e-12, "permuted, power %g: %g", powers[i], worst);
    }
}

/* Before normalisation min <= harmonic <= ... <= max at every symbol, and so is Z. */
static void test_order(void)
{
    static const double w[3] = { .5, .3, .2 };
    static float raw[N_POWERS][MOST];
    struct row rows[3];
    double log_z[N_POWERS];
    for (uint64_t k = 0; k < 3; k++)
        rows[k] = rows_make(ROWS_NORMAL, 90 + k, member[k], MOST);
    for (size_t i = 0; i < N_POWERS; i++) {
        struct row out = row_over(raw[i], MOST);
        log_z[i] = pool(&out, rows, w, 3, powers[i]);
        for (sym_t v = 0; i > 0 && v < MOST; v++)
            if ((double)raw[i][v] + log_z[i] < (double)raw[i - 1][v] + log_z[i - 1] - CLOSE)
                check(false, "symbol %u: power %g below power %g", v, powers[i], powers[i - 1]);
        check(i == 0 || log_z[i] > log_z[i - 1], "Z grows from power %g", powers[i]);
    }
    check(log_z[0] < -.1 && log_z[N_POWERS - 1] > .1, "the members differ");
}

/* ln Z of two members under the log pool is -w2 times Renyi's divergence of order w1. */
static void test_renyi(void)
{
    for (double w2 = .1; w2 < 1; w2 += .2) {
        struct row rows[2] = { rows_make(ROWS_NORMAL, 1, member[0], MOST), rows_make(ROWS_NORMAL, 2, member[1], MOST) };
        struct row out = row_over(result, MOST);
        double sum = 0, w[2] = { 1 - w2, w2 };
        for (sym_t v = 0; v < MOST; v++)
            sum += exp((1 - w2) * row_logp(&rows[0], v) + w2 * row_logp(&rows[1], v));
        double divergence = log(sum) / (1 - w2 - 1);
        check_near(row_pool_log(&out, rows, w, 2), -w2 * divergence, CLOSE, "Renyi, w2 = %g", w2);
    }
}

int main(void)
{
    test_values();
    test_offsets();
    test_far();
    test_zeros();
    test_dead_over_rubbish();
    test_idempotent();
    test_one_hot();
    test_permutation();
    test_order();
    test_renyi();
    return check_done("row_pool");
}

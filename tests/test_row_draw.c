/* Draws: exactly the arg max of log p + noise, and exactly the row's distribution.
 *
 * Statistical checks have fixed seeds, so that they pass or fail for ever; each is made so that a right program fails
 * with probability 1e-6 (two-sided where both sides betray). */
#include "base/row_kernel.h"
#include "base/row_ops.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST  256000
#define ERROR 1e-6 /* of each statistical check */

static float score[MOST];

static struct rng_key key_at(uint64_t seed, uint32_t draw)
{
    return rng_key(&(struct rng_address){ .seed = seed, .item = 7, .space = 3, .draw = draw, .purpose = RNG_DRAW });
}

static sym_t by_noise(const struct row *r, const struct rng_key *k)
{
    sym_t best = UINT32_MAX;
    double most = -INFINITY;
    for (sym_t v = 0; v < r->n; v++) {
        if (r->score[v] == -INFINITY)
            continue;
        double value = (double)r->score[v] + row_noise(k, v);
        if (value > most) {
            most = value;
            best = v;
        }
    }
    return best;
}

static void test_is_argmax(void)
{
    static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 128, 1000, 5000 };
    uint32_t turns = getenv("CHORALE_LONG") ? 500 : 6;
    for (uint32_t i = 0; i < turns; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int kind = 0; kind < ROWS_KINDS; kind++) {
                struct row r = rows_make((enum rows_kind)kind, i, score, sizes[s]);
                struct rng_key k = key_at(i, (uint32_t)kind);
                sym_t got = row_draw(&r, &k), want = by_noise(&r, &k);
                check(got == want, "%s row of %u: %u, want %u", rows_name((enum rows_kind)kind), r.n, got, want);
            }
}

/* Scores so large that a float rounds what noise adds: which blocks may win is first asked of floats. */
static void test_is_argmax_far_off(void)
{
    static const double offsets[] = { 1e3, -1e3, 1e5, -1e5, 1e7, -1e8 };
    for (uint32_t i = 0; i < 24; i++) {
        struct rng_key k = key_at(i, 9);
        for (sym_t v = 0; v < 20000; v++) {
            uint32_t w[4];
            rng_words(&k, 77 + v, w);
            score[v] = (float)(offsets[i % 6] + (double)(w[0] % 1024) / (i < 12 ? 256 : 4096));
        }
        struct row r = row_over(score, 20000);
        check(row_measure(&r) == 0, "measured");
        sym_t got = row_draw(&r, &k), want = by_noise(&r, &k);
        check(got == want, "scores of %g, turn %u: %u, want %u", offsets[i % 6], i, got, want);
    }
}

/* Of a row with few blocks left, by their list. */
static void test_few(void)
{
    struct row_work *w = row_work_alloc(MOST);
    for (uint32_t i = 0; i < 40; i++) {
        struct row r = rows_make(ROWS_PEAKED, i, score, i % 2 ? 5003 : MOST);
        struct rng_key k = key_at(i, 7);
        row_keep_rank(&r, 1 + i * 3, w);
        row_list(&r, w);
        uint32_t n = w->n_blocks, alive = 0;
        for (uint32_t b = 0; b < n; b++)
            for (uint32_t v = w->block[b] * ROW_BLOCK; v < r.n && v < (w->block[b] + 1) * ROW_BLOCK; v++)
                alive += score[v] > -INFINITY;
        check(alive == row_count(&r) && n <= alive, "%u blocks hold the %u symbols that are left", n, alive);
        check(row_draw_few(&r, &k, w->block, n) == row_draw(&r, &k), "a draw from few blocks");
    }
    row_work_free(w);
}

static void test_is_argmax_large(void)
{
    for (int kind = 0; kind < (getenv("CHORALE_LONG") ? ROWS_KINDS : ROWS_TIES); kind++) {
        struct row r = rows_make((enum rows_kind)kind, 3, score, MOST);
        struct rng_key k = key_at(1, (uint32_t)kind);
        sym_t got = row_draw(&r, &k), want = by_noise(&r, &k);
        check(got == want, "%s row of %u: %u, want %u", rows_name((enum rows_kind)kind), r.n, got, want);
    }
}

/* The symbol with a block's largest noise is masked, or stands beyond the end: the next in time has its turn. */
static void test_masked_maximum(void)
{
    for (uint32_t i = 0; i < 300; i++) {
        struct row r = rows_make(i % 2 ? ROWS_NORMAL : ROWS_FLAT, i, score, 100 + i);
        struct rng_key k = key_at(11, i);
        for (int gone = 0; gone < 5; gone++) {
            sym_t v = by_noise(&r, &k);
            check(row_draw(&r, &k) == v, "with %d winners masked, row of %u", gone, r.n);
            score[v] = -INFINITY;
            row_measure(&r);
        }
    }
}

static struct rng_key sweep_key;

static const struct row_kernel *plain(void)
{
    return &row_kernel_plain;
}

static const struct row_kernel *avx2(void)
{
    return &row_kernel_avx2;
}

static void test_same_on_all(void)
{
    const struct row_kernel *(*kernels[])(void) = { plain, avx2, row_kernel_best };
    for (uint32_t i = 0; i < 200; i++) {
        struct row r = rows_make((enum rows_kind)(i % ROWS_KINDS), i, score, 1 + i * 37);
        sym_t drawn[3];
        sweep_key = key_at(12, i);
        for (int j = 0; j < 3; j++) {
            struct row_ops ops = row_cpu;
            ops.kernel = kernels[j]()->supported() ? kernels[j] : plain;
            r.ops = &ops;
            drawn[j] = row_draw(&r, &sweep_key);
        }
        check(drawn[0] == drawn[1] && drawn[0] == drawn[2], "one draw on every instruction set, row %u", i);
    }
}

static void check_chi_square(const double p[], const uint64_t count[], uint32_t n, uint64_t draws, const char *name)
{
    double x2 = 0, rest_p = 0, rest_count = 0;
    int cells = 0;
    for (uint32_t v = 0; v < n; v++) {
        double want = p[v] * (double)draws, got = (double)count[v];
        check(p[v] > 0 || count[v] == 0, "%s: symbol %u has no probability and was drawn", name, v);
        if (want < 10) { /* rare symbols count together */
            rest_p += want;
            rest_count += got;
            continue;
        }
        x2 += (got - want) * (got - want) / want;
        cells++;
    }
    if (rest_p > 10) {
        x2 += (rest_count - rest_p) * (rest_count - rest_p) / rest_p;
        cells++;
    }
    double low = gsl_cdf_chisq_Pinv(ERROR / 2, cells - 1), high = gsl_cdf_chisq_Qinv(ERROR / 2, cells - 1);
    check(cells > 1 && x2 > low && x2 < high, "%s: chi-square %g of %d cells, want %g to %g", name, x2, cells, low,
          high);
}

static void draw_many(const struct row *r, uint64_t seed, uint32_t draws, uint64_t count[])
{
    for (uint32_t i = 0; i < draws; i++) {
        struct rng_key k = key_at(seed, i);
        count[row_draw(r, &k)]++;
    }
}

static void test_distribution(void)
{
    static const struct {
        enum rows_kind kind;
        uint32_t n;
    } rows[] = { { ROWS_NORMAL, 2 },   { ROWS_NORMAL, 7 }, { ROWS_NORMAL, 65 },  { ROWS_NORMAL, 300 },
                 { ROWS_FLAT, 130 },   { ROWS_TIES, 64 },  { ROWS_MASKED, 200 }, { ROWS_EQUAL, 66 },
                 { ROWS_PEAKED, 500 }, { ROWS_EQUAL, 64 } };
    uint32_t draws = getenv("CHORALE_LONG") ? 5000000 : 30000;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static uint64_t count[500];
        static double p[500];
        memset(count, 0, sizeof count);
        struct row r = rows_make(rows[i].kind, 40 + i, score, rows[i].n);
        for (sym_t v = 0; v < r.n; v++)
            p[v] = exp(row_logp(&r, v));
        draw_many(&r, 100 + i, draws, count);
        check_chi_square(p, count, r.n, draws, rows_name(rows[i].kind));
    }
}

/* Successive steps of one item are independent: pairs of a row of 6 fill their 36 cells as products. */
static void test_steps_independent(void)
{
    static const double p[6] = { .4, .25, .15, .1, .06, .04 };
    struct row r = rows_of(p, score, 6);
    double pair[36];
    uint64_t count[36] = { 0 };
    struct rng_address a = { .seed = 5, .item = 1, .purpose = RNG_DRAW };
    struct rng_key k = rng_key(&a);
    sym_t before = row_draw(&r, &k);
    for (a.step = 1; a.step <= 100000; a.step++) {
        k = rng_key(&a);
        sym_t v = row_draw(&r, &k);
        count[before * 6 + v]++;
        before = v;
    }
    for (int i = 0; i < 36; i++)
        pair[i] = p[i / 6] * p[i % 6];
    check_chi_square(pair, count, 36, 100000, "successive steps");
}

/* 256,000 symbols, 128,000 of about 1e-7 each that hold 1.3 % together: how often one of them is drawn is binomial.
 * A generator of 24 bits, or noise in float, would miss or favour them. */
static void test_far_tail(void)
{
    uint32_t draws = getenv("CHORALE_LONG") ? 1000000 : 5000, tail = 0, upper = 0;
    for (sym_t v = 0; v < MOST; v++)
        score[v] = v % 2 ? 0 : -40;
    score[100] = (float)log(128000 / .0128);
    struct row r = row_over(score, MOST);
    row_measure(&r);
    double p = 1 - exp(row_logp(&r, 100));
    check_near(exp(row_logp(&r, 1)), 1e-7, 1e-8, "a symbol of the tail");
    for (uint32_t i = 0; i < draws; i++) {
        struct rng_key k = key_at(77, i);
        sym_t v = row_draw(&r, &k);
        tail += v != 100;
        upper += v != 100 && v >= MOST / 2;
    }
    double sigma = sqrt(draws * p * (1 - p)), z = gsl_cdf_ugaussian_Qinv(ERROR / 2);
    check(fabs(tail - draws * p) < z * sigma, "tail: %u of %u, want %g +- %g", tail, draws, draws * p, z * sigma);
    check(fabs(upper - tail / 2.) < z * sqrt(tail / 4.), "half of the tail in the upper half: %u of %u", upper, tail);
}

static int up(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov distance of x[n] from the standard Gumbel; sqrt(n) D > 2.7 has probability 2 exp(-2 * 2.7^2) = 9e-7. */
static void check_gumbel(double x[], size_t n, const char *name)
{
    double d = 0;
    qsort(x, n, sizeof *x, up);
    for (size_t i = 0; i < n; i++) {
        double f = exp(-exp(-x[i]));
        d = fmax(d, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
    }
    check(sqrt((double)n) * d < 2.7, "%s: Kolmogorov-Smirnov %g", name, sqrt((double)n) * d);
}

static void test_noise_is_gumbel(void)
{
    static double x[64000];
    struct rng_key k = key_at(21, 0);
    for (sym_t v = 0; v < 64000; v++)
        x[v] = row_noise(&k, v);
    check_gumbel(x, 64000, "noise of one row");
    for (uint32_t i = 0; i < 64000; i++) {
        k = key_at(22, i);
        x[i] = row_noise(&k, 37);
    }
    check_gumbel(x, 64000, "noise of one symbol");
    for (uint32_t i = 0; i < 6400; i++) { /* the largest of a block is ln 64 + a Gumbel */
        k = key_at(23, i);
        x[i] = -INFINITY;
        for (sym_t v = 64; v < 128; v++)
            x[i] = fmax(x[i], row_noise(&k, v) - log(64));
    }
    check_gumbel(x, 6400, "maximum of a block");
    double sum = 0;
    for (uint32_t i = 0; i < 32000; i++) { /* two symbols of one block, as uniforms: no correlation */
        k = key_at(24, i);
        sum += (exp(-exp(-row_noise(&k, 3))) - .5) * (exp(-exp(-row_noise(&k, 50))) - .5);
    }
    double z = sum * 12 / sqrt(32000);
    check(fabs(z) < gsl_cdf_ugaussian_Qinv(ERROR / 2), "two symbols of a block: correlation %g sigma", z);
}

/* The noise as base/row_draw.c writes its words and times, with libm. */
static void test_layout_of_noise(void)
{
    for (sym_t v = 0; v < 2000; v++) {
        struct rng_key k = key_at(31, v % 10);
        uint32_t w[4], block = v / 64, j = v % 64;
        rng_words(&k, block, w);
        double time = -log(rng_open53(w[0], w[1])) / 64;
        if (j != w[2] >> 26) {
            rng_words(&k, 0x80000000u + 32 * block + j / 2, w);
            time -= j % 2 ? log(rng_open53(w[2], w[3])) : log(rng_open53(w[0], w[1]));
        }
        check_near(row_noise(&k, v), -log(time), 1e-12, "noise of symbol %u", v);
    }
}

int main(void)
{
    test_layout_of_noise();
    test_is_argmax();
    test_is_argmax_large();
    test_is_argmax_far_off();
    test_few();
    test_masked_maximum();
    test_same_on_all();
    test_distribution();
    test_steps_independent();
    test_far_tail();
    test_noise_is_gumbel();
    return check_done("row_draw");
}

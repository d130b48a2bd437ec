/* Statistics against published and enumerated values. */
#include "base/rng.h"
#include "experiments/init.h"
#include "experiments/stats.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>

static const struct stats_options options = { .seed = 7, .stream = 1 };

static double brute_signflip(const double d[], size_t n)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        sum += d[i];
    for (size_t s = 0; s < (size_t)1 << n; s++) {
        double t = 0;
        for (size_t i = 0; i < n; i++)
            t += s >> i & 1 ? d[i] : -d[i];
        count += fabs(t) >= fabs(sum) - 1e-12;
    }
    return (double)count / ldexp(1, (int)n);
}

static void test_published(void)
{
    const double d[] = { .3, .1, -.2, .4, .5, .2 };
    check_near(stats_signflip(d, 6, &options), 0.125, 1e-12, "exact sign flip: 8 of 64");
    check_near(stats_mcnemar(8, 2), 0.109375, 1e-12, "McNemar exact, b=8 c=2");
    check_near(stats_mcnemar(2, 8), 0.109375, 1e-12, "McNemar is symmetric");
    check_near(stats_mcnemar(3, 3), 1, 0, "McNemar of equal counts");
    check_near(stats_mcnemar(0, 0), 1, 0, "McNemar of nothing");
    const double p[] = { .01, .04, .03, .005 }, holm[] = { .03, .06, .06, .02 }, bh[] = { .02, .04, .04, .02 };
    double got[4];
    stats_holm(p, 4, got);
    for (int i = 0; i < 4; i++)
        check_near(got[i], holm[i], 1e-12, "Holm %d", i);
    stats_benjamini_hochberg(p, 4, got);
    for (int i = 0; i < 4; i++)
        check_near(got[i], bh[i], 1e-12, "Benjamini-Hochberg %d", i);
    /* Newcombe 1998, table I: 81 of 263, 95 % */
    struct interval w = stats_wilson(81, 263, 0.95);
    check_near(w.low, 0.2553, 5e-5, "Wilson low");
    check_near(w.high, 0.3662, 5e-5, "Wilson high");
    /* the same, 0 of 20 and 1 of 29 */
    w = stats_wilson(0, 20, 0.95);
    check_near(w.high, 0.1611, 5e-5, "Wilson high of none");
    check(w.low == 0, "Wilson low of none is 0");
    w = stats_wilson(1, 29, 0.95);
    check_near(w.low, 0.0061, 5e-5, "Wilson low of 1 of 29");
    check_near(w.high, 0.1718, 5e-5, "Wilson high of 1 of 29");
}

static void test_signflip(void)
{
    const double a[] = { .31, -.72, .11, 1.5, -.04, .66, .2, .2, -.2, .9, .05, .33 };
    for (size_t n = 1; n <= 12; n++)
        check_near(stats_signflip(a, n, &options), brute_signflip(a, n), 1e-12, "sign flip of %zu, all signs", n);
    const double one[] = { 0, NAN, -.4, 0 };
    const double two[] = { 0, .2, .3 }, far[] = { INFINITY, .1, .2 };
    check(!stats_tells(one, 4) && stats_signflip(one, 4, &options) == 1, "one item cannot tell");
    check(stats_tells(a, 12) && stats_tells(two, 3) && stats_signflip(two, 3, &options) < 1, "two can");
    check(!stats_tells(far, 3) && stats_signflip(far, 3, &options) == 1, "nor can what is beyond all numbers");
    const double none[] = { 0, 0, 0 }, holes[] = { NAN, .3, .1, NAN, -.2, .4, .5, .2 };
    check_near(stats_signflip(none, 3, &options), 1, 0, "no difference");
    check_near(stats_signflip(holes, 8, &options), 0.125, 1e-12, "NaN are left out");
    check(isnan(stats_signflip(holes, 1, &options)), "no item, no p");
    double same[60], mixed[60];
    for (int i = 0; i < 60; i++) {
        same[i] = 0.1 + i * 0.001;
        mixed[i] = i % 2 ? 1 + i * 1e-3 : -1 - i * 1e-3;
    }
    check_near(stats_signflip(same, 60, &options), 0x1p-59, 1e-20, "all differ to one side: 2 of 2^60");
    double exact = stats_signflip(a, 12, &options);
    double p = stats_signflip(mixed, 60, &options);
    check(p > 0.7, "drawn signs, balanced: %g", p);
    check(exact > 0 && exact < 1, "exact lies inside");
}

/* P(X >= k) of a fair binomial, twice: the exact p of n differences of one size, k of them to one side. */
static double binomial_p(int n, int k)
{
    double sum = 0, term = ldexp(1, -n);
    for (int i = 0; i <= n; i++, term = term * (n - i + 1) / i)
        sum += i >= k ? term : 0;
    return sum * 2 < 1 ? sum * 2 : 1;
}

/* bug: 9,999 drawn permutations have no p below 1 / 10000, so that Holm over more than 500 pairs of arms could tell none
 * apart however they differed.  Oracles: the binomial for differences of one size (a lattice, where every sum is shared by
 * many permutations), counting for 24 of many sizes. */
static void test_small_p(void)
{
    double d[400];
    static const struct {
        int n, k;
    } cases[] = { { 40, 22 }, { 40, 28 }, { 40, 34 }, { 40, 38 }, { 100, 70 }, { 400, 230 }, { 400, 300 } };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int i = 0; i < cases[c].n; i++)
            d[i] = i < cases[c].k ? 0.25 : -0.25;
        double want = binomial_p(cases[c].n, cases[c].k), got = stats_signflip(d, (size_t)cases[c].n, &options);
        check_near(got / want, 1, 0.25, "%d of %d: %g, want %g", cases[c].k, cases[c].n, got, want);
    }
    struct stats_options draw = { .seed = 7, .stream = 3, .exact = 1 };
    for (int shift = 0; shift < 10; shift++) {
        for (int i = 0; i < 24; i++)
            d[i] = cos(7.3 * i) + 0.13 * shift;
        double want = stats_signflip(d, 24, &options), got = stats_signflip(d, 24, &draw);
        check(want > 0.3 ? got > 0.2 : fabs(got / want - 1) < 0.25, "drawn %g, counted %g", got, want);
    }
}

/* bug: the tilt ended where the largest value's sign was certain, so that the signs of values much smaller were drawn as fair
 * ones: where nearly all agree, p came out tens of thousands of times too large.  Of 1, 2, 4, .. with one turned round, 2^j, as much is
 * reached by that turned back and any signs below it, and by itself. */
static void test_small_p_of_unlike_sizes(void)
{
    enum { N = 32 };
    double d[N];
    for (int turned = 0; turned < 8; turned++) {
        for (int i = 0; i < N; i++)
            d[i] = ldexp(i == turned ? -1 : 1, i);
        double want = ldexp(ldexp(1, turned) + 1, 1 - N), got = stats_signflip(d, N, &options);
        check_near(got / want, 1, 0.25, "1, 2, 4, .. without 2^%d: %g, want %g", turned, got, want);
    }
}

/* Coverage of the 95 % interval of the mean of 40 uniform numbers: binomial(400, ~0.94); 5 sigma is 0.06. */
static void test_bootstrap(void)
{
    int inside = 0;
    for (uint32_t t = 0; t < 400; t++) {
        struct rng_address at = { .seed = 99, .draw = t, .purpose = RNG_TEST };
        struct rng_key k = rng_key(&at);
        double x[40];
        for (uint32_t i = 0; i < 40; i++)
            x[i] = rng_uniform(&k, i);
        struct interval b =
            stats_bootstrap(x, 40, &(struct stats_options){ .seed = 5, .stream = t, .replicates = 400 });
        inside += b.low <= 0.5 && 0.5 <= b.high;
    }
    check_near(inside / 400.0, 0.94, 0.06, "coverage of the bootstrap interval");
    const double x[] = { 1, 2, 3, 4, NAN }, y[] = { 0.5, 1.5, 2.5, 3.5, 7 };
    struct interval b = stats_bootstrap(x, 5, &options), c = stats_bootstrap(x, 5, &options);
    check(b.n == 4 && b.mean == 2.5, "NaN does not count");
    check(b.low == c.low && b.high == c.high, "one address, one interval");
    check(b.low >= 1 && b.high <= 4 && b.low < 2.5 && b.high > 2.5, "interval [%g, %g]", b.low, b.high);
    struct interval d = stats_bootstrap_paired(x, y, 5, &options);
    check(d.n == 4 && d.low == 0.5 && d.high == 0.5, "a constant difference has no width");
    b = stats_bootstrap(x, 1, &options);
    check(b.mean == 1 && isnan(b.low), "one item has no interval");
    b = stats_bootstrap(x + 4, 1, &options);
    check(isnan(b.mean) && b.n == 0, "no item has no mean");
}

int main(void)
{
    init_libraries();
    test_published();
    test_signflip();
    test_small_p();
    test_small_p_of_unlike_sizes();
    test_bootstrap();
    return check_done("stats");
}

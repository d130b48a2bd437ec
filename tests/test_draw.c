/* decode/draw: every kind against exact probabilities, small rows and 256,000 symbols with a far tail; arithmetic codes:
 * exact each, evenly spread together, endless. */
#include "base/err.h"
#include "decode/draw.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 256000 };

static struct row_work *work;

static struct draw draw_of(const char *name, double n)
{
    return (struct draw){ .type = draw_find(name), .n = n };
}

static struct rng_address address(uint32_t draw, uint32_t step)
{
    return (struct rng_address){ .seed = 11, .item = 5, .space = 7, .draw = draw, .step = step, .purpose = RNG_DRAW };
}

static sym_t once(const char *name, const struct row *r, uint32_t i)
{
    struct draw d = draw_of(name, 16);
    struct rng_address a = address(i, 0);
    return draw_symbol(&d, r, &a, work);
}

static void small(const char *name)
{
    enum { N = 9, DRAWS = 20000 };
    float score[N] = { 1, -2, -INFINITY, 0.5f, 3, -INFINITY, 2.5f, -6, -INFINITY };
    double p[N], count[N] = { 0 };
    struct row r = row_over(score, N);
    check(row_measure(&r) == 0, "measured");
    for (sym_t v = 0; v < N; v++)
        p[v] = exp(row_logp(&r, v));
    for (uint32_t i = 0; i < DRAWS; i++)
        count[once(name, &r, i)]++;
    check(exact_fits(p, count, N, DRAWS), "%s: small row", name);
    check(count[2] + count[5] + count[8] == 0, "%s: a masked symbol is never drawn", name);
}

/* Zipf's head, a plateau, and a far tail of 250,000 symbols of 3e-8 each: counts by band are binomial, and the
 * tail's symbols are drawn evenly. */
static void wide(const char *name, uint32_t n_draws)
{
    static float score[WIDE];
    double band[4] = { 0 }, want[4] = { 0 }, tail[10] = { 0 }, even[10], n_tail = 0;
    for (uint32_t v = 0; v < WIDE; v++)
        score[v] = v % 43 != 7 ? -11.f : (float)(4 - log(1 + (double)v / 43));
    struct row r = row_over(score, WIDE);
    check(row_measure(&r) == 0, "measured");
#define BAND(v) ((v) % 43 != 7 ? 3 : (v) < 430 ? 0 : (v) < 43000 ? 1 : 2)
    for (sym_t v = 0; v < WIDE; v++)
        want[BAND(v)] += exp(row_logp(&r, v));
    check(want[3] > 5e-3 && want[3] < 0.02, "the tail is far: %g", want[3]);
    for (uint32_t i = 0; i < n_draws; i++)
        band[BAND(once(name, &r, i))]++;
    for (int b = 0; b < 4; b++) {
        double sigma = sqrt(n_draws * want[b] * (1 - want[b]));
        check(fabs(band[b] - n_draws * want[b]) < 5 * sigma + 1, "%s: band %d has %g of %u, want %g +- %g", name, b,
              band[b], n_draws, n_draws * want[b], sigma);
    }
    for (uint32_t v = 0; v < WIDE; v++)
        if (v % 43 == 7)
            score[v] = -60;
    check(row_measure(&r) == 0, "measured");
    for (uint32_t i = 0; i < n_draws / 8; i++) {
        sym_t v = once(name, &r, i);
        tail[v / (WIDE / 10)]++;
        n_tail++;
    }
    for (int k = 0; k < 10; k++)
        even[k] = 1. / 10;
    check(exact_fits(even, tail, 10, n_tail), "%s: an even row of %d symbols", name, WIDE);
}

/* The inverse CDF itself: a uniform u takes the first symbol whose cumulated probability passes it.  Long double sums say
 * which; disagreement is allowed within 2^-21 of a boundary. */
static void cdf_is_inverse(void)
{
    static float score[WIDE];
    size_t close = 0;
    for (uint32_t v = 0; v < WIDE; v++)
        score[v] = (float)(3 * sin(v * 0.37) - 8 * (v % 7 == 0));
    struct row r = row_over(score, WIDE);
    check(row_measure(&r) == 0, "measured");
    static long double sum[WIDE];
    long double total = 0;
    for (uint32_t v = 0; v < WIDE; v++)
        sum[v] = total += expl((long double)score[v]);
    for (uint32_t i = 0; i < 100; i++) {
        struct rng_address a = address(i, 0);
        struct rng_key key = rng_key(&a);
        long double u = (long double)rng_uniform(&key, 0) * total;
        sym_t got = once("cdf", &r, i), want = 0;
        while (sum[want] <= u)
            want++;
        bool near =
            fabsl(sum[want] - u) < 0x1p-21L * total || (want > 0 && fabsl(sum[want - 1] - u) < 0x1p-21L * total);
        close += near;
        check(got == want || near, "u %Lg: symbol %u, want %u", u / total, got, want);
    }
    check(close < 30, "few were near a boundary: %zu", close);
}

/* A first draw of arithmetic is uniform in its code, so that texts come with their probabilities; n draws of one lattice
 * fall into each text's interval as often as its length says, to within one. */
static void arithmetic_spreads(void)
{
    enum { N = 3, STEPS = 3, TEXTS = 27, GROUP = 32, GROUPS = 400 };
    float score[N] = { 0.2f, 1.1f, -0.7f };
    double p[TEXTS], count[TEXTS] = { 0 }, first[TEXTS] = { 0 };
    struct row r = row_over(score, N);
    check(row_measure(&r) == 0, "measured");
    for (uint32_t t = 0; t < TEXTS; t++)
        p[t] = exp(row_logp(&r, t / 9) + row_logp(&r, t / 3 % 3) + row_logp(&r, t % 3));
    for (uint32_t g = 0; g < GROUPS; g++) {
        double here[TEXTS] = { 0 };
        for (uint32_t i = 0; i < GROUP; i++) {
            struct draw d = draw_of("arithmetic", GROUP);
            uint32_t text = 0;
            for (uint32_t step = 0; step < STEPS; step++) {
                struct rng_address a = address(g * GROUP + i, step);
                text = text * 3 + draw_symbol(&d, &r, &a, work);
            }
            here[text]++;
            first[text] += i == 0;
        }
        for (uint32_t t = 0; t < TEXTS; t++) {
            count[t] += here[t];
            check(fabs(here[t] - p[t] * (GROUP + 1)) < 2, "lattice %u: text %u came %g times, want %g +- 1", g, t,
                  here[t], p[t] * (GROUP + 1));
        }
    }
    check(exact_fits(p, first, TEXTS, GROUPS), "the first draw of each lattice is a sample");
    for (uint32_t t = 0; t < TEXTS; t++)
        check_near(count[t] / (GROUP * GROUPS), p[t], 0.004, "text %u on average", t);
}

/* 200 steps use up hundreds of bits: the last are as random as the first, and different draws part. */
static void arithmetic_is_endless(void)
{
    enum { N = 8, STEPS = 400, DRAWS = 64 };
    float score[N] = { 0, 0.5f, -0.5f, 1, 0, -1, 0.3f, 0.2f };
    double p[N], late[N] = { 0 }, pair[N * N], both[N * N] = { 0 };
    struct row r = row_over(score, N);
    check(row_measure(&r) == 0, "measured");
    for (sym_t v = 0; v < N; v++)
        p[v] = exp(row_logp(&r, v));
    for (sym_t v = 0; v < N * N; v++)
        pair[v] = p[v / N] * p[v % N];
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct draw d = draw_of("arithmetic", DRAWS);
        sym_t before = 0;
        for (uint32_t step = 0; step < STEPS; step++) {
            struct rng_address a = address(i, step);
            sym_t v = draw_symbol(&d, &r, &a, work);
            late[v] += step >= 100;
            both[before * N + v] += step >= 100 && step % 2 == 1;
            before = v;
        }
    }
    check(exact_fits(p, late, N, DRAWS * (STEPS - 100)), "symbols after 100 steps");
    check(exact_fits(pair, both, (size_t)N * N, DRAWS * (STEPS - 100) / 2.), "pairs after 100 steps");
}

/* draw_top(): the first is row_draw()'s; the second has its place by its own noise; scores are put back. */
static void top_draws(void)
{
    enum { N = 200, K = 12 };
    float score[N], before[N];
    struct draw_best best[K];
    for (uint32_t v = 0; v < N; v++)
        before[v] = score[v] = v % 5 == 0 ? -INFINITY : (float)sin(v * 1.7) * 3;
    struct row r = row_over(score, N);
    check(row_measure(&r) == 0, "measured");
    for (uint32_t i = 0; i < 200; i++) {
        struct rng_address a = address(i, 1);
        struct rng_key key = rng_key(&a);
        check(draw_top(&r, &key, K, best) == K && memcmp(score, before, sizeof score) == 0, "scores are put back");
        check(best[0].id == row_draw(&r, &key), "the first is the draw");
        for (uint32_t k = 0; k < K; k++) {
            uint32_t above = 0;
            for (sym_t v = 0; v < N; v++)
                above += row_logp(&r, v) + row_noise(&key, v) > best[k].value + 1e-9;
            check(above == k, "draw %u: place %u has %u above it", i, k, above);
        }
    }
    score[0] = 1;
    for (uint32_t v = 1; v < N; v++)
        score[v] = -INFINITY;
    struct rng_address a = address(0, 0);
    struct rng_key key = rng_key(&a);
    check(row_measure(&r) == 0 && draw_top(&r, &key, K, best) == 1 && best[0].id == 0, "one symbol gives one");
}

/* ollama x/mlxrunner/sample: target {2: .7, 5: .3} less draft {2: .2, 4: .8} is {2: .625, 5: .375}. */
static void residual(void)
{
    enum { N = 6 };
    float p[N], q[N], left[N];
    for (int v = 0; v < N; v++)
        p[v] = q[v] = -INFINITY;
    p[2] = logf(.7f);
    p[5] = logf(.3f);
    q[2] = logf(.2f);
    q[4] = logf(.8f);
    struct row a = row_over(p, N), b = row_over(q, N), out = row_over(left, N);
    check(row_measure(&a) == 0 && row_measure(&b) == 0, "measured");
    draw_residual(&a, &b, 4, &out);
    check_near(exp(row_logp(&out, 2)), .625, 1e-6, "residual of 2");
    check_near(exp(row_logp(&out, 5)), .375, 1e-6, "residual of 5");
    check(row_count(&out) == 2, "nothing else");
    draw_residual(&a, NULL, 2, &out);
    check(row_count(&out) == 1 && out.score[5] > -INFINITY, "a refused look-up leaves the others");
    draw_residual(&a, &a, 2, &out);
    check(row_dead(&out), "equal rows leave nothing");
}

/* Edges: one symbol, a masked end, an overwhelming symbol. */
static void edges(void)
{
    static const char *const names[] = { "gumbel", "cdf", "arithmetic", "greedy" };
    static float flat[WIDE]; /* a block of tiny masses far behind: none of them is lost beside the sum */
    for (uint32_t v = 0; v < WIDE; v++)
        flat[v] = v == 5 ? 0 : v < WIDE - 64 || v % 2 == 0 ? -INFINITY : -36.5f;
    struct row far = row_over(flat, WIDE);
    check(row_measure(&far) == 0, "measured");
    for (uint32_t i = 0; i < 20; i++)
        check(once("arithmetic", &far, i) == 5 && once("cdf", &far, i) == 5, "the head");
    float one[1] = { -3 }, last[4] = { -INFINITY, 1, 2, -INFINITY }, peak[5] = { -300, 0, -300, -INFINITY, -80 };
    struct row a = row_over(one, 1), b = row_over(last, 4), c = row_over(peak, 5);
    check(row_measure(&a) == 0 && row_measure(&b) == 0 && row_measure(&c) == 0, "measured");
    for (size_t k = 0; k < 4; k++)
        for (uint32_t i = 0; i < 500; i++) {
            sym_t v = once(names[k], &b, i);
            check(once(names[k], &a, i) == 0 && (v == 1 || v == 2) && once(names[k], &c, i) == 1, "%s: draw %u",
                  names[k], i);
        }
    check(draw_find("gumble") == NULL && strstr(err_text(), "did you mean 'gumbel'?"), "unknown: %s", err_text());
}

int main(void)
{
    work = row_work_alloc(WIDE);
    static const char *const names[] = { "gumbel", "cdf", "arithmetic" };
    bool is_long = getenv("CHORALE_LONG") != NULL;
    for (size_t i = 0; i < 3; i++) {
        small(names[i]);
        wide(names[i], (is_long ? 100000u : 400u) * (i == 0 ? 4u : 1u));
    }
    cdf_is_inverse();
    arithmetic_spreads();
    arithmetic_is_endless();
    top_draws();
    residual();
    edges();
    row_work_free(work);
    return check_done("draw");
}

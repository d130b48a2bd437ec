/* Rows: exp and log, one result on every instruction set, measures, changes of scores.  Truth: libm in (long) double. */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 256000

static float score[MOST], other[MOST], third[MOST];

/* Distance in units of the last place of want. */
static double ulps(long double got, long double want, int bits)
{
    return want == 0 ? (got == 0 ? 0 : INFINITY) : (double)(fabsl(got - want) / ldexpl(1, ilogbl(want) - bits + 1));
}

static void test_exp_log(void)
{
    double worst[4] = { 0 };
    struct rng_key k = rng_key(&(struct rng_address){ .purpose = RNG_TEST });
    for (uint32_t i = 0; i < 300000; i++) {
        double u = rng_uniform(&k, i);
        float x = (float)(88 - 175 * u), y = (float)exp(80 * (u - .5)), one = (float)(.5 + u * 2);
        double wide = 700 - 1400 * u, z = exp(600 * (u - .5)), near = 1 - ldexp(u, -(int)(i % 50));
        worst[0] = fmax(worst[0], ulps((long double)math_exp(x), expl((long double)x), 24));
        worst[1] = fmax(worst[1], ulps((long double)math_log(y), logl((long double)y), 24));
        worst[1] = fmax(worst[1], ulps((long double)math_log(one), logl((long double)one), 24));
        worst[2] = fmax(worst[2], ulps((long double)math_exp64(wide), expl((long double)wide), 53));
        worst[3] = fmax(worst[3], ulps((long double)math_log64(z), logl((long double)z), 53));
        worst[3] = fmax(worst[3], ulps((long double)math_log64(near), logl((long double)near), 53));
    }
    for (int i = 0; i < 4; i++)
        check(worst[i] <= 2, "function %d of row_math.h errs by %g ulp", i, worst[i]);
    check(math_exp(0) == 1 && math_log(1) == 0 && math_exp64(0) == 1 && math_log64(1) == 0, "exact at 0 and 1");
    check(math_exp(-INFINITY) == 0 && math_exp(-87.01f) == 0 && math_exp64(-INFINITY) == 0, "nothing below");
    check(math_exp(-87) > 0 && math_exp64(-700) > 0, "least");
}

static const uint32_t sizes[] = { 1, 2, 7, 15, 16, 17, 31, 63, 64, 65, 100, 127, 128, 129, 1000, 5003 };
#define N_SIZES (sizeof sizes / sizeof sizes[0])

/* Everything that a kernel gives for a row, as bytes. */
struct given {
    float max, floats[4][5003];
    double sum, surprise, moments[2], relative, near_sum[2];
    float min, cubic, away;
    uint32_t n_alive, near;
    uint32_t found, count, n_collected;
    uint32_t n_picked, key[5003];
    sym_t id[5003];
    bool good;
};

static void give(const struct row_kernel *k, const struct row *r, const struct row_part part[], struct given *g)
{
    uint32_t n = r->n;
    float least = (float)r->log_z - 5;
    memset(g, 0, sizeof *g);
    g->good = k->max(r->score, n, &g->max);
    g->found = k->find(r->score, n, g->max);
    g->count = k->count(r->score, n);
    g->sum = k->sum(r->score, n, g->max);
    g->surprise = k->surprise(r->score, n, g->max);
    g->min = k->min(r->score, n);
    k->moments(r->score, n, g->max, g->moments);
    k->affine(g->floats[1], r->score, n, &(struct row_affine){ r->log_z, 1.7, 0.3 });
    g->relative = k->relative(r->score, g->floats[1], n, g->max);
    k->cubic(g->floats[2], r->score, n, &(struct row_cubic){ r->log_z, -.3, .1, 2 });
    k->distance(g->floats[3], r->score, n, r->log_z);
    g->away = g->floats[3][n / 2] + g->floats[3][n - 1];
    g->n_alive = k->count(r->score, n);
    memcpy(g->floats[0], r->score, n * sizeof(float));
    k->cut_far(g->floats[0], g->floats[3], n, g->floats[3][n / 2], n / 2);
    for (uint32_t i = 0; i < n; i++)
        g->near += g->floats[0][i] > -INFINITY;
    g->cubic = g->floats[2][n / 2] + g->floats[2][n - 1];
    g->n_collected = k->collect(r->score, n, least, g->id, g->floats[0]);
    k->exp(g->floats[0], g->n_collected, (float)r->log_z);
    k->bin(g->key, r->score, n, g->max, 3.5f);
    for (sym_t v = 0; v < n; v++)
        g->floats[3][v] = (float)(g->id[v] = v);
    g->n_picked = k->pick(g->key, n, g->key[n / 2], g->id, g->floats[3]);
    for (uint32_t i = 0; i < n; i++) { /* collect() and pick() may use what is left */
        g->floats[0][i] = i < g->n_collected ? g->floats[0][i] : 0;
        g->floats[3][i] = 0;
        g->id[i] = i < g->n_picked ? g->id[i] : 0;
    }
    k->affine(g->floats[1], r->score, n, &(struct row_affine){ r->log_z, 1.7, 0.3 });
    memcpy(g->floats[2], r->score, n * sizeof(float));
    g->sum += k->cut(g->floats[2], n, g->max, g->found, g->max);
    k->block_max(r->score, n, g->floats[3]);
    k->mix(g->floats[3] + 100, part, 3, n < 4900 ? n : 4900);
}

/* What changes a row by more than a shift: scale, slide, attract, and sums of few. */
static void give_changes(const struct row_kernel *k, const struct row *r, struct given *g)
{
    uint32_t n = r->n;
    memset(g, 0, sizeof *g);
    k->max(r->score, n, &g->max);
    struct row_scale scale = { 1.7f, 1e-8f, g->max };
    k->scale(&scale.shift, 1, &scale); /* the largest of the results */
    memcpy(g->floats[0], r->score, n * sizeof(float));
    g->sum = k->scale(g->floats[0], n, &scale);
    k->slide(g->floats[1], r->score, n, fabs(r->log_z) < 0x1p40 ? r->log_z : 1);
    memcpy(g->floats[3], r->score, n * sizeof(float));
    double c = n % 2 ? 1.7 : .3;
    struct row_skew skew = { scale.shift,           r->log_z,  c, log(c), c - 1, (c * c - 1) / 24,
                             (c - 1) * (c - 2) / 6, fmax(c, 1) };
    k->max(r->score, n, &skew.top);
    g->near_sum[0] = k->skew(g->floats[3], n, &skew);
    for (uint32_t v = 0; v < n; v++)
        g->away += g->floats[3][v] > -INFINITY ? g->floats[3][v] : 0;
    k->attract(g->floats[2], r->score, n, &(struct row_attract){ g->max, .3f, .4f, 3.3f, 5, 10 });
    memcpy(g->floats[3], r->score, n * sizeof(float));
    k->cut_far(g->floats[3], g->floats[1], n, g->floats[1][n / 3], n / 3);
    g->moments[0] = k->cut(g->floats[0], n, g->floats[0][n / 2], n / 2, scale.shift);
    g->surprise = k->sum_few(r->score, n, g->max) - k->sum(r->score, n, g->max);                   /* 0 */
    g->relative = k->sum_few(g->floats[0], n, scale.shift) - k->sum(g->floats[0], n, scale.shift); /* 0 */
    g->moments[1] = k->sum(g->floats[0], n, scale.shift) - g->moments[0];                          /* 0 */
}

/* By the definitions, in double: what `scale`, `slide` and the cuts store. */
static void test_changes_in_double(void)
{
    struct given *g = mem_alloc(1, sizeof *g);
    for (size_t s = 0; s < N_SIZES * ROWS_KINDS; s++) {
        enum rows_kind kind = (enum rows_kind)(s % ROWS_KINDS);
        struct row r = rows_make(kind, s, score, sizes[s / ROWS_KINDS]);
        uint32_t n = r.n, wrong = 0;
        give_changes(row_kernel_best(), &r, g);
        double by = fabs(r.log_z) < 0x1p40 ? r.log_z : 1, edge = (double)g->floats[1][n / 3];
        float half = (float)((double)score[n / 2] * (1.7f + 1e-8));
        for (uint32_t v = 0; v < n; v++) {
            double x = (double)score[v];
            float scaled = (float)(x * ((double)1.7f + (double)1e-8f));
            bool behind = (double)g->floats[1][v] > edge || ((double)g->floats[1][v] == edge && v > n / 3);
            bool after = scaled < half || (scaled == half && v > n / 2);
            wrong += g->floats[1][v] != (float)(x - by);
            wrong += g->floats[3][v] != (behind ? -INFINITY : score[v]);
            wrong += g->floats[0][v] != (after ? -INFINITY : scaled);
        }
        check(wrong == 0, "%s row of %u: %u scores are not what a double gives", rows_name(kind), n, wrong);
        check(g->surprise == 0 && g->relative == 0 && g->moments[1] == 0, "%s row of %u: the sum of few is the sum",
              rows_name(kind), n);
    }
    free(g);
}

static void give_near(const struct row_kernel *k, const struct row_part part[], uint32_t n, struct given *g)
{
    memset(g, 0, sizeof *g);
    struct row_pooled mix = k->mix_near(g->floats[0], part, 3, n);
    k->mean_near(g->floats[2], part, 3, n, part[0].factor);
    struct row_pooled product = k->product_near(g->floats[1], part, 3, n, 1.5);
    g->near_sum[0] = mix.sum;
    g->near_sum[1] = product.sum;
    g->max = mix.top;
    g->away = product.top;
    float top;
    check(!k->max(g->floats[0], n, &top) || !(mix.sum <= 1 / ROW_LEAST) || top == mix.top, "%s: top of a mixture",
          k->name);
    check(!k->max(g->floats[1], n, &top) || !(product.sum <= 1 / ROW_LEAST) || top == product.top,
          "%s: top of a product", k->name);
}

static void give_pools(const struct row_kernel *k, const struct row_part part[], uint32_t n, struct given *g)
{
    memset(g, 0, sizeof *g);
    k->mean(g->floats[0], part, 3, n, part[0].factor);
    k->extreme(g->floats[1], part, 3, n, -1);
    k->block_noise(&(struct rng_key){ { 1, 2 }, { 3, 4, 5 } }, n, 1008, g->floats[2]);
}

static void parts_of(const struct row rows[3], double factor, struct row_part part[3])
{
    for (int i = 0; i < 3; i++) {
        double offset = log(.2 + .1 * i) - factor * rows[i].log_z;
        part[i] =
            (struct row_part){ .score = rows[i].score, .factor = factor, .offset = offset, .near = (float)offset };
        part[i].rest = (float)(offset - (float)offset);
        part[i].center = (float)rows[i].log_z;
        part[i].share = (float)(.2 + .1 * i);
    }
}

static void test_same_bits(void)
{
    const struct row_kernel *fast[] = { &row_kernel_avx2, &row_kernel_avx512 };
    struct given *want = mem_alloc(1, sizeof *want), *got = mem_alloc(1, sizeof *got);
    for (int i = 0; i < 2; i++)
        for (size_t s = 0; fast[i]->supported() && s < N_SIZES * ROWS_KINDS; s++) {
            enum rows_kind kind = (enum rows_kind)(s % ROWS_KINDS);
            uint32_t n = sizes[s / ROWS_KINDS];
            struct row rows[3] = { rows_make(kind, s, score, n), rows_make(kind, s + 1, other, n),
                                   rows_make(ROWS_MASKED, s, third, n) };
            struct row_part part[3];
            parts_of(rows, s % 2 ? 1.5 : -.5, part);
            give(&row_kernel_plain, &rows[0], part, want);
            give(fast[i], &rows[0], part, got);
            check(memcmp(want, got, sizeof *got) == 0, "%s: %s row of %u", fast[i]->name, rows_name(kind), n);
            give_changes(&row_kernel_plain, &rows[0], want);
            give_changes(fast[i], &rows[0], got);
            check(memcmp(want, got, sizeof *got) == 0, "%s: changes of %s rows of %u", fast[i]->name, rows_name(kind),
                  n);
            give_pools(&row_kernel_plain, part, n, want);
            give_pools(fast[i], part, n, got);
            check(memcmp(want, got, sizeof *got) == 0, "%s: pools of %s rows of %u", fast[i]->name, rows_name(kind), n);
            give_near(&row_kernel_plain, part, n, want);
            give_near(fast[i], part, n, got);
            check(memcmp(want, got, sizeof *got) == 0, "%s: near %s rows of %u", fast[i]->name, rows_name(kind), n);
        }
    check(row_kernel_plain.supported() && row_kernel_best()->supported(), "a kernel for this machine");
    free(want);
    free(got);
}

/* log Z and entropy in long double. */
static void truth(const struct row *r, long double *log_z, long double *entropy)
{
    long double sum = 0, expected = 0, max = (long double)row_max(r);
    for (uint32_t v = 0; v < r->n; v++)
        if (r->score[v] > -INFINITY) {
            long double e = expl((long double)r->score[v] - max);
            sum += e;
            expected += e * ((long double)r->score[v] - max);
        }
    *log_z = max + logl(sum);
    *entropy = logl(sum) - expected / sum;
}

static void test_measure(void)
{
    for (size_t s = 0; s < N_SIZES * ROWS_KINDS + ROWS_KINDS; s++) {
        enum rows_kind kind = (enum rows_kind)(s % ROWS_KINDS);
        uint32_t n = s / ROWS_KINDS < N_SIZES ? sizes[s / ROWS_KINDS] : MOST;
        struct row r = rows_make(kind, s, score, n);
        long double log_z, entropy;
        uint32_t best = 0, count = 0;
        truth(&r, &log_z, &entropy);
        check_near(r.log_z, (double)log_z, 1e-6, "log Z, %s row of %u", rows_name(kind), n);
        check_near(row_entropy(&r), (double)entropy, 2e-6, "entropy, %s row of %u", rows_name(kind), n);
        for (uint32_t v = 0; v < n; v++) {
            best = score[v] > score[best] ? v : best;
            count += score[v] != -INFINITY;
        }
        check(row_argmax(&r) == best && row_max(&r) == score[best], "argmax, %s row of %u", rows_name(kind), n);
        check(row_count(&r) == count, "count, %s row of %u", rows_name(kind), n);
        check(row_logp(&r, best) == (double)score[best] - r.log_z, "logp, %s row of %u", rows_name(kind), n);
    }
}

static void test_bad_scores(void)
{
    static const uint32_t places[] = { 0, 17, 63, 64, 127, 129 };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        for (int nan = 0; nan < 2; nan++) {
            char want[64];
            rows_make(ROWS_NORMAL, i, score, 130);
            score[places[i]] = nan ? NAN : INFINITY;
            struct row r = row_over(score, 130);
            snprintf(want, sizeof want, "score of symbol %u is %s", places[i], nan ? "nan" : "inf");
            check(row_measure(&r) == ERR_DATA && strncmp(err_text(), want, strlen(want)) == 0, "%s", err_text());
            check(row_dead(&r), "a bad row is not drawn from");
        }
}

static void test_dead(void)
{
    struct row r = row_over(score, 70);
    struct row_work *w = row_work_alloc(70);
    sym_t id[70];
    double logp[70];
    for (int i = 0; i < 70; i++)
        score[i] = -INFINITY;
    check(row_measure(&r) == 0 && row_dead(&r) && r.log_z == -INFINITY, "all masked is dead");
    check(row_entropy(&r) == 0 && row_count(&r) == 0 && row_logp(&r, 3) == -INFINITY, "measures of a dead row");
    check(row_max(&r) == -INFINITY && row_top(&r, 5, w, id, logp) == 0, "maximum and top of a dead row");
    row_scale(&r, 2);
    row_normalise(&r);
    row_keep_rank(&r, 3, w);
    row_keep_mass(&r, .5, 1, w);
    row_keep_mass_by(&r, other, .5, 1, w);
    row_mask_below(&r, 0);
    row_only(&r, 5);
    check(row_dead(&r) && row_count(&r) == 0, "a dead row stays dead");
    row_work_free(w);
    row_work_free(NULL);
}

static void test_changes(void)
{
    struct row a = rows_make(ROWS_MASKED, 5, score, 1000), b = row_over(other, 1000);
    row_copy(&b, &a);
    check(memcmp(score, other, 4000) == 0 && b.log_z == a.log_z, "copy");
    row_scale(&b, .5);
    double wrong = 0;
    for (int v = 0; v < 1000; v++)
        wrong =
            fmax(wrong, score[v] == -INFINITY ? other[v] != -INFINITY : fabs((double)other[v] - .5 * (double)score[v]));
    check(wrong <= 1e-6, "scale by 1/2: wrong by %g", wrong);
    row_scale(&b, 0);
    check_near(row_entropy(&b), log(row_count(&a)), 1e-6, "scale by 0 is uniform over what is not masked");
    row_copy(&b, &a);
    row_scale(&b, DBL_MAX);
    check(row_count(&b) == row_count(&a) && row_entropy(&b) == 0,
          "scale by the largest factor keeps the maximum alone");
    check(row_argmax(&b) == row_argmax(&a), "its symbol is the same");
    row_copy(&b, &a);
    row_normalise(&b);
    check(b.log_z == 0 && row_count(&b) == row_count(&a), "normalised");
    check_near(row_logp(&b, 0), row_logp(&a, 0), 1e-6, "normalising changes no probability");
    row_mask_below(&b, b.score[0]);
    check(b.score[0] > -INFINITY && row_count(&b) < row_count(&a), "what equals the threshold stays");
    for (int v = 0; v < 1000; v++)
        check((other[v] > -INFINITY) == (score[v] >= score[0]), "mask below, symbol %d", v);
    row_only(&b, 0);
    check(row_count(&b) == 1 && row_logp(&b, 0) == 0, "only one symbol");
    check(a.log_weight == 0, "no log weight");
}

/* Two scores that differ by one unit keep their order at any temperature: scores stay near the maximum. */
static void test_scale_keeps_small_differences(void)
{
    score[0] = nextafterf(100, 0);
    score[1] = 100;
    struct row r = row_over(score, 2);
    row_measure(&r);
    double gap = 100 - (double)score[0];
    row_scale(&r, 1 / gap);
    check_near(row_logp(&r, 0) - row_logp(&r, 1), -1, 1e-6, "a gap of one unit, scaled to 1");
}

/* Where log Z, a double, is too large to hold ln n: scores 1e17, 1e17, -inf are two halves all the same. */
static void test_large_scores_normalise(void)
{
    static const float sizes_of[] = { 1e12f, 1e17f, 3e38f, -1e17f };
    for (size_t i = 0; i < sizeof sizes_of / sizeof *sizes_of; i++) {
        float s[] = { sizes_of[i], sizes_of[i], -INFINITY };
        struct row r = row_over(s, 3);
        check(row_measure(&r) == 0, "measured: %s", err_text());
        row_normalise(&r);
        check_near(exp(row_logp(&r, 0)) + exp(row_logp(&r, 1)), 1, 1e-6, "%g twice sums to one", (double)sizes_of[i]);
    }
}

/* Least score, spread, powers, divergence, distance and bends against long double. */
static void test_shapes(void)
{
    struct row_work *w = row_work_alloc(5003);
    for (size_t s = 0; s < N_SIZES * ROWS_KINDS; s++) {
        enum rows_kind kind = (enum rows_kind)(s % ROWS_KINDS);
        uint32_t n = sizes[s / ROWS_KINDS], count = 0;
        struct row r = rows_make(kind, s, score, n), q = row_over(other, n);
        long double sum = 0, squares = 0, power = 0, kl = 0, least = INFINITY, p, z = 0, kz = 0;
        row_copy(&q, &r);
        row_scale(&q, .6);
        for (uint32_t v = 0; v < n; v++) {
            long double x = (long double)score[v];
            if (!(score[v] > -INFINITY))
                continue;
            count++;
            sum += x;
            least = x < least ? x : least;
            z += expl(x - (long double)row_max(&r));
            kz += expl((long double)other[v] - (long double)row_max(&q));
        }
        z = logl(z) + (long double)row_max(&r);
        kz = logl(kz) + (long double)row_max(&q);
        for (uint32_t v = 0; v < n; v++) {
            if (!(score[v] > -INFINITY))
                continue;
            long double d = (long double)score[v] - sum / count;
            squares += d * d;
            p = expl((long double)score[v] - z);
            power += powl(p, 2.5L);
            p = expl((long double)other[v] - kz);
            kl += p > 0 ? p * (((long double)other[v] - kz) - ((long double)score[v] - z)) : 0;
        }
        double mean, variance, scale = fabs((double)(sum / count)) + (double)sqrtl(squares / count);
        row_spread(&r, &mean, &variance);
        check(row_min(&r) == (float)least && row_count(&r) == count, "%s row of %u: least score", rows_name(kind), n);
        check_near(mean, (double)(sum / count), 1e-6 * scale, "%s row of %u: mean", rows_name(kind), n);
        check_near(sqrt(variance), (double)sqrtl(squares / count), 1e-6 * scale + 1e-6, "%s row of %u: deviation",
                   rows_name(kind), n);
        check_near(row_log_power(&r, 2.5, w), (double)logl(power), 3e-6, "%s row of %u: powers", rows_name(kind), n);
        if (kind != ROWS_WIDE)
            check_near(row_divergence(&q, &r), (double)kl, 3e-6, "%s row of %u: KL", rows_name(kind), n);
        check(row_divergence(&r, &r) < 1e-7, "%s row of %u: none from itself", rows_name(kind), n);
    }
    row_work_free(w);
    float x[5] = { -INFINITY, 3, 2, 1, -2e38f }, distance[5];
    struct row r = row_over(x, 5), dead = row_over(third, 5);
    check(row_measure(&r) == 0, "measured");
    row_distance(&r, 1.5, distance);
    check(distance[0] == INFINITY && distance[1] == 1.5f && distance[3] == .5f, "distances");
    row_bend(&r, -.5, .25);
    check(x[0] == -INFINITY && x[1] == 3 && x[2] == 3 - .5f - .25f && x[3] == 3 - 2 - 2 && x[4] > -INFINITY,
          "bent: %g %g", (double)x[2], (double)x[4]);
    row_shift(&r, (sym_t[]){ 1, 3 }, 2, -INFINITY);
    check(row_count(&r) == 2 && row_argmax(&r) == 2, "shifted out");
    for (int i = 0; i < 5; i++)
        third[i] = -INFINITY;
    check(row_measure(&dead) == 0 && row_min(&dead) == INFINITY && row_divergence(&dead, &r) == 0, "of a dead row");
}

int main(void)
{
    test_large_scores_normalise();
    test_exp_log();
    test_same_bits();
    test_changes_in_double();
    test_measure();
    test_bad_scores();
    test_dead();
    test_changes();
    test_scale_keeps_small_differences();
    test_shapes();
    return check_done("row");
}

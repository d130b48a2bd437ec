/* Pool rules: laws over every row of the table, and a second implementation in plain probabilities.  Values by hand and the
 * -inf table are in test_pool_values.c. */
#include "ensemble/pool.h"
#include "tests/lib/check.h"
#include "tests/lib/pools.h"
#include <math.h>
#include <string.h>

#define N       193 /* symbols: three blocks of 64 and one more */
#define VOICES  3
#define NO_RULE (-99.0)

/* Every rule at least once; r: the exponent of the mean that it is. */
static const struct {
    const char *text;
    double r;
    bool idempotent, symmetric;
} rules[] = {
    { "linear", 1, true, true },
    { "log", 0, true, true },
    { "product", 0, false, true },
    { "power(0.5)", 0.5, true, true },
    { "power(2)", 2, true, true },
    { "power(-1)", -1, true, true },
    { "power(-3.5)", -3.5, true, true },
    { "power(0)", 0, true, true },
    { "power(inf)", INFINITY, true, true },
    { "power(-inf)", -INFINITY, true, true },
    { "min", -INFINITY, true, true },
    { "max", INFINITY, true, true },
    { "gated(tau=1)", 1, true, false },
    { "gated(tau=1, rule=log)", 0, true, false },
    { "gated(tau=1e-9)", NO_RULE, true, false },
    { "contrast", NO_RULE, false, false },
    { "contrast(plausibility=0)", NO_RULE, true, false },
    { "contrast(form=plain)", NO_RULE, false, false },
    { "sampled", 1, true, false },
    { "cfg(2)", NO_RULE, true, false },
    { "cfg(0.3)", NO_RULE, true, false },
    { "cad", NO_RULE, true, false },
    { "dexperts", NO_RULE, true, false },
    { "strength(0.5)", NO_RULE, true, false },
    { "dola", NO_RULE, false, false },
};
#define N_RULES (sizeof rules / sizeof *rules)

static const double weights3[VOICES] = { 0.5, 0.3, 0.2 };

static size_t voices_of(const struct pool *p)
{
    return p->type->max_voices < VOICES ? p->type->max_voices : VOICES;
}

static double uniform(uint32_t i, uint32_t stream)
{
    struct rng_address a = { .seed = 41, .item = stream, .purpose = RNG_TEST };
    struct rng_key k = rng_key(&a);
    return rng_uniform(&k, i);
}

/* Rows of high entropy whose scores carry an offset, so that log_z matters. */
static void random_row(float score[N], uint32_t stream, double sharpness)
{
    for (uint32_t v = 0; v < N; v++)
        score[v] = (float)(sharpness * (uniform(v, stream) + uniform(v, stream + 1000) - 1) + 3);
}

static double largest_difference(const struct row *a, const struct row *b)
{
    double worst = 0;
    for (sym_t v = 0; v < a->n; v++)
        worst = fmax(worst, fabs(pools_prob(a, v) - pools_prob(b, v)));
    return worst;
}

/* The mean of exponent r in plain probabilities; weights as given. */
static double plain_mean(const double p[], const double w[], size_t n, double r)
{
    double sum = 0, low = INFINITY, high = 0, product = 1;
    for (size_t k = 0; k < n; k++) {
        if (w[k] == 0)
            continue;
        low = fmin(low, p[k]);
        high = fmax(high, p[k]);
        product *= pow(p[k], w[k]);
        sum += w[k] * pow(p[k], r);
    }
    if (isinf(r))
        return r > 0 ? high : low;
    return r == 0 ? product : r < 0 && low == 0 ? 0 : pow(sum, 1 / r);
}

static void fill_voices(float score[VOICES][N], struct row rows[VOICES])
{
    for (uint32_t k = 0; k < VOICES; k++) {
        random_row(score[k], 10 + k, 4 + k);
        rows[k] = pools_measured(score[k], N);
    }
}

static void against_plain(size_t i)
{
    static float score[VOICES][N], out_score[N];
    struct row rows[VOICES], out = row_over(out_score, N);
    struct pool p = pools_parsed(rules[i].text);
    double w[VOICES], f[N], z = 0, worst = 0;
    memcpy(w, weights3, sizeof w);
    fill_voices(score, rows);
    check(pool_weights(&p, w, VOICES) == 0, "%s takes three voices", rules[i].text);
    double log_z = pool_apply(&p, &out, rows, w, VOICES);
    for (sym_t v = 0; v < N; v++) {
        double each[VOICES];
        for (size_t k = 0; k < VOICES; k++)
            each[k] = pools_prob(&rows[k], v);
        f[v] = plain_mean(each, w, VOICES, rules[i].r);
        z += f[v];
    }
    for (sym_t v = 0; v < N; v++)
        worst = fmax(worst, fabs(pools_prob(&out, v) - f[v] / z));
    check_near(worst, 0, 2e-7, "%s: plain probabilities", rules[i].text);
    check_near(log_z, log(z), 1e-6, "%s: log Z", rules[i].text);
    pool_fini(&p);
}

static void every_type_is_here(void)
{
    size_t n;
    const struct pool_type *const *types = pool_types(&n);
    for (size_t t = 0; t < n; t++) {
        bool found = false;
        for (size_t i = 0; i < N_RULES; i++) {
            struct pool p = pools_parsed(rules[i].text);
            found |= p.type == types[t];
            pool_fini(&p);
        }
        check(found, "the laws run over %s", types[t]->name);
        check(types[t]->meaning && types[t]->source, "%s says what it is", types[t]->name);
    }
}

static void law_normalised(size_t i)
{
    static float score[VOICES][N], out_score[N];
    struct row rows[VOICES], out = row_over(out_score, N);
    struct pool p = pools_parsed(rules[i].text);
    size_t n = voices_of(&p);
    double w[VOICES], sum = 0;
    memcpy(w, weights3, sizeof w);
    fill_voices(score, rows);
    check(pool_weights(&p, w, n) == 0, "%s: weights", rules[i].text);
    pool_apply(&p, &out, rows, w, n);
    for (sym_t v = 0; v < N; v++)
        sum += pools_prob(&out, v);
    check_near(sum, 1, 1e-6, "%s: sums to one", rules[i].text);
    pool_fini(&p);
}

static void law_idempotent(size_t i)
{
    static float score[N], out_score[N];
    struct row out = row_over(out_score, N), rows[VOICES];
    struct pool p = pools_parsed(rules[i].text);
    size_t n = voices_of(&p);
    double w[VOICES];
    memcpy(w, weights3, sizeof w);
    random_row(score, 5, 6);
    for (size_t k = 0; k < VOICES; k++)
        rows[k] = pools_measured(score, N);
    check(pool_weights(&p, w, n) == 0, "%s: weights", rules[i].text);
    if (strcmp(p.type->name, "product") == 0)
        w[0] = w[1] = w[2] = 1; /* as experts multiply */
    double log_z = pool_apply(&p, &out, rows, w, n);
    if (rules[i].idempotent) {
        check_near(largest_difference(&out, &rows[0]), 0, 1e-6, "%s: of one distribution is it", rules[i].text);
        check_near(log_z, 0, 1e-6, "%s: Z = 1", rules[i].text);
    } else {
        check(largest_difference(&out, &rows[0]) > 1e-3, "%s: of one distribution is another", rules[i].text);
    }
    pool_fini(&p);
}

static void law_permuted(size_t i)
{
    static float score[VOICES][N], a_score[N], b_score[N];
    static const size_t order[VOICES] = { 2, 0, 1 };
    struct row rows[VOICES], turned[VOICES], a = row_over(a_score, N), b = row_over(b_score, N);
    struct pool p = pools_parsed(rules[i].text);
    double w[VOICES], turned_w[VOICES];
    memcpy(w, weights3, sizeof w);
    fill_voices(score, rows);
    check(pool_weights(&p, w, VOICES) == 0, "%s: weights", rules[i].text);
    for (size_t k = 0; k < VOICES; k++) {
        turned[k] = rows[order[k]];
        turned_w[k] = w[order[k]];
    }
    double z = pool_apply(&p, &a, rows, w, VOICES), turned_z = pool_apply(&p, &b, turned, turned_w, VOICES);
    check_near(largest_difference(&a, &b), 0, 1e-7, "%s: order of voices", rules[i].text);
    check_near(z, turned_z, 1e-9, "%s: order of voices, log Z", rules[i].text);
    pool_fini(&p);
}

static void law_one_hot(size_t i)
{
    static float score[VOICES][N], out_score[N];
    struct row rows[VOICES], out = row_over(out_score, N);
    struct pool p = pools_parsed(rules[i].text);
    fill_voices(score, rows);
    for (size_t hot = 0; p.type->weighted && hot < VOICES; hot++) {
        double w[VOICES] = { 0 };
        w[hot] = 1;
        if (p.type->others && !p.type->others(&p, &rows[0]) && hot > 0)
            continue; /* a shut gate is the leader's, whatever the weights */
        check(pool_weights(&p, w, VOICES) == 0, "%s: one-hot weights", rules[i].text);
        double log_z = pool_apply(&p, &out, rows, w, VOICES);
        check(memcmp(out.score, rows[hot].score, sizeof out_score) == 0 && out.log_z == rows[hot].log_z && log_z == 0,
              "%s: weight on voice %zu alone is the voice, bit for bit", rules[i].text, hot);
    }
    double one = 1;
    if (p.type->min_voices == 1) {
        check(pool_weights(&p, &one, 1) == 0, "%s: one voice", rules[i].text);
        pool_apply(&p, &out, &rows[1], &one, 1);
        check(memcmp(out.score, rows[1].score, sizeof out_score) == 0, "%s: one voice is itself", rules[i].text);
    }
    pool_fini(&p);
}

/* min <= harmonic <= geometric <= arithmetic <= quadratic <= max, before normalisation. */
static void law_order(void)
{
    static const char *const up[] = { "min", "power(-1)", "log", "linear", "power(2)", "max" };
    static float score[VOICES][N], out_score[N];
    struct row rows[VOICES], out = row_over(out_score, N);
    double below[N], z_below = -INFINITY;
    fill_voices(score, rows);
    for (size_t v = 0; v < N; v++)
        below[v] = 0;
    for (size_t i = 0; i < sizeof up / sizeof *up; i++) {
        struct pool p = pools_parsed(up[i]);
        double w[VOICES];
        memcpy(w, weights3, sizeof w);
        check(pool_weights(&p, w, VOICES) == 0, "%s: weights", up[i]);
        double z = pool_apply(&p, &out, rows, w, VOICES);
        size_t n_wrong = 0;
        for (sym_t v = 0; v < N; v++) {
            double now = exp(row_logp(&out, v) + z);
            n_wrong += now < below[v] * (1 - 1e-6);
            below[v] = now;
        }
        check(n_wrong == 0 && z > z_below, "%s lies above its neighbour at every symbol (%zu do not)", up[i], n_wrong);
        z_below = z;
        pool_fini(&p);
    }
}

/* ln Z of a log pool of two is -w D_{1-w}(p1 || p2), the Renyi divergence of order 1-w. */
static void law_renyi(void)
{
    static float score[VOICES][N], out_score[N];
    struct row rows[VOICES], out = row_over(out_score, N);
    struct pool p = pools_parsed("log");
    fill_voices(score, rows);
    for (double w2 = 0.3; w2 < 0.8; w2 += 0.4) {
        double w[2] = { 1 - w2, w2 }, order = 1 - w2, sum = 0;
        for (sym_t v = 0; v < N; v++)
            sum += pow(pools_prob(&rows[0], v), order) * pow(pools_prob(&rows[1], v), 1 - order);
        double divergence = log(sum) / (order - 1);
        double log_z = pool_apply(&p, &out, rows, w, 2);
        check_near(log_z, -w2 * divergence, 1e-6, "log pool: Z is Renyi's, w = %g", w2);
        check(log_z < -0.01, "log pool: Z < 1 where voices differ");
    }
    pool_fini(&p);
}

static double temperature_gap(const char *rule)
{
    static float score[VOICES][N], cold_score[VOICES][N], after_score[N], before_score[N];
    struct row rows[VOICES], cold[VOICES], after = row_over(after_score, N), before = row_over(before_score, N);
    struct pool p = pools_parsed(rule);
    fill_voices(score, rows);
    fill_voices(cold_score, cold);
    for (size_t k = 0; k < VOICES; k++)
        row_scale(&cold[k], 2); /* temperature 1/2 */
    pool_apply(&p, &after, rows, weights3, VOICES);
    row_scale(&after, 2);
    pool_apply(&p, &before, cold, weights3, VOICES);
    pool_fini(&p);
    return largest_difference(&after, &before);
}

static void law_temperature(void)
{
    check_near(temperature_gap("log"), 0, 1e-6, "log pool commutes with temperature");
    check(temperature_gap("linear") > 0.01, "linear pool does not commute with temperature");
}

/* mode=global: f of prefix masses times steps, against plain probabilities, and far from 1. */
static void prefixes(size_t i)
{
    static float score[VOICES][N], out_score[N];
    static const double small[VOICES] = { -1.5, -0.2, -3 };
    struct row rows[VOICES], out = row_over(out_score, N);
    struct text text = { 0 };
    struct pool local = pools_parsed(rules[i].text);
    text_add(&text, rules[i].text);
    if (strchr(rules[i].text, '('))
        text.s[--text.len] = '\0';
    text_add(&text, strchr(rules[i].text, '(') ? ", mode=global)" : "(mode=global)");
    struct pool p = pools_parsed(text_s(&text));
    double w[VOICES], each[VOICES], z = 0, worst = 0, far[VOICES];
    memcpy(w, weights3, sizeof w);
    fill_voices(score, rows);
    check(p.global && pool_weights(&p, w, VOICES) == 0, "%s is global", text_s(&text));
    double log_z = pool_apply_prefix(&p, &out, rows, w, VOICES, small);
    for (size_t k = 0; k < VOICES; k++)
        each[k] = exp(small[k]);
    double f_prefix = plain_mean(each, w, VOICES, rules[i].r);
    for (int pass = 0; pass < 2; pass++)
        for (sym_t v = 0; v < N; v++) {
            for (size_t k = 0; k < VOICES; k++)
                each[k] = exp(small[k]) * pools_prob(&rows[k], v);
            double f = plain_mean(each, w, VOICES, rules[i].r);
            z += pass == 0 ? f : 0;
            worst = pass == 0 ? 0 : fmax(worst, fabs(f / z - pools_prob(&out, v)));
        }
    check_near(worst, 0, 1e-6, "%s: plain probabilities", text_s(&text));
    check_near(log_z, log(z / f_prefix), 1e-6, "%s: increment", text_s(&text));
    /* Homogeneous: a common factor of all prefixes changes nothing, e^-5000 included. */
    for (size_t k = 0; k < VOICES; k++)
        far[k] = small[k] - 5000;
    static float far_score[N];
    struct row far_out = row_over(far_score, N);
    check_near(pool_apply_prefix(&p, &far_out, rows, w, VOICES, far), log_z, 1e-6, "%s: long prefix, increment",
               text_s(&text));
    check_near(largest_difference(&out, &far_out), 0, 1e-6, "%s: long prefix", text_s(&text));
    /* At the empty prefix it is the local pool. */
    double zero[VOICES] = { 0 };
    check_near(pool_apply_prefix(&p, &far_out, rows, w, VOICES, zero), pool_apply(&local, &out, rows, w, VOICES), 1e-9,
               "%s: empty prefix, increment", text_s(&text));
    check_near(largest_difference(&out, &far_out), 0, 1e-7, "%s: empty prefix", text_s(&text));
    text_free(&text);
    pool_fini(&p);
    pool_fini(&local);
}

int main(void)
{
    every_type_is_here();
    for (size_t i = 0; i < N_RULES; i++) {
        law_normalised(i);
        law_idempotent(i);
        law_one_hot(i);
        if (rules[i].symmetric)
            law_permuted(i);
        if (rules[i].r != NO_RULE)
            against_plain(i);
        if (rules[i].symmetric)
            prefixes(i);
    }
    law_order();
    law_renyi();
    law_temperature();
    return check_done("pool");
}

/* Pool rules: the laws of reference text on pooling over every row of the table, the -inf table, values by hand, and a
 * second implementation in plain probabilities. */
#include "base/err.h"
#include "ensemble/pool.h"
#include "tests/lib/check.h"
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
};
#define N_RULES (sizeof rules / sizeof *rules)

static const double weights3[VOICES] = { 0.5, 0.3, 0.2 };

static struct pool parsed(const char *text)
{
    struct pool p;
    int rc = pool_parse(text, &p);
    check(rc == 0, "%s parses: %s", text, rc == 0 ? "" : err_text());
    return p;
}

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

static struct row measured(float score[], uint32_t n)
{
    struct row r = row_over(score, n);
    check(row_measure(&r) == 0, "row measures");
    return r;
}

static struct row of_probs(float score[], const double p[], uint32_t n)
{
    for (uint32_t v = 0; v < n; v++)
        score[v] = (float)log(p[v]);
    return measured(score, n);
}

static double prob(const struct row *r, sym_t v)
{
    return exp(row_logp(r, v));
}

static double largest_difference(const struct row *a, const struct row *b)
{
    double worst = 0;
    for (sym_t v = 0; v < a->n; v++)
        worst = fmax(worst, fabs(prob(a, v) - prob(b, v)));
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
        rows[k] = measured(score[k], N);
    }
}

static void against_plain(size_t i)
{
    static float score[VOICES][N], out_score[N];
    struct row rows[VOICES], out = row_over(out_score, N);
    struct pool p = parsed(rules[i].text);
    double w[VOICES], f[N], z = 0, worst = 0;
    memcpy(w, weights3, sizeof w);
    fill_voices(score, rows);
    check(pool_weights(&p, w, VOICES) == 0, "%s takes three voices", rules[i].text);
    double log_z = pool_apply(&p, &out, rows, w, VOICES);
    for (sym_t v = 0; v < N; v++) {
        double each[VOICES];
        for (size_t k = 0; k < VOICES; k++)
            each[k] = prob(&rows[k], v);
        f[v] = plain_mean(each, w, VOICES, rules[i].r);
        z += f[v];
    }
    for (sym_t v = 0; v < N; v++)
        worst = fmax(worst, fabs(prob(&out, v) - f[v] / z));
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
            struct pool p = parsed(rules[i].text);
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
    struct pool p = parsed(rules[i].text);
    size_t n = voices_of(&p);
    double w[VOICES], sum = 0;
    memcpy(w, weights3, sizeof w);
    fill_voices(score, rows);
    check(pool_weights(&p, w, n) == 0, "%s: weights", rules[i].text);
    pool_apply(&p, &out, rows, w, n);
    for (sym_t v = 0; v < N; v++)
        sum += prob(&out, v);
    check_near(sum, 1, 1e-6, "%s: sums to one", rules[i].text);
    pool_fini(&p);
}

static void law_idempotent(size_t i)
{
    static float score[N], out_score[N];
    struct row out = row_over(out_score, N), rows[VOICES];
    struct pool p = parsed(rules[i].text);
    size_t n = voices_of(&p);
    double w[VOICES];
    memcpy(w, weights3, sizeof w);
    random_row(score, 5, 6);
    for (size_t k = 0; k < VOICES; k++)
        rows[k] = measured(score, N);
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
    struct pool p = parsed(rules[i].text);
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
    struct pool p = parsed(rules[i].text);
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
        struct pool p = parsed(up[i]);
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
    struct pool p = parsed("log");
    fill_voices(score, rows);
    for (double w2 = 0.3; w2 < 0.8; w2 += 0.4) {
        double w[2] = { 1 - w2, w2 }, order = 1 - w2, sum = 0;
        for (sym_t v = 0; v < N; v++)
            sum += pow(prob(&rows[0], v), order) * pow(prob(&rows[1], v), 1 - order);
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
    struct pool p = parsed(rule);
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

/* p = (1/2, 1/2, 0), q = (1/4, 1/4, 1/2), equal weights: by hand. */
static void values_by_hand(void)
{
    static const double p[3] = { .5, .5, 0 }, q[3] = { .25, .25, .5 };
    static const struct {
        const char *rule;
        double z, first, last;
    } cases[] = {
        { "linear", 1, 3. / 8, 1. / 4 },
        { "log", 0.70710678118654752, 1. / 2, 0 },
        { "product", 1. / 4, 1. / 2, 0 },
        { "min", 1. / 2, 1. / 2, 0 },
        { "max", 3. / 2, 1. / 3, 1. / 3 },
        { "power(-1)", 2. / 3, 1. / 2, 0 },
        { "power(2)", 1.1441228056353687, 0.34549150281252629, 0.30901699437494742 },
    };
    float a[3], b[3], out_score[3];
    struct row rows[2] = { of_probs(a, p, 3), of_probs(b, q, 3) }, out = row_over(out_score, 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pool rule = parsed(cases[i].rule);
        double w[2] = { 1, 1 };
        check(pool_weights(&rule, w, 2) == 0, "weights");
        double log_z = pool_apply(&rule, &out, rows, w, 2);
        check_near(exp(log_z), cases[i].z, 1e-6, "%s by hand: Z", cases[i].rule);
        check_near(prob(&out, 0), cases[i].first, 1e-6, "%s by hand: first", cases[i].rule);
        check_near(prob(&out, 2), cases[i].last, 1e-6, "%s by hand: last", cases[i].rule);
        pool_fini(&rule);
    }
}

/* The -inf table.  Two voices over three symbols; `want` is the unnormalised pool. */
static const double one_zero[2][3] = { { .5, .5, 0 }, { .25, .25, .5 } };
static const double both_zero[2][3] = { { .5, .5, 0 }, { .25, .75, 0 } };
static const double disjoint[2][3] = { { 1, 0, 0 }, { 0, .5, .5 } };
static const double voice_dead[2][3] = { { 0, 0, 0 }, { .25, .25, .5 } };
static const double all_dead[2][3] = { { 0, 0, 0 }, { 0, 0, 0 } };

static const struct {
    const char *rule;
    const double (*voices)[3];
    double w[2];
    double want[3];
} matrix[] = {
    /* one voice gives 0 */
    { "linear", one_zero, { .5, .5 }, { .375, .375, .25 } },
    { "log", one_zero, { .5, .5 }, { .35355339059327, .35355339059327, 0 } },
    { "product", one_zero, { 1, 1 }, { .125, .125, 0 } },
    { "power(2)", one_zero, { .5, .5 }, { .39528470752105, .39528470752105, .35355339059327 } },
    { "power(-1)", one_zero, { .5, .5 }, { 1. / 3, 1. / 3, 0 } },
    { "min", one_zero, { .5, .5 }, { .25, .25, 0 } },
    { "max", one_zero, { .5, .5 }, { .5, .5, .5 } },
    { "gated(tau=0.6)", one_zero, { .5, .5 }, { .375, .375, .25 } },
    { "gated(tau=0.4)", one_zero, { .5, .5 }, { .5, .5, 0 } },
    /* all voices give 0 */
    { "linear", both_zero, { .5, .5 }, { .375, .625, 0 } },
    { "log", both_zero, { .5, .5 }, { .35355339059327, .61237243569579, 0 } },
    { "product", both_zero, { 1, 1 }, { .125, .375, 0 } },
    { "power(2)", both_zero, { .5, .5 }, { .39528470752105, .63737743919910, 0 } },
    { "power(-1)", both_zero, { .5, .5 }, { 1. / 3, .6, 0 } },
    { "min", both_zero, { .5, .5 }, { .25, .5, 0 } },
    { "max", both_zero, { .5, .5 }, { .5, .75, 0 } },
    /* w_k = 0: dropped, not 0 * -inf; min and max keep it */
    { "linear", one_zero, { 0, 1 }, { .25, .25, .5 } },
    { "log", one_zero, { 0, 1 }, { .25, .25, .5 } },
    { "product", one_zero, { 0, 2 }, { .0625, .0625, .25 } },
    { "power(2)", one_zero, { 0, 1 }, { .25, .25, .5 } },
    { "power(-1)", one_zero, { 0, 1 }, { .25, .25, .5 } },
    { "min", one_zero, { 0, 1 }, { .25, .25, 0 } },
    { "max", one_zero, { 0, 1 }, { .5, .5, .5 } },
    /* disjoint supports */
    { "linear", disjoint, { .5, .5 }, { .5, .25, .25 } },
    { "log", disjoint, { .5, .5 }, { 0, 0, 0 } },
    { "product", disjoint, { 1, 1 }, { 0, 0, 0 } },
    { "power(2)", disjoint, { .5, .5 }, { .70710678118655, .35355339059327, .35355339059327 } },
    { "power(-1)", disjoint, { .5, .5 }, { 0, 0, 0 } },
    { "power(0)", disjoint, { .5, .5 }, { 0, 0, 0 } },
    { "min", disjoint, { .5, .5 }, { 0, 0, 0 } },
    { "max", disjoint, { .5, .5 }, { 1, .5, .5 } },
    { "gated(tau=1, rule=log)", disjoint, { .5, .5 }, { 1, 0, 0 } },
    { "contrast", disjoint, { 1, 1 }, { 9223372036854775808.0, 0, 0 } /* 2^63: p_a counts as 2^-126 */ },
    /* a whole voice is dead: linear, power r > 0 and max keep what the other gives */
    { "linear", voice_dead, { .5, .5 }, { .125, .125, .25 } },
    { "log", voice_dead, { .5, .5 }, { 0, 0, 0 } },
    { "product", voice_dead, { 1, 1 }, { 0, 0, 0 } },
    { "power(2)", voice_dead, { .5, .5 }, { .17677669529664, .17677669529664, .35355339059327 } },
    { "power(-1)", voice_dead, { .5, .5 }, { 0, 0, 0 } },
    { "min", voice_dead, { .5, .5 }, { 0, 0, 0 } },
    { "max", voice_dead, { .5, .5 }, { .25, .25, .5 } },
    { "contrast", voice_dead, { 1, 1 }, { 0, 0, 0 } },
    { "gated(tau=0.5)", voice_dead, { .5, .5 }, { .125, .125, .25 } },
    /* all symbols are 0 */
    { "linear", all_dead, { .5, .5 }, { 0, 0, 0 } },
    { "log", all_dead, { .5, .5 }, { 0, 0, 0 } },
    { "product", all_dead, { 1, 1 }, { 0, 0, 0 } },
    { "power(2)", all_dead, { .5, .5 }, { 0, 0, 0 } },
    { "power(-1)", all_dead, { .5, .5 }, { 0, 0, 0 } },
    { "min", all_dead, { .5, .5 }, { 0, 0, 0 } },
    { "max", all_dead, { .5, .5 }, { 0, 0, 0 } },
    { "gated(tau=0.5)", all_dead, { .5, .5 }, { 0, 0, 0 } },
    { "contrast", all_dead, { 1, 1 }, { 0, 0, 0 } },
};

static void inf_matrix(void)
{
    float a[3], b[3], out_score[3];
    for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
        struct row rows[2] = { of_probs(a, matrix[i].voices[0], 3), of_probs(b, matrix[i].voices[1], 3) };
        struct row out = row_over(out_score, 3);
        struct pool p = parsed(matrix[i].rule);
        double z = 0, log_z = pool_apply(&p, &out, rows, matrix[i].w, 2);
        for (size_t v = 0; v < 3; v++)
            z += matrix[i].want[v];
        check_near(log_z, log(z), 1e-5, "-inf table %zu, %s: log Z", i, matrix[i].rule);
        check(row_dead(&out) == (z == 0), "-inf table %zu, %s: dead exactly when Z = 0", i, matrix[i].rule);
        for (sym_t v = 0; v < 3; v++) {
            check(!isnan(out_score[v]), "-inf table %zu, %s: no NaN", i, matrix[i].rule);
            check_near(prob(&out, v), z > 0 ? matrix[i].want[v] / z : 0, 1e-6, "-inf table %zu, %s: symbol %u", i,
                       matrix[i].rule, (unsigned)v);
        }
        pool_fini(&p);
    }
}

/* A truncated voice that is used as given: the pool is sub-normalised, Z says so. */
static void truncated_voice(void)
{
    static const double p[3] = { .5, .3, 0 }, q[3] = { .25, .25, .5 };
    float a[3], b[3], out_score[3];
    struct row rows[2] = { of_probs(a, p, 3), of_probs(b, q, 3) }, out = row_over(out_score, 3);
    struct pool linear = parsed("linear"), shut = parsed("gated(tau=0.1)");
    rows[0].log_z = 0; /* it sums to 0.8 */
    double w[2] = { .5, .5 };
    check_near(pool_apply(&linear, &out, rows, w, 2), log(.9), 1e-6, "truncated voice: Z = 0.9");
    check_near(prob(&out, 0), .375 / .9, 1e-6, "truncated voice: the result is normalised");
    check_near(pool_apply(&shut, &out, rows, w, 2), log(.8), 1e-6, "truncated leader: Z = 0.8");
    check_near(prob(&out, 0), .5 / .8, 1e-6, "truncated leader: the result is normalised");
    pool_fini(&linear);
    pool_fini(&shut);
}

/* (1 + s) ln p_e - s ln p_a on {p_e >= a max p_e}, in plain probabilities. */
static void contrast_values(void)
{
    static const double e[5] = { .5, .3, .15, .045, .005 }, a[5] = { .4, .1, .3, .1, .1 };
    static const struct {
        const char *rule;
        double least, strength;
    } cases[] = {
        { "contrast", .05, .5 },
        { "contrast(0.5, strength=1)", .25, 1 },
        { "contrast(plausibility=0, strength=0.25)", 0, .25 },
        { "contrast(strength=0)", .05, 0 },
    };
    float e_score[5], a_score[5], out_score[5];
    struct row rows[2] = { of_probs(e_score, e, 5), of_probs(a_score, a, 5) }, out = row_over(out_score, 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pool p = parsed(cases[i].rule);
        double f[5], z = 0, s = cases[i].strength, w[2] = { 1, 1 };
        for (size_t v = 0; v < 5; v++) {
            f[v] = e[v] >= cases[i].least ? pow(e[v], 1 + s) / pow(a[v], s) : 0;
            z += f[v];
        }
        check_near(pool_apply(&p, &out, rows, w, 2), log(z), 1e-6, "%s: log Z", cases[i].rule);
        for (sym_t v = 0; v < 5; v++)
            check_near(prob(&out, v), f[v] / z, 1e-6, "%s: symbol %u", cases[i].rule, (unsigned)v);
        pool_fini(&p);
    }
}

/* mode=global: f of prefix masses times steps, against plain probabilities, and far from 1. */
static void prefixes(size_t i)
{
    static float score[VOICES][N], out_score[N];
    static const double small[VOICES] = { -1.5, -0.2, -3 };
    struct row rows[VOICES], out = row_over(out_score, N);
    struct text text = { 0 };
    struct pool local = parsed(rules[i].text);
    text_add(&text, rules[i].text);
    if (strchr(rules[i].text, '('))
        text.s[--text.len] = '\0';
    text_add(&text, strchr(rules[i].text, '(') ? ", mode=global)" : "(mode=global)");
    struct pool p = parsed(text_s(&text));
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
                each[k] = exp(small[k]) * prob(&rows[k], v);
            double f = plain_mean(each, w, VOICES, rules[i].r);
            z += pass == 0 ? f : 0;
            worst = pass == 0 ? 0 : fmax(worst, fabs(f / z - prob(&out, v)));
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

static void excluded_prefix(void)
{
    static const double p[3] = { .5, .5, 0 }, q[3] = { .25, .25, .5 };
    float a[3], b[3], out_score[3];
    struct row rows[2] = { of_probs(a, p, 3), of_probs(b, q, 3) }, out = row_over(out_score, 3);
    double w[2] = { .5, .5 }, prefix[2] = { -INFINITY, -2 };
    static const char *const sums[] = { "linear(mode=global)", "power(2, mode=global)", "max(mode=global)" };
    static const char *const vetoes[] = { "log(mode=global)", "product(mode=global)", "power(-1, mode=global)",
                                          "min(mode=global)" };
    for (size_t i = 0; i < 3; i++) {
        struct pool pool = parsed(sums[i]);
        check_near(pool_apply_prefix(&pool, &out, rows, w, 2, prefix), 0, 1e-6, "%s: the voice left goes on", sums[i]);
        check_near(prob(&out, 2), .5, 1e-6, "%s: as it would alone", sums[i]);
        pool_fini(&pool);
    }
    for (size_t i = 0; i < 4; i++) {
        struct pool pool = parsed(vetoes[i]);
        check(pool_apply_prefix(&pool, &out, rows, w, 2, prefix) == -INFINITY && row_dead(&out), "%s: dead", vetoes[i]);
        pool_fini(&pool);
    }
}

static void shares(void)
{
    static const double w[3] = { .5, .3, .2 };
    float share[3];
    pool_share(w, (double[]){ log(.2), log(.4), log(.1) }, 3, share);
    check_near(share[0], .1 / .24, 1e-6, "share: posterior of the first");
    check_near(share[1], .12 / .24, 1e-6, "share: posterior of the second");
    check_near(share[0] + share[1] + share[2], 1, 1e-6, "shares sum to one");
    pool_share(w, (double[]){ -900, -900, -900 }, 3, share);
    check_near(share[1], .3, 1e-6, "share: the weights where voices agree, however unlikely");
    pool_share(w, (double[]){ -INFINITY, -INFINITY, -INFINITY }, 3, share);
    check_near(share[2], .2, 1e-6, "share: the weights where all give zero");
    pool_share(w, (double[]){ -1, NAN, -1 }, 3, share);
    check_near(share[0], .5 / .7, 1e-6, "share: of those who took part");
    check(share[1] == 0, "share: none for who did not");
}

static void disagreements(void)
{
    static const double p[2] = { 1, 0 }, q[2] = { 0, 1 }, h[2] = { .5, .5 }, none[2] = { 0, 0 };
    float a[2], b[2], work_score[2];
    double w[2] = { .5, .5 };
    struct row work = row_over(work_score, 2);
    struct row pq[2] = { of_probs(a, p, 2), of_probs(b, q, 2) };
    check_near(pool_disagreement(pq, w, 2, &work), log(2), 1e-6, "opposite certainties disagree by ln 2");
    pq[0] = of_probs(a, h, 2);
    pq[1] = of_probs(b, p, 2);
    check_near(pool_disagreement(pq, w, 2, &work), 0.21576155433883568, 1e-6, "a coin and a certainty");
    pq[1] = of_probs(b, h, 2);
    check_near(pool_disagreement(pq, w, 2, &work), 0, 1e-7, "no disagreement");
    pq[1] = of_probs(b, none, 2);
    check(pool_disagreement(pq, w, 2, &work) == 0, "a dead voice has no opinion");
}

static void texts(void)
{
    static const struct {
        const char *text, *canonical;
    } good[] = {
        { " linear ", "linear" },
        { "linear(mode=local)", "linear" },
        { "power=0.5", "power=0.5" },
        { "power(r=-1, mode=global)", "power(-1, mode=global)" },
        { "gated(0.4, linear)", "gated=0.4" },
        { "gated(0.4, rule=log)", "gated(0.4, rule=log)" },
        { "contrast(0.1)", "contrast" },
        { "contrast(plausibility=0.2, strength=1)", "contrast(0.2, strength=1)" },
    };
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "lienar", "did you mean 'linear'" },
        { "linear | log", "2 steps" },
        { "power", "r is missing" },
        { "gated(0)", "tau is 0" },
        { "log(mode=globl)", "'global'" },
        { "gated(0.5, rule=max)", "linear, log" },
        { "contrast(2)", "plausibility is 2" },
        { "", "0 steps" },
        { "log(r=1)", "unknown parameter 'r'" },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct text t = { 0 };
        struct pool p = parsed(good[i].text);
        pool_text(&p, &t);
        check(strcmp(text_s(&t), good[i].canonical) == 0, "'%s' is '%s', got '%s'", good[i].text, good[i].canonical,
              text_s(&t));
        text_free(&t);
        pool_fini(&p);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pool p;
        int rc = pool_parse(bad[i].text, &p);
        check(rc == ERR_USAGE && strstr(err_text(), bad[i].says), "'%s' fails and says %s: %s", bad[i].text,
              bad[i].says, err_text());
    }
}

static void weight_checks(void)
{
    struct pool linear = parsed("linear"), product = parsed("product"), min = parsed("min"), cd = parsed("contrast");
    double w[3] = { 2, 1, 1 };
    check(pool_weights(&linear, w, 3) == 0 && w[0] == .5 && w[2] == .25, "linear: made to sum to one");
    double as_given[2] = { 2, .5 }, none[2] = { 0, 1 };
    check(pool_weights(&product, as_given, 2) == 0 && as_given[0] == 2, "product: as given");
    check(pool_weights(&min, none, 2) == 0 && none[0] == .5, "min: knows no weights");
    check(pool_weights(&cd, w, 3) == ERR_USAGE && strstr(err_text(), "2 to 2 voices"), "contrast: two voices");
    check(pool_weights(&linear, (double[]){ 1, -1 }, 2) == ERR_USAGE && strstr(err_text(), "weight 2 is -1"),
          "negative weight: %s", err_text());
    check(pool_weights(&linear, (double[]){ NAN, 1 }, 2) == ERR_USAGE, "nan weight");
    check(pool_weights(&linear, (double[]){ INFINITY, 1 }, 2) == ERR_USAGE, "infinite weight");
    check(pool_weights(&linear, (double[]){ 0, 0 }, 2) == ERR_USAGE && strstr(err_text(), "all 2 weights are 0"),
          "no weight at all: %s", err_text());
    check(pool_weights(&linear, w, 0) == ERR_USAGE, "no voices");
    pool_fini(&linear);
    pool_fini(&product);
    pool_fini(&min);
    pool_fini(&cd);
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
    values_by_hand();
    inf_matrix();
    truncated_voice();
    contrast_values();
    excluded_prefix();
    shares();
    disagreements();
    texts();
    weight_checks();
    return check_done("pool");
}

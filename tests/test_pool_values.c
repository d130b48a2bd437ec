/* Pool rules: values by hand, the -inf table, contrast, excluded prefixes, shares, texts and weights. */
#include "base/err.h"
#include "ensemble/pool.h"
#include "tests/lib/check.h"
#include "tests/lib/pools.h"
#include <math.h>
#include <string.h>

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
    struct row rows[2] = { pools_of_probs(a, p, 3), pools_of_probs(b, q, 3) }, out = row_over(out_score, 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pool rule = pools_parsed(cases[i].rule);
        double w[2] = { 1, 1 };
        check(pool_weights(&rule, w, 2) == 0, "weights");
        double log_z = pool_apply(&rule, &out, rows, w, 2);
        check_near(exp(log_z), cases[i].z, 1e-6, "%s by hand: Z", cases[i].rule);
        check_near(pools_prob(&out, 0), cases[i].first, 1e-6, "%s by hand: first", cases[i].rule);
        check_near(pools_prob(&out, 2), cases[i].last, 1e-6, "%s by hand: last", cases[i].rule);
        pool_fini(&rule);
    }
}

/* The -inf table.  Two voices over three symbols; `want` is the unnormalised pool. */
/* clang-format off: a table reads by its rows */
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
/* clang-format on */

static void inf_matrix(void)
{
    float a[3], b[3], out_score[3];
    for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
        struct row rows[2] = { pools_of_probs(a, matrix[i].voices[0], 3), pools_of_probs(b, matrix[i].voices[1], 3) };
        struct row out = row_over(out_score, 3);
        struct pool p = pools_parsed(matrix[i].rule);
        double z = 0, log_z = pool_apply(&p, &out, rows, matrix[i].w, 2);
        for (size_t v = 0; v < 3; v++)
            z += matrix[i].want[v];
        check_near(log_z, log(z), 1e-5, "-inf table %zu, %s: log Z", i, matrix[i].rule);
        check(row_dead(&out) == (z == 0), "-inf table %zu, %s: dead exactly when Z = 0", i, matrix[i].rule);
        for (sym_t v = 0; v < 3; v++) {
            check(!isnan(out_score[v]), "-inf table %zu, %s: no NaN", i, matrix[i].rule);
            check_near(pools_prob(&out, v), z > 0 ? matrix[i].want[v] / z : 0, 1e-6, "-inf table %zu, %s: symbol %u", i,
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
    struct row rows[2] = { pools_of_probs(a, p, 3), pools_of_probs(b, q, 3) }, out = row_over(out_score, 3);
    struct pool linear = pools_parsed("linear"), shut = pools_parsed("gated(tau=0.1)");
    rows[0].log_z = 0; /* it sums to 0.8 */
    double w[2] = { .5, .5 };
    check_near(pool_apply(&linear, &out, rows, w, 2), log(.9), 1e-6, "truncated voice: Z = 0.9");
    check_near(pools_prob(&out, 0), .375 / .9, 1e-6, "truncated voice: the result is normalised");
    check_near(pool_apply(&shut, &out, rows, w, 2), log(.8), 1e-6, "truncated leader: Z = 0.8");
    check_near(pools_prob(&out, 0), .5 / .8, 1e-6, "truncated leader: the result is normalised");
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
    struct row rows[2] = { pools_of_probs(e_score, e, 5), pools_of_probs(a_score, a, 5) }, out = row_over(out_score, 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pool p = pools_parsed(cases[i].rule);
        double f[5], z = 0, s = cases[i].strength, w[2] = { 1, 1 };
        for (size_t v = 0; v < 5; v++) {
            f[v] = e[v] >= cases[i].least ? pow(e[v], 1 + s) / pow(a[v], s) : 0;
            z += f[v];
        }
        check_near(pool_apply(&p, &out, rows, w, 2), log(z), 1e-6, "%s: log Z", cases[i].rule);
        for (sym_t v = 0; v < 5; v++)
            check_near(pools_prob(&out, v), f[v] / z, 1e-6, "%s: symbol %u", cases[i].rule, (unsigned)v);
        pool_fini(&p);
    }
}

static void excluded_prefix(void)
{
    static const double p[3] = { .5, .5, 0 }, q[3] = { .25, .25, .5 };
    float a[3], b[3], out_score[3];
    struct row rows[2] = { pools_of_probs(a, p, 3), pools_of_probs(b, q, 3) }, out = row_over(out_score, 3);
    double w[2] = { .5, .5 }, prefix[2] = { -INFINITY, -2 };
    static const char *const sums[] = { "linear(mode=global)", "power(2, mode=global)", "max(mode=global)" };
    static const char *const vetoes[] = { "log(mode=global)", "product(mode=global)", "power(-1, mode=global)",
                                          "min(mode=global)" };
    for (size_t i = 0; i < 3; i++) {
        struct pool pool = pools_parsed(sums[i]);
        check_near(pool_apply_prefix(&pool, &out, rows, w, 2, prefix), 0, 1e-6, "%s: the voice left goes on", sums[i]);
        check_near(pools_prob(&out, 2), .5, 1e-6, "%s: as it would alone", sums[i]);
        pool_fini(&pool);
    }
    for (size_t i = 0; i < 4; i++) {
        struct pool pool = pools_parsed(vetoes[i]);
        check(pool_apply_prefix(&pool, &out, rows, w, 2, prefix) == -INFINITY && row_dead(&out), "%s: dead", vetoes[i]);
        pool_fini(&pool);
    }
}

/* bug: power(1e-30) was uniform, and power(1e307) overflowed; product weights of 1e300 ended the program */
static void extreme_numbers(void)
{
    static const char *const refused[] = { "power(1e-30)", "power(-1e-7)", "power(1e7)", "power(-1e307)" };
    struct pool p;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check(pool_parse(refused[i], &p) == ERR_USAGE && strstr(err_text(), "magnitude from 1e-06 to 1e+06"), "%s: %s",
              refused[i], err_text());
    float score[2][2] = { { logf(.9f), logf(.1f) }, { logf(.2f), logf(.8f) } }, to[2];
    struct row rows[2] = { row_over(score[0], 2), row_over(score[1], 2) }, out = row_over(to, 2);
    double w[2] = { .5, .5 };
    check(row_measure(&rows[0]) == 0 && row_measure(&rows[1]) == 0, "rows");
    check(pool_parse("power(1e-6)", &p) == 0, "power(1e-6): %s", err_text());
    pool_apply(&p, &out, rows, w, 2);
    check_near(exp(row_logp(&out, 0)), .6, 1e-6, "power(1e-6) is nearly the geometric mean: sqrt(.9 .2) : sqrt(.1 .8)");
    pool_fini(&p);
    check(pool_parse("power(1e6)", &p) == 0, "power(1e6): %s", err_text());
    pool_apply(&p, &out, rows, w, 2);
    check_near(exp(row_logp(&out, 0)), 9. / 17, 1e-5, "power(1e6) is nearly max");
    pool_fini(&p);
    check(pool_parse("product", &p) == 0, "product");
    check(pool_weights(&p, (double[]){ 1e300, 1 }, 2) == ERR_USAGE && strstr(err_text(), "weight 1 is 1e+300"), "%s",
          err_text());
    check(pool_weights(&p, (double[]){ 1e6, 1 }, 2) == 0, "a weight of 1e6 is an arg max, and allowed");
    pool_fini(&p);
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
    /* bug: a gate shut on a leader of weight 0 gave shares of 0/0 */
    pool_share((const double[]){ 0, .6, .4 }, (double[]){ -1, NAN, NAN }, 3, share);
    check(share[0] == 1 && share[1] == 0 && share[2] == 0, "share: who spoke alone, whatever its weight");
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
        struct pool p = pools_parsed(good[i].text);
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
    struct pool linear = pools_parsed("linear"), product = pools_parsed("product"), min = pools_parsed("min"),
                cd = pools_parsed("contrast");
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
    values_by_hand();
    inf_matrix();
    truncated_voice();
    contrast_values();
    excluded_prefix();
    extreme_numbers();
    shares();
    texts();
    weight_checks();
    return check_done("pool_values");
}

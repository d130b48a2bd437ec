/* Rules that steer one voice by the difference of others: values in plain probabilities, what rule is which other rule, the
 * -inf table, and which early exit dola takes. */
#include "base/err.h"
#include "base/rng.h"
#include "ensemble/pool.h"
#include "tests/lib/check.h"
#include "tests/lib/pools.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 5 };

static const double first[N] = { .5, .3, .15, .045, .005 };
static const double second[N] = { .4, .1, .3, .1, .1 };
static const double third[N] = { .1, .15, .25, .3, .2 };

/* A rule over the three (or its first two) as prod p_k^power[k] where first >= least. */
static const struct {
    const char *rule;
    double power[3];
    size_t n;
    double least;
} cases[] = {
    { "contrast", { 1.5, -.5, 0 }, 2, .05 },
    { "contrast(form=plain)", { 1, -.5, 0 }, 2, .05 },
    { "contrast(plausibility=0.5, strength=1, form=plain)", { 1, -1, 0 }, 2, .25 },
    { "cfg", { 1.5, -.5, 0 }, 2, 0 },
    { "cfg(0.25)", { .25, .75, 0 }, 2, 0 },
    { "cfg(0)", { 0, 1, 0 }, 2, 0 },
    { "cfg(-1)", { -1, 2, 0 }, 2, 0 },
    { "cad", { 1.5, -.5, 0 }, 2, 0 },
    { "cad(0)", { 1, 0, 0 }, 2, 0 },
    { "dexperts", { 1, 1, -1 }, 3, 0 },
    { "dexperts(2)", { 1, 2, -2 }, 3, 0 },
    { "dexperts(0)", { 1, 0, 0 }, 3, 0 },
    { "strength(0)", { 1, 0, 0 }, 2, 0 },
    { "strength", { 0, 1, 0 }, 2, 0 },
    { "strength(1.5)", { -.5, 1.5, 0 }, 2, 0 },
    { "dola", { 1, -1, 0 }, 2, .05 },
    { "dola(plausibility=0)", { 1, 0, -1 }, 3, 0 }, /* the third lies farther from the first than the second does */
};

static void values(void)
{
    float score[3][N], to[N];
    struct row rows[3] = { pools_of_probs(score[0], first, N), pools_of_probs(score[1], second, N),
                           pools_of_probs(score[2], third, N) };
    struct row out = row_over(to, N);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pool p = pools_parsed(cases[i].rule);
        double f[N], z = 0, w[3] = { 1, 1, 1 };
        for (size_t v = 0; v < N; v++) {
            f[v] = first[v] < cases[i].least ? 0
                                             : pow(first[v], cases[i].power[0]) * pow(second[v], cases[i].power[1]) *
                                                   pow(third[v], cases[i].power[2]);
            z += f[v];
        }
        check(pool_weights(&p, w, cases[i].n) == 0, "%s: %s", cases[i].rule, err_text());
        check_near(pool_apply(&p, &out, rows, w, cases[i].n), log(z), 2e-6, "%s: log Z", cases[i].rule);
        for (sym_t v = 0; v < N; v++)
            check_near(pools_prob(&out, v), f[v] / z, 1e-6, "%s: symbol %u", cases[i].rule, (unsigned)v);
        pool_fini(&p);
    }
}

/* Two voices over three symbols; want is unnormalised.  2^126 and the like: p = 0 counts as 2^-126 under a negative factor. */
static void inf_table(void)
{
    static const double one_zero[2][3] = { { .5, .5, 0 }, { .25, .25, .5 } };
    static const double zero_under[2][3] = { { .25, .25, .5 }, { .5, .5, 0 } };
    static const double disjoint[2][3] = { { 1, 0, 0 }, { 0, .5, .5 } };
    static const double dead_under[2][3] = { { .25, .25, .5 }, { 0, 0, 0 } };
    static const double dead[2][3] = { { 0, 0, 0 }, { .25, .25, .5 } };
    static const struct {
        const char *rule;
        const double (*voices)[3];
        double want[3];
    } table[] = {
        { "cfg(2)", one_zero, { 1, 1, 0 } },
        { "cfg(2)", zero_under, { .125, .125, 21267647932558653966460912964485513216.0 } }, /* .25 x 2^126 */
        { "cfg(0.5)", zero_under, { .35355339059327, .35355339059327, 0 } },
        { "cfg(0.5)", disjoint, { 0, 0, 0 } },
        { "cfg(1)", dead_under, { .25, .25, .5 } },
        { "cfg(2)", dead_under, { .0625, .0625, .25 } },
        { "cfg(2)", dead, { 0, 0, 0 } },
        { "cad(1)", dead, { 0, 0, 0 } },
        { "cad(1)", dead_under, { .0625, .0625, .25 } },
        { "strength(2)", dead_under, { 0, 0, 0 } },
        { "strength(0)", dead_under, { .25, .25, .5 } },
        { "dola", dead, { 0, 0, 0 } },
        { "dola", dead_under, { .25, .25, .5 } },
        { "contrast(form=plain)", dead, { 0, 0, 0 } },
    };
    float a[3], b[3], to[3];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct row rows[2] = { pools_of_probs(a, table[i].voices[0], 3), pools_of_probs(b, table[i].voices[1], 3) };
        struct row out = row_over(to, 3);
        struct pool p = pools_parsed(table[i].rule);
        double z = table[i].want[0] + table[i].want[1] + table[i].want[2], w[2] = { .5, .5 };
        double log_z = pool_apply(&p, &out, rows, w, 2);
        check(row_dead(&out) == (z == 0) && (log_z == -INFINITY) == (z == 0), "%zu, %s: dead when Z = 0", i,
              table[i].rule);
        for (sym_t v = 0; v < 3; v++) {
            check(!isnan(to[v]), "%zu, %s: no NaN", i, table[i].rule);
            check_near(pools_prob(&out, v), z > 0 ? table[i].want[v] / z : 0, 1e-6, "%zu, %s: symbol %u", i,
                       table[i].rule, (unsigned)v);
        }
        pool_fini(&p);
    }
}

/* cfg(scale, top_k): which k symbols are best guided, by sorting; ties, masked symbols and k beyond the row among them. */
enum { WIDE = 57 };

static float tied(struct rng_key *key, uint32_t i)
{
    uint32_t w[4];
    rng_words(key, i, w);
    return w[0] % 9 == 0 ? -INFINITY : (float)(w[1] % 7) - 3;
}

static bool stands_before(const struct row *r, sym_t a, sym_t b)
{
    return r->score[a] > r->score[b] || (r->score[a] == r->score[b] && a < b);
}

static void keeps_guided(uint32_t draw, uint32_t k)
{
    struct rng_key key = rng_key(&(struct rng_address){ .seed = 5, .draw = draw, .purpose = RNG_TEST });
    float c[WIDE], u[WIDE], plain[WIDE], kept[WIDE];
    for (uint32_t v = 0; v < WIDE; v++) {
        c[v] = tied(&key, v);
        u[v] = tied(&key, WIDE + v);
    }
    struct row rows[2] = { pools_measured(c, WIDE), pools_measured(u, WIDE) }, guided = row_over(plain, WIDE);
    struct row out = row_over(kept, WIDE);
    char text[32];
    snprintf(text, sizeof text, "cfg(1.5, top_k=%u)", k);
    struct pool without = pools_parsed("cfg"), with = pools_parsed(text);
    double w[2] = { 1, 1 }, sum = 0, p[WIDE] = { 0 };
    pool_apply(&without, &guided, rows, w, 2);
    double log_z = pool_apply(&with, &out, rows, w, 2);
    for (sym_t v = 0; v < WIDE; v++) {
        uint32_t before = 0;
        for (sym_t o = 0; o < WIDE; o++)
            before += stands_before(&guided, o, v);
        p[v] = before < k && plain[v] > -INFINITY ? exp(row_logp(&rows[0], v)) : 0;
        sum += p[v];
    }
    check_near(exp(log_z), sum, 1e-6, "%s: Z is what was kept", text);
    for (sym_t v = 0; v < WIDE; v++)
        check_near(pools_prob(&out, v), p[v] / sum, 1e-6, "draw %u, %s: symbol %u", draw, text, v);
    pool_fini(&without);
    pool_fini(&with);
}

static void texts(void)
{
    static const struct {
        const char *text, *want;
        int rc;
    } spelled[] = {
        { "contrast(form=scaled)", "contrast", 0 },
        { "contrast(0.1, 0.5, plain)", "contrast(form=plain)", 0 },
        { "contrast(form=li)", "unknown form 'li'", ERR_USAGE },
        { "cfg(scale=1.5)", "cfg", 0 },
        { "cfg(1.5, top_k=0)", "cfg", 0 },
        { "cfg(2, 30)", "cfg(2, top_k=30)", 0 },
        { "cfg(1000)", "scale is 1000", ERR_USAGE },
        { "dexperts(2)", "dexperts=2", 0 },
    };
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        struct pool p;
        struct text t = { 0 };
        int rc = pool_parse(spelled[i].text, &p);
        check(rc == spelled[i].rc, "'%s' gives %d", spelled[i].text, rc);
        if (rc == 0)
            pool_text(&p, &t);
        check(strstr(rc == 0 ? text_s(&t) : err_text(), spelled[i].want) != NULL, "'%s': %s", spelled[i].text,
              rc == 0 ? text_s(&t) : err_text());
        if (rc == 0)
            pool_fini(&p);
        text_free(&t);
    }
    struct pool p = pools_parsed("dexperts");
    check(pool_weights(&p, (double[]){ 1, 1 }, 2) == ERR_USAGE && strstr(err_text(), "3 to 3 voices, got 2"), "%s",
          err_text());
    pool_fini(&p);
}

int main(void)
{
    values();
    inf_table();
    for (uint32_t draw = 0; draw < 6; draw++)
        for (uint32_t k = 1; k <= WIDE + 2; k++)
            keeps_guided(draw, k);
    texts();
    return check_done("pool_steer");
}

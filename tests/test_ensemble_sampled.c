/* The rule `sampled`: symbols drawn from it follow the linear pool (invariant 13), the drawn voice alone is computed, nested
 * draws are independent, and a slot's draws belong to its prompt's address. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5, DRAWS = 20000 };

static struct core *core;
static struct lm *leaf[3];

/* The row after "ab" for a draw. */
static struct row row_of(struct lm *lm, uint32_t draw, int *slot)
{
    const struct prompt_field field = { "text", "ab" };
    const struct rng_address address = { .seed = 3, .item = 9, .draw = draw };
    const struct prompt p = { .fields = &field, .n_fields = 1, .address = &address };
    struct symbols seen = { 0 };
    struct row r = { .n = 0 };
    *slot = lm_fork(lm, LM_EMPTY, 0);
    struct want w = { lm, *slot, 1, LM_TAP_FINAL };
    check(lm_prompt(lm, *slot, &p, &seen) == 0 && core_run(core, &w, 1) == 0 && lm_rows(&w, &r) == 0, "%s", err_text());
    free(seen.s);
    return r;
}

static void follows(struct lm *sampled, struct lm *linear)
{
    double count[N] = { 0 }, chi2 = 0;
    int slot;
    for (uint32_t d = 0; d < DRAWS; d++) {
        struct row r = row_of(sampled, d, &slot);
        const struct rng_address a = { .seed = 3, .item = 9, .draw = d, .purpose = RNG_DRAW };
        struct rng_key k = rng_key(&a);
        count[row_draw(&r, &k)]++;
        lm_drop(sampled, slot);
    }
    struct row pool = row_of(linear, 0, &slot);
    for (sym_t v = 0; v < N; v++) {
        double want = DRAWS * exp(row_logp(&pool, v));
        chi2 += (count[v] - want) * (count[v] - want) / want;
    }
    lm_drop(linear, slot);
    check(chi2 < gsl_cdf_chisq_Qinv(1e-5, N - 1), "%s: chi-square %g of %d", sampled->name, chi2, N - 1);
}

static struct lm *pair(struct lm *a, struct lm *b, double w, const char *rule)
{
    const struct voice v[2] = { { .lm = a, .name = "a" }, { .lm = b, .name = "b" } };
    struct lm *lm = ensemble_open(v, (double[]){ w, 1 - w }, 2, rule);
    check(lm != NULL, "%s", err_text());
    return lm;
}

static void one_voice_is_computed(void)
{
    for (uint32_t d = 0; d < 20; d++) {
        struct lm *a = table_open(&(struct table_options){ N, 6, 1, 2 });
        struct lm *b = table_open(&(struct table_options){ N, 6, 2, 2 });
        struct lm *lm = pair(a, b, .5, "sampled");
        int slot;
        row_of(lm, d, &slot);
        check(table_computed(a) + table_computed(b) == 1, "draw %u: one row is computed", d);
        lm_free(lm);
        lm_free(a);
        lm_free(b);
    }
}

static void a_row_is_a_voice(void)
{
    struct lm *lm = pair(leaf[0], leaf[1], .25, "sampled");
    uint64_t first = 0;
    int slot;
    check(!lm->pure, "it is not pure");
    for (uint32_t d = 0; d < 400; d++) {
        struct row r = row_of(lm, d, &slot), again, own[2];
        int other;
        for (int k = 0; k < 2; k++) {
            own[k] = row_of(leaf[k], 0, &other);
            lm_drop(leaf[k], other);
        }
        bool is_first = memcmp(r.score, own[0].score, N * sizeof *r.score) == 0;
        check(is_first || memcmp(r.score, own[1].score, N * sizeof *r.score) == 0, "draw %u: it is a voice's row", d);
        first += is_first;
        again = row_of(lm, d, &other);
        check(memcmp(again.score, (is_first ? own[0] : own[1]).score, N * sizeof *again.score) == 0, "draw %u again",
              d);
        struct lm_trace t;
        check(lm_push(lm, other, (sym_t[]){ 1 }, 1, &t) == 0 && t.n_voices == 2, "%s", err_text());
        check(isnan(t.logp[is_first]) && !isnan(t.logp[!is_first]) && t.share[!is_first] == 1, "draw %u: the share", d);
        check(isnan(t.disagreement) && isnan(t.epkl) && isnan(t.rmi) && isnan(t.agreement),
              "draw %u: the other was not asked", d);
        check_near(t.data_entropy, row_entropy(&r), 1e-6, "draw %u: the entropy of the one that was", d);
        lm_drop(lm, other);
        lm_drop(lm, slot);
    }
    check(fabs((double)first - 100) < 4.5 * sqrt(400 * .25 * .75), "a quarter of the draws: %llu of 400",
          (unsigned long long)first);
    lm_free(lm);
}

/* Without an address nothing is drawn: the linear pool's row bit for bit, in one row or many, and a fork goes on so. */
static void an_undrawn_row_is_the_pool(struct lm *sampled, struct lm *linear)
{
    struct lm *both[2] = { sampled, linear };
    struct row r[2][3];
    int slot[2];
    for (int i = 0; i < 2; i++) {
        const struct prompt_field field = { "text", "ab" };
        const struct prompt p = { .fields = &field, .n_fields = 1 };
        struct symbols seen = { 0 };
        int first = lm_fork(both[i], LM_EMPTY, 0);
        check(lm_prompt(both[i], first, &p, &seen) == 0, "%s", err_text());
        slot[i] = lm_fork(both[i], first, lm_length(both[i], first));
        lm_drop(both[i], first);
        struct want w = { both[i], slot[i], 3, LM_TAP_FINAL };
        check(lm_push(both[i], slot[i], (sym_t[]){ 3, 0 }, 2, NULL) == 0 && core_run(core, &w, 1) == 0 &&
                  lm_rows(&w, r[i]) == 0,
              "%s", err_text());
        free(seen.s);
    }
    for (int k = 0; k < 3; k++)
        check(memcmp(r[0][k].score, r[1][k].score, N * sizeof *r[0][k].score) == 0, "%s: row %d", sampled->name, k);
    for (int i = 0; i < 2; i++)
        lm_drop(both[i], slot[i]);
}

int main(void)
{
    core = core_alloc();
    for (uint64_t k = 0; k < 3; k++)
        leaf[k] = table_open(&(struct table_options){ N, 6, 60 + k, 2 });
    struct lm *sampled = pair(leaf[0], leaf[1], .3, "sampled"), *linear = pair(leaf[0], leaf[1], .3, "linear");
    struct lm *nested = pair(sampled, leaf[2], .6, "sampled"), *flat = pair(linear, leaf[2], .6, "linear");
    follows(sampled, linear);
    follows(nested, flat);
    an_undrawn_row_is_the_pool(sampled, linear);
    an_undrawn_row_is_the_pool(nested, flat);
    one_voice_is_computed();
    a_row_is_a_voice();
    lm_free(nested);
    lm_free(flat);
    lm_free(sampled);
    lm_free(linear);
    for (int k = 0; k < 3; k++)
        lm_free(leaf[k]);
    core_free(core);
    return check_done("ensemble_sampled");
}

/* Fits that stand where an arm's chain would: matched entropy, temperature after the pool, conformal tables; against the
 * tables' own words, and against arms that name the same numbers. */
#include "base/err.h"
#include "decode/conformal.h"
#include "experiments/fit_place.h"
#include "experiments/replay.h"
#include "model/table.h"
#include "tests/lib/chain_fits.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSITIONS 105 /* letters of the held-out texts */

/* ln p of each of the 4 symbols before each letter of the held-out texts, the letter, and how often each has been said. */
struct said {
    double logp[4];
    sym_t label;
    double count[4];
};

static void listen(uint64_t seed, double sharpness, struct said out[POSITIONS])
{
    struct lm *lm = table_open(&(struct table_options){ 4, 16, seed, sharpness });
    size_t at = 0;
    for (size_t i = 0; i < LETTERS_HELD; i++) {
        sym_t prefix[16];
        double count[4] = { 0 };
        for (size_t j = 0; letters_held(i)[j]; j++, at++) {
            table_logp(lm, prefix, j, out[at].logp);
            memcpy(out[at].count, count, sizeof count);
            out[at].label = prefix[j] = (sym_t)(letters_held(i)[j] - 'a');
            count[prefix[j]]++;
        }
    }
    lm_free(lm);
}

static void softmax(const double x[4], double t, double p[4])
{
    double top = -INFINITY, z = 0;
    for (size_t v = 0; v < 4; v++)
        top = fmax(top, x[v] / t);
    for (size_t v = 0; v < 4; v++)
        z += p[v] = exp(x[v] / t - top);
    for (size_t v = 0; v < 4; v++)
        p[v] /= z;
}

static double entropy_of(const double p[4])
{
    double h = 0;
    for (size_t v = 0; v < 4; v++)
        h -= p[v] > 0 ? p[v] * log(p[v]) : 0;
    return h;
}

/* Smallest prefix in rank order whose mass reaches most; what is left, renormalised. */
static void nucleus(double p[4], double most)
{
    bool kept[4] = { false };
    double mass = 0;
    while (mass < most) {
        size_t best = 4;
        for (size_t v = 0; v < 4; v++)
            if (!kept[v] && (best == 4 || p[v] > p[best]))
                best = v;
        if (best == 4)
            break;
        kept[best] = true;
        mass += p[best];
    }
    for (size_t v = 0; v < 4; v++)
        p[v] = kept[v] ? p[v] / mass : 0;
}

/* The mean entropy under: a penalty for what was said, a temperature, a nucleus. */
static double mean_entropy(const struct said s[], double penalty, double t, double top_p)
{
    double sum = 0;
    for (size_t i = 0; i < POSITIONS; i++) {
        double x[4], p[4];
        for (size_t v = 0; v < 4; v++)
            x[v] = s[i].logp[v] - penalty * s[i].count[v];
        softmax(x, t, p);
        nucleus(p, top_p);
        sum += entropy_of(p) / POSITIONS;
    }
    return sum;
}

/* The mean entropy where of the symbols of least or more all but the least likely keep 1 - chance of what they had. */
static double mean_entropy_without(const struct said s[], double chance, double least)
{
    double sum = 0;
    for (size_t i = 0; i < POSITIONS; i++) {
        double p[4], mass = 0;
        size_t stays = 4, n = 0;
        softmax(s[i].logp, 1, p);
        for (size_t v = 0; v < 4; v++) {
            n += p[v] >= least;
            stays = p[v] >= least && (stays == 4 || p[v] <= p[stays]) ? v : stays;
        }
        for (size_t v = 0; v < 4; v++)
            mass += p[v] >= least && v != stays ? p[v] : 0;
        for (size_t v = 0; n > 1 && v < 4; v++)
            p[v] *= p[v] >= least && v != stays ? 1 - chance : 1 + chance * mass / (1 - mass);
        sum += entropy_of(p) / POSITIONS;
    }
    return sum;
}

/* xtc without a draw is a function of the row, and so it can be fitted. */
static void test_expected(void)
{
    static struct said a[POSITIONS];
    struct text arms = { 0 };
    listen(3, 1.5, a);
    double target = mean_entropy_without(a, 0.8, 0.2);
    text_addf(&arms, "grid { lm = a, chain = entropy('xtc(fit, threshold=0.2, form=expected)', %.17g, 0.5, 0.95) }",
              target);
    struct results *r = chain_fits_results(text_s(&arms), "expected");
    size_t n = 0;
    const struct results_fit *f = r ? results_fits(r, &n) : NULL;
    check(n == 1, "a fit: %s", err_text());
    if (n == 1)
        check_near(mean_entropy_without(a, f[0].value, 0.2), target, 1e-5, "the mean entropy at %g", f[0].value);
    results_close(r);
    text_free(&arms);
}

static void test_matched(void)
{
    static struct said a[POSITIONS], b[POSITIONS];
    listen(3, 1.5, a);
    listen(5, 0.7, b);
    struct results *r = chain_fits_results("grid { lm = { a, b }, chain = { entropy('temperature=fit', 0.7),\n"
                                           "  entropy('temperature=fit|top_p=0.9', 0.7),\n"
                                           "  entropy('frequency_penalty=0.5 | temperature=fit', 0.8) } }",
                                           "matched");
    size_t n = 0, n_arms;
    const struct results_fit *f = r ? results_fits(r, &n) : NULL;
    check(n == 6, "a fit for each lm and chain, %zu", n);
    for (size_t i = 0; i < n && n == 6; i++) {
        const struct said *s = i < 3 ? a : b;
        double penalty = i % 3 == 2 ? 0.5 : 0, top_p = i % 3 == 1 ? 0.9 : 1, target = i % 3 == 2 ? 0.8 : 0.7;
        double h = mean_entropy(s, penalty, f[i].value, top_p);
        check_near(h, target, i % 3 == 1 ? 1e-2 : 1e-5, "fit %zu: the mean entropy at %g", i, f[i].value);
        check(strcmp(f[i].what, "entropy") == 0 && isnan(f[i].nll_after), "what it is");
    }
    const struct results_arm *arms = r ? results_arms(r, &n_arms) : NULL;
    check(arms && strcmp(arms[1].name, "a: temperature=fit|top_p=0.9, entropy 0.7") == 0, "its name: %s", arms[1].name);
    check(arms && strncmp(arms[1].chain, "temperature=0.", 14) == 0 && strstr(arms[1].chain, "|top_p=0.9"),
          "its chain as it was used: %s", arms[1].chain);
    results_close(r);
}

/* All texts of the first arms of two runs are the same. */
static void same_texts(const struct results *x, const struct results *y, size_t arms, const char *what)
{
    size_t n_items, n = 0, m = 0, texts = 0;
    results_items(x, &n_items);
    for (uint32_t arm = 0; arm < arms; arm++)
        for (uint32_t item = 0; item < n_items; item++)
            for (uint32_t draw = 0; draw < results_draws(x); draw++) {
                const struct results_record *s = results_unit(x, arm, item, draw, &n);
                const struct results_record *t = results_unit(y, arm, item, draw, &m);
                bool same = n == 1 && m == 1 && s->n_text == t->n_text && memcmp(s->text, t->text, s->n_text) == 0;
                check(same, "%s: arm %u, item %u, draw %u", what, arm, item, draw);
                texts += same && s->n_text > 0;
            }
    check(texts > 10, "%s: %zu texts", what, texts);
}

/* An arm that waits for a fit says what one says that names the numbers. */
static void test_used(void)
{
    struct results *r =
        chain_fits_results("grid { lm = { a, b, ensemble { a, b, name = 'ab' } }, chain = {\n"
                           "  entropy('temperature=fit | top_p=0.9', 0.7),\n"
                           "  fit { what = 'conformal', on = on, bins = 4,\n"
                           "        chain = 'temperature=1.5 | conformal(0.3, fit)' },\n"
                           "  fit { what = 'temperature', on = on, chain = 'temperature=fit | top_p=0.95' } } }",
                           "used");
    size_t n = 0;
    struct text arms = { 0 };
    const struct results_arm *arm = r ? results_arms(r, &n) : NULL;
    check(n == 9, "%zu arms", n);
    text_add(&arms, "{ ");
    for (size_t i = 0; i < n; i++) {
        check(!strstr(arm[i].chain, "fit"), "nothing waits any more: %s", arm[i].chain);
        text_addf(&arms, "{ name = '%zu', lm = %s, chain = '%s' }, ", i,
                  i < 3   ? "a"
                  : i < 6 ? "b"
                          : "ensemble { a, b, name = 'ab' }",
                  arm[i].chain);
    }
    text_add(&arms, "}");
    struct results *named = chain_fits_results(text_s(&arms), "named");
    if (r && named)
        same_texts(r, named, n, "used");
    results_close(named);
    results_close(r);
    text_free(&arms);
}

/* The description of a plan counts the steps of chains that wait; a replay under an arm's own chain takes the same symbols. */
static void test_around(void)
{
    struct plan *p = plan_read(letters_path("used/plan.json"));
    struct text t = { 0 };
    check(p && plan_describe(p, 1, &t) == 0 && strstr(text_s(&t), "a: temperature=fit | top_p=0.9, entropy 0.7"),
          "the plan for people: %s", err_text());
    plan_free(p);
    struct results *r = results_open(letters_path("used"));
    size_t n = 0, n_fits = 0;
    const struct results_arm *arms = r ? results_arms(r, &n) : NULL;
    const struct results_fit *f = r ? results_fits(r, &n_fits) : NULL;
    check(n_fits == 9 && f[1].n_bins == 4 && f[1].edges && f[0].n_bins == 0, "a table comes back");
    text_clear(&t);
    check(r && results_chain(r, f[1].id, "temperature=1.5 | conformal(0.3, fit)", &t) == 0 &&
              strcmp(text_s(&t), arms[1].chain) == 0,
          "what /arm_chain has: %s", text_s(&t));
    check(r && results_chain(r, "nosuch", "temperature=fit", &t) == ERR_DATA &&
              strstr(err_text(), "waits for fit 'nosuch'"),
          "no such fit: %s", err_text());
    struct replay *x = r ? replay_open(r, NULL, NULL) : NULL;
    struct replay_record record;
    check(x != NULL, "a replay: %s", err_text());
    while (x && replay_next(x, &record) > 0)
        continue;
    struct replay_summary all = { 0 };
    if (x)
        all = replay_summary(x, REPLAY_NONE);
    check(all.records > 50 && all.same == all.records, "%llu of %llu texts are taken again",
          (unsigned long long)all.same, (unsigned long long)all.records);
    replay_close(x);
    results_close(r);
    text_free(&t);
}

/* The table is what conformal_fit() makes of enumerated pairs. */
static void test_conformal(void)
{
    static struct said a[POSITIONS];
    struct conformal_pair pairs[POSITIONS];
    struct conformal_table t;
    listen(3, 1.5, a);
    for (size_t i = 0; i < POSITIONS; i++) {
        double p[4];
        softmax(a[i].logp, 1.5, p);
        pairs[i] = (struct conformal_pair){ .entropy = entropy_of(p) };
        for (size_t v = 0; v < 4; v++)
            if (p[v] > p[a[i].label] || v == a[i].label)
                pairs[i].mass += p[v];
    }
    check(conformal_fit(pairs, POSITIONS, 0.3, 4, &t) == 0 && t.n == 4, "%s", err_text());
    struct plan *p = plan_read(letters_path("used/plan.json"));
    check(p && p->arms[1].fit && strcmp(p->arms[1].chain, "temperature=1.5 | conformal(0.3, fit)") == 0,
          "the plan's chain");
    plan_free(p);
    struct results *r = results_open(letters_path("used"));
    size_t n;
    const char *s = r ? strstr(results_arms(r, &n)[1].chain, "entropy=[") : NULL;
    check(s != NULL, "a table");
    s = s ? s + strlen("entropy=[") : "";
    for (size_t i = 0; i < t.n - 1; i++, s += strspn(s, ", "))
        check_near(strtod(s, (char **)(uintptr_t)&s), t.entropy[i], 1e-6, "edge %zu", i);
    s = strstr(s, "mass=[");
    check(s != NULL, "masses");
    s = s ? s + strlen("mass=[") : "";
    for (size_t i = 0; i < t.n; i++, s += strspn(s, ", "))
        check_near(strtod(s, (char **)(uintptr_t)&s), t.mass[i], 1e-6, "mass %zu", i);
    results_close(r);
}

static double pool_nll(const struct said a[], const struct said b[], const double t[3])
{
    double sum = 0;
    for (size_t i = 0; i < POSITIONS; i++) {
        double p[4], q[4], x[4];
        softmax(a[i].logp, t[0], p);
        softmax(b[i].logp, t[1], q);
        for (size_t v = 0; v < 4; v++)
            x[v] = log((p[v] + q[v]) / 2);
        softmax(x, t[2], p);
        sum -= log(p[a[i].label]) / POSITIONS;
    }
    return sum;
}

/* Calibrated voices do not make a calibrated pool: T_k, the pool, then T of the pool, in its chain or as a voice. */
static void test_after_pool(void)
{
    static struct said a[POSITIONS], b[POSITIONS];
    listen(3, 1.5, a);
    listen(5, 0.7, b);
    struct results *r = chain_fits_results(
        "(function() local t = fit { what = 'temperature', on = on }\n"
        "  local pool = ensemble { voice { a, temperature = t }, voice { b, temperature = t }, name = 'pool' }\n"
        "  return { { lm = pool, chain = t, name = 'chain' },\n"
        "    { lm = ensemble { voice { pool, temperature = t }, name = 'whole' }, name = 'voice' } } end)()",
        "pool");
    size_t n = 0, n_items, one, two;
    const struct results_fit *f = r ? results_fits(r, &n) : NULL;
    check(n == 3 && strcmp(f[2].lm, "pool") == 0, "three temperatures, %zu", n);
    if (n != 3)
        return;
    double t[3] = { f[0].value, f[1].value, 1 };
    check_near(f[2].nll_before, pool_nll(a, b, t), 1e-5, "of calibrated voices");
    t[2] = f[2].value;
    check_near(f[2].nll_after, pool_nll(a, b, t), 1e-5, "of the pool at its own temperature");
    check(fabs(log(t[2])) > 0.05 && f[2].nll_after < f[2].nll_before - 1e-4, "its temperature is not 1: %g", t[2]);
    for (int side = -1; side <= 1; side += 2) {
        double other[3] = { t[0], t[1], t[2] * (1 + side * 0.01) };
        check(pool_nll(a, b, other) > f[2].nll_after, "the best, not %g", other[2]);
    }
    results_items(r, &n_items);
    for (uint32_t item = 0; item + 1 < n_items; item++) {
        const struct results_record *x = results_unit(r, 0, item, 0, &one), *y = results_unit(r, 1, item, 0, &two);
        check(one == 1 && two == 1 && x->n_text == y->n_text && memcmp(x->text, y->text, x->n_text) == 0,
              "item %u: the same text either way", item);
    }
    const struct results_record *x = results_unit(r, 0, (uint32_t)n_items - 1, 0, &one);
    const struct results_record *y = results_unit(r, 1, (uint32_t)n_items - 1, 0, &two);
    check(fabs(x->nll - y->nll) > 1e-4, "a chain has no say in the likelihood of a text, a voice has");
    results_close(r);
}
/* bug: a text longer than the context was an error of the whole fit */
static void test_long_texts(void)
{
    struct results *r = chain_fits_results("{ { lm = model { 'table:n=4,length=9,seed=3', name = 'short' },\n"
                                           "    chain = entropy('temperature=fit', 0.8) } }",
                                           "long");
    size_t n = 0;
    const struct results_fit *f = r ? results_fits(r, &n) : NULL;
    check(n == 1 && f[0].value > 0.1 && f[0].value < 5, "texts of 6 to 15 letters, a context of 9");
    results_close(r);
}

static void test_place(void)
{
    static const struct {
        const char *chain, *filled;
    } cases[] = {
        { "temperature=fit", "temperature=2" },
        { "temperature = fit | top_p=0.9", "temperature = 2 | top_p=0.9" },
        { "top_p(fit, min_keep=2)", "top_p(2, min_keep=2)" },
        { "xtc(0.5, fit )", "xtc(0.5, 2 )" },
        { "ban('fit') | min_p=fit|top_k=3", "ban('fit') | min_p=2|top_k=3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = { 0 };
        fit_place_put(cases[i].chain, "2", &t);
        check(fit_place_check(cases[i].chain) == 0 && strcmp(text_s(&t), cases[i].filled) == 0, "%s: %s",
              cases[i].chain, text_s(&t));
        text_free(&t);
    }
    static const char *const none[] = { "", "fit", "fit=2", "top_p=fitting", "top_p=misfit", "ban('fit')" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        check(fit_place_check(none[i]) == ERR_USAGE, "no place: '%s'", none[i]);
}

int main(void)
{
    letters_open();
    test_place();
    test_matched();
    test_expected();
    test_used();
    test_around();
    test_conformal();
    test_after_pool();
    test_long_texts();
    letters_close();
    return check_done("fit_chain");
}

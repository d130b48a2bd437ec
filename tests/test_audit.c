/* decode/audit and what it stands on: strings and their probabilities against the table's own formula, p values that are
 * uniform where the claim holds, bias that is found, weighted samples, and the refusals. */
#include "base/err.h"
#include "decode/audit.h"
#include "decode/audit_noise.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct prompt nothing;
static struct lm *table;
static struct core *core;

static struct audit_args args_of(const struct chain *c, const char *search, uint32_t draws, uint64_t seed)
{
    return (struct audit_args){
        .on = { .lm = table, .core = core, .chain = c, .prompt = &nothing, .address = { .seed = seed } },
        .search = search,
        .draws = draws,
        .confidence = 0.999
    };
}

/* The product of the table's probabilities along each string; all of them sum to one, in order, and are found. */
static void strings_are_exact(void)
{
    struct chain *c = chain_parse("");
    struct audit_args args = args_of(c, "sample", 1, 1);
    struct strings s = { 0 };
    double sum = 0;
    check(strings_enumerate(&args.on, &s) == 0, "%s", err_text());
    check(s.n == 3 * 3 * 3 + 9 + 3 + 1, "1 + 3 + 9 + 27 strings of three letters and an end: %zu", s.n);
    for (size_t i = 0; i < s.n; i++) {
        const sym_t *symbols = s.symbols.s + s.all[i].at;
        double logp[4], want = 0;
        for (size_t k = 0; k < s.all[i].n; k++) {
            table_logp(table, symbols, k, logp);
            want += logp[symbols[k]];
        }
        check_near(s.all[i].logp, want, 1e-5, "string %zu", i);
        check(strings_find(&s, symbols, s.all[i].n) == &s.all[i], "string %zu is found", i);
        sum += exp(want);
    }
    check_near(sum, 1, 1e-9, "all strings");
    check(strings_find(&s, (sym_t[]){ 0, 0 }, 2) == NULL, "a beginning is no string");
    strings_fini(&s);
    args.on.max_symbols = 1;
    check(strings_enumerate(&args.on, &s) == 0 && s.n == 4, "one symbol: %zu", s.n);
    strings_fini(&s);
    chain_free(c);
}

static void dead_ends(void)
{
    struct chain *c =
        chain_parse("no_repeat_ngram=1"); /* nothing twice: after three letters and no end, none is left */
    struct audit r;
    struct audit_args args = args_of(c, "sample", 2000, 3);
    check(audit_run(&args, &r) == 0 && r.outside == 0 && r.p > 0.001, "nothing twice: p %g: %s", r.p, err_text());
    check(r.dead == 0, "the end is always left: %g", r.dead);
    chain_free(c);
}

/* p is uniform where the claim holds: Kolmogorov and Smirnov's distance over RUNS audits. */
static void is_calibrated(const char *chain)
{
    enum { RUNS = 60 };
    struct chain *c = chain_parse(chain);
    double low = 1, count[10] = { 0 };
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        struct audit r;
        struct audit_args args = args_of(c, "sample", 400, 100 + seed);
        check(audit_run(&args, &r) == 0 && r.outside == 0, "'%s': %s", chain, err_text());
        check(r.tv_low == 0 || r.p < 0.01, "'%s': the interval holds 0: tv %g, low %g", chain, r.tv, r.tv_low);
        low = fmin(low, r.p);
        count[(int)fmin(9, r.p * 10)]++;
    }
    double chi2 = 0;
    for (int i = 0; i < 10; i++)
        chi2 += (count[i] - RUNS / 10.0) * (count[i] - RUNS / 10.0) / (RUNS / 10.0);
    check(chi2 < 33.7, "'%s': p values are uniform: chi-square %g of 9 (1e-4)", chain, chi2);
    check(low > 1e-4, "'%s': least p %g", chain, low);
    chain_free(c);
}

/* What the chain makes of all strings; the caller's. */
static struct strings strings_of(const char *chain)
{
    struct strings s = { 0 };
    struct chain *c = chain_parse(chain);
    struct audit_args args = args_of(c, "sample", 1, 1);
    check(c && strings_enumerate(&args.on, &s) == 0, "'%s': %s", chain, err_text());
    chain_free(c);
    return s;
}

/* The mean over xtc's decision is what its expected form computes without one, where nothing follows. */
static void mean_is_expected(void)
{
    struct strings a = strings_of("xtc(0.3, threshold=0.2)"), b = strings_of("xtc(0.3, threshold=0.2, form=expected)"),
                   none = strings_of(""), both = strings_of("xtc(0.3, threshold=0.2) | top_k=1"),
                   whole = strings_of("xtc(1, threshold=0.2)"), certain = strings_of("xtc(1, 0.2, form=expected)");
    double far = 0, sum = 0;
    check(a.n == b.n && a.n == none.n, "%zu, %zu, %zu strings", a.n, b.n, none.n);
    for (size_t i = 0; i < a.n && i < b.n && i < none.n; i++) {
        check_near(exp(a.all[i].logp), exp(b.all[i].logp), 1e-7, "string %zu", i);
        far = fmax(far, fabs(exp(a.all[i].logp) - exp(none.all[i].logp)));
    }
    check(far > 0.01, "xtc changes something: %g", far);
    for (size_t i = 0; i < both.n; i++)
        sum += exp(both.all[i].logp);
    check(both.n > 1, "the best of each of both cases, position by position: %zu strings", both.n);
    check_near(sum, 1, 1e-9, "they are all");
    check(whole.n == certain.n, "what is certain is no draw: %zu, %zu", whole.n, certain.n);
    struct strings *all[] = { &a, &b, &none, &both, &whole, &certain };
    for (size_t i = 0; i < 6; i++)
        strings_fini(all[i]);
}

static void random_steps(void)
{
    static const char *const searches[] = { "sample", "sample(draw=cdf)", "speculative(draft=lookup)",
                                            "speculative(draft=lookup, rule=rejection)", "stochastic_beam(3)" };
    struct audit r;
    struct chain *c = chain_parse("xtc(0.4, threshold=0.15) | top_p=0.8"), *state = chain_parse("xtc(0.5) | mirostat2"),
                 *many = chain_parse("xtc(0.5)|xtc(0.5)|xtc(0.5)|xtc(0.5)|xtc(0.5)|xtc(0.5)|xtc(0.5)"),
                 *mirostat = chain_parse("mirostat2(1, eta=0.5)");
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
        struct audit_args args = args_of(c, searches[i], 2000, 5);
        check(audit_run(&args, &r) == 0 && r.outside == 0 && r.p > 0.001, "%s: p %g, tv %g: %s", searches[i], r.p, r.tv,
              err_text());
    }
    struct audit_args args = args_of(c, "greedy", 100, 1);
    check(audit_run(&args, &r) == ERR_USAGE && strstr(err_text(), "no single string is the greedy one"), "%s",
          err_text());
    args.search = "beam(4)";
    check(audit_run(&args, &r) == ERR_USAGE && strstr(err_text(), "the best one"), "%s", err_text());
    args = args_of(state, "sample", 100, 1);
    check(audit_run(&args, &r) == ERR_USAGE && strstr(err_text(), "keeps state beside one that draws"), "%s",
          err_text());
    args = args_of(many, "sample", 100, 1);
    check(audit_run(&args, &r) == ERR_USAGE && strstr(err_text(), "7 steps draw by themselves, want at most 6"), "%s",
          err_text());
    args = args_of(mirostat, "sample", 2000, 2);
    check(audit_run(&args, &r) == 0 && r.outside == 0 && r.p > 0.001, "state alone is no draw: p %g: %s", r.p,
          err_text());
    struct chain *all[] = { c, state, many, mirostat };
    for (size_t i = 0; i < 4; i++)
        chain_free(all[i]);
}

/* bug: a search that gives every string with its exact weight was biased by what sums round, since it has no noise. */
static void exact_by_all(void)
{
    struct lm *lm = table_open(&(struct table_options){ 3, 6, 2, 2 }), *before = table;
    struct chain *c = chain_parse("top_p=0.9 | temperature=0.8");
    struct audit r;
    table = lm;
    struct audit_args args = args_of(c, "stochastic_beam(3)", 300, 1);
    check(audit_run(&args, &r) == 0 && r.strings == 3, "%zu strings: %s", r.strings, err_text());
    check(r.p == 1 && r.tv < 1e-12 && r.tv > 0, "p %g, tv %g", r.p, r.tv);
    chain_free(c);
    lm_free(lm);
    table = before;
}

static void greedy_is_not_the_mode(void)
{
    struct audit r;
    struct chain *c = chain_parse("");
    struct audit_args args = args_of(c, "greedy", 500, 1);
    check(audit_run(&args, &r) == 0 && r.draws == 1 && r.tv == 0 && r.gap == 0, "greedy: tv %g gap %g", r.tv, r.gap);
    check(r.claim == AUDIT_GREEDY, "claim %d", (int)r.claim);
    chain_free(c);
}

/* A beam by hand: what a search of that width finds in the whole tree of a table, by its score. */
struct prefix {
    sym_t s[4];
    size_t n;
    double logp;
};
enum { LETTERS = 9, MOST_WIDTH = 8 };

static int likelier(const void *a, const void *b)
{
    double x = ((const struct prefix *)a)->logp, y = ((const struct prefix *)b)->logp;
    return x > y ? -1 : x < y;
}

static double scored(const struct prefix *p, double penalty)
{
    return p->logp / pow((double)p->n, penalty);
}

static double by_hand(const struct lm *lm, size_t width, double penalty)
{
    struct prefix now[MOST_WIDTH] = { { .n = 0 } }, all[MOST_WIDTH * LETTERS];
    size_t n = 1;
    double best = -INFINITY, logp[LETTERS];
    while (n > 0) {
        size_t n_all = 0;
        for (size_t i = 0; i < n; i++) {
            table_logp(lm, now[i].s, now[i].n, logp);
            for (sym_t v = 0; v < LETTERS; v++) {
                if (logp[v] == -INFINITY)
                    continue;
                all[n_all] = now[i];
                all[n_all].s[all[n_all].n++] = v;
                all[n_all++].logp += logp[v];
            }
        }
        qsort(all, n_all, sizeof *all, likelier);
        n = 0;
        for (size_t r = 0; r < n_all && r < 2 * width && n < width; r++)
            if (all[r].s[all[r].n - 1] != LETTERS - 1)
                now[n++] = all[r];
            else if (r < width)
                best = fmax(best, scored(&all[r], penalty));
    }
    return best;
}

/* bug: a beam ranks by ln p over length, and was held against the most probable string: it could not but miss that by 2.3868
 * nats (width 2), and was called as claimed all the same.  Now what it misses is what a beam by hand misses of the best of all
 * 585 strings. */
static void beams_miss_what_is_missed_by_hand(void)
{
    struct lm *lm = table_open(&(struct table_options){ LETTERS, 3, 3, 0.5 }), *before = table;
    struct chain *c = chain_parse("");
    struct strings all = { 0 };
    struct audit r;
    size_t missed = 0;
    table = lm;
    struct audit_args args = args_of(c, "beam", 1, 1);
    check(strings_enumerate(&args.on, &all) == 0 && all.n == 585, "%zu strings: %s", all.n, err_text());
    for (int half = 0; half <= 2; half++) {
        double penalty = half / 2., best = -INFINITY;
        for (size_t i = 0; i < all.n; i++)
            best = fmax(best, all.all[i].logp / pow(all.all[i].n, penalty));
        for (unsigned width = 1; width <= MOST_WIDTH; width += width) {
            char search[64];
            snprintf(search, sizeof search, "beam(%u, length_penalty=%g, early=never)", width, penalty);
            args.search = search;
            check(audit_run(&args, &r) == 0 && r.claim == AUDIT_BEST && r.outside == 0, "%s: %s", search, err_text());
            check_near(r.gap, best - by_hand(lm, width, penalty), 1e-5, "%s: gap", search);
            check((r.gap > 0) == (r.tv > 0), "%s: gap %g, tv %g", search, r.gap, r.tv);
            missed += r.gap > 0;
        }
        char wide[64];
        snprintf(wide, sizeof wide, "beam(64, length_penalty=%g, early=never)", penalty);
        args.search = wide;
        check(audit_run(&args, &r) == 0 && r.gap == 0 && r.tv == 0, "%s is exact: gap %g: %s", wide, r.gap, err_text());
    }
    args.search = "best_first(9, steps=1000)";
    check(audit_run(&args, &r) == 0 && r.gap == 0 && r.tv == 0, "best_first is exact: gap %g: %s", r.gap, err_text());
    check(missed > 2 && missed < 12, "%zu narrow beams miss", missed);
    strings_fini(&all);
    chain_free(c);
    lm_free(lm);
    table = before;
}

static void refusals(void)
{
    struct audit r;
    struct chain *c = chain_parse("");
    struct audit_args args = args_of(c, "simple", 100, 1);
    check(audit_run(&args, &r) == ERR_USAGE && strstr(err_text(), "simple"), "%s", err_text());
    struct lm *big = table_open(&(struct table_options){ 27, 64, 1, 1 });
    args = args_of(c, "sample", 100, 1);
    args.on.lm = big;
    args.on.max_symbols = 5;
    check(audit_run(&args, &r) == ERR_USAGE && strstr(err_text(), "too many to enumerate"), "%s", err_text());
    lm_free(big);
    struct lm *deep = table_open(&(struct table_options){ 2, 4000, 1, 0.01 });
    args.on.lm = deep;
    args.on.max_symbols = 0;
    check(audit_run(&args, &r) == ERR_USAGE && strstr(err_text(), "want a limit"), "%s", err_text());
    lm_free(deep);
    chain_free(c);
}

enum { CELLS = 6, DRAWS = 5000 };

/* A sample of q, each draw weighted by p / (what it was drawn from). */
static void weighted(double bias, struct audit_noise *out, double *tv)
{
    static const double p[CELLS] = { .4, .25, .15, .1, .07, .03 }, from[CELLS] = { .2, .2, .2, .2, .1, .1 };
    struct audit_sample s;
    gsl_rng *rng = gsl_rng_alloc(rng_gsl_philox);
    gsl_ran_discrete_t *draw = gsl_ran_discrete_preproc(CELLS, from);
    gsl_rng_set(rng, 7);
    audit_sample_init(&s, CELLS);
    s.draws = DRAWS;
    s.weighted = true;
    for (uint32_t d = 0; d < DRAWS; d++) {
        size_t i = gsl_ran_discrete(rng, draw);
        audit_sample_add(&s, d, i, p[i] / from[i] * (i == 0 ? 1 + bias : 1));
    }
    *tv = audit_distance(&s, p);
    audit_noise(&s, p, &(struct audit_noise_args){ .tv = *tv, .confidence = 0.999 }, out);
    audit_sample_fini(&s);
    gsl_ran_discrete_free(draw);
    gsl_rng_free(rng);
}

static void weighted_samples(void)
{
    struct audit_noise noise;
    double tv;
    weighted(0, &noise, &tv);
    check(noise.p > 0.01 && tv < noise.radius, "unbiased: p %g, tv %g, radius %g", noise.p, tv, noise.radius);
    weighted(0.2, &noise, &tv);
    check(noise.p == 0.001 && tv > noise.radius, "biased: p %g, tv %g, radius %g", noise.p, tv, noise.radius);
    check_near(tv, 0.04, noise.radius, "half of a fifth of .4");
}

/* bug: with a draw or two for each string, nearly every audit of a search with weighted texts said "biased" */
static void few_weighted_draws(void)
{
    enum { SEEDS = 6 };
    struct lm *wide = table_open(&(struct table_options){ 4, 5, 3, 1 });
    struct chain *c = chain_parse("");
    int small = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct audit_args args = args_of(c, "stochastic_beam(3)", 300, seed);
        struct audit r;
        args.on.lm = wide;
        args.on.max_symbols = 0;
        check(audit_run(&args, &r) == 0 && r.tv_low == 0, "seed %d: tv is at least %g", (int)seed, r.tv_low);
        small += r.p <= 0.05;
    }
    check(small <= 2, "%d of %d p are .05 or less", small, SEEDS);
    chain_free(c);
    lm_free(wide);
}

/* A sample that claims p and follows q is found out, and the interval holds the true distance. */
static void bias_is_found(void)
{
    static const double p[3] = { .5, .3, .2 }, q[3] = { .53, .3, .17 };
    struct audit_sample s;
    struct audit_noise noise;
    unsigned n[3];
    gsl_rng *rng = gsl_rng_alloc(rng_gsl_philox);
    gsl_rng_set(rng, 9);
    gsl_ran_multinomial(rng, 3, 20000, q, n);
    audit_sample_init(&s, 3);
    s.draws = 20000;
    for (size_t i = 0; i < 3; i++)
        for (unsigned k = 0; k < n[i]; k++)
            audit_sample_add(&s, 0, i, 1);
    double tv = audit_distance(&s, p);
    audit_noise(&s, p, &(struct audit_noise_args){ .tv = tv, .confidence = 0.999 }, &noise);
    check(noise.p == 0.001, "p %g", noise.p);
    check(fabs(tv - 0.03) < noise.radius && noise.radius < 0.02, "tv %g, radius %g", tv, noise.radius);
    audit_sample_fini(&s);
    gsl_rng_free(rng);
}

int main(void)
{
    table = table_open(&(struct table_options){ 4, 3, 11, 1 });
    core = core_alloc();
    strings_are_exact();
    dead_ends();
    is_calibrated("");
    is_calibrated("temperature=1.5 | top_k=2");
    mean_is_expected();
    random_steps();
    exact_by_all();
    greedy_is_not_the_mode();
    beams_miss_what_is_missed_by_hand();
    refusals();
    weighted_samples();
    few_weighted_draws();
    bias_is_found();
    core_free(core);
    lm_free(table);
    return check_done("audit");
}

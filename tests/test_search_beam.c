/* beam, beam_sample, diverse_beam and stochastic_beam on exact tables, against all texts. */
#include "base/err.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 4, LENGTH = 3, MOST = 64 };

static struct lm *table;
static struct core *core;
static struct row_work *work;
static const struct prompt_field field = { "text", "a" };
static const struct prompt prompt = { .fields = &field, .n_fields = 1 };

static struct search *ran(const char *name, const struct chain *c, const struct stop *stop, uint32_t draw)
{
    struct search_args args = {
        .lm = table, .chain = c, .stop = stop, .prompt = &prompt, .address = { .seed = 9, .item = 3, .draw = draw }
    };
    struct search *s = search_open(name, &args);
    exact_run(s, core, work);
    return s;
}

static double by_logp(const struct exact_text *t)
{
    return t->logp;
}

static double by_mean(const struct exact_text *t)
{
    return t->logp / (double)t->n;
}

static double by_gnmt(const struct exact_text *t)
{
    return t->logp / pow((5 + (double)t->n) / 6, 0.8);
}

/* A beam as wide as the tree is the exact n best; `max` limits the symbols. */
static void wide_is_exact(const char *name, const char *chain, size_t max, double (*score)(const struct exact_text *))
{
    struct chain *c = chain_parse(chain);
    struct stop stop = { .max_symbols = (uint32_t)max };
    struct exact e;
    size_t n;
    exact_texts(&e, table, c, "a", max);
    exact_sort(&e, score);
    struct search *s = ran(name, c, &stop, 0);
    const struct hyp *h = search_hyps(s, &n);
    check(n == (e.n < MOST ? e.n : MOST), "%s: %zu texts of %zu", name, n, e.n);
    for (size_t i = 0; i < n; i++) {
        check(exact_find(&e, &h[i]) == i, "%s '%s' max %zu: text %zu is '%s'", name, chain, max, i, text_s(&h[i].text));
        check_near(h[i].log_weight, score(&e.text[i]), 1e-5, "%s: score %zu", name, i);
        check(h[i].end == (e.text[i].s[e.text[i].n - 1] == N - 1 ? HYP_SYMBOL : HYP_LIMIT), "%s: end", name);
    }
    search_close(s);
    exact_free(&e);
    chain_free(c);
}

/* A stop string ends a branch where it appears: the texts are those of the tree cut behind each first b. */
static void stop_strings(const char *name)
{
    static const char *const strings[] = { "b" };
    struct chain *c = chain_parse("");
    struct stop stop = { .strings = strings, .n_strings = 1 };
    struct exact e;
    size_t n, kept = 0;
    exact_texts(&e, table, c, "a", 0);
    for (size_t i = 0; i < e.n; i++) {
        struct exact_text t = e.text[i];
        sym_t all[EXACT_LENGTH + 1] = { 0 };
        size_t k = 0;
        while (k < t.n && t.s[k] != 1)
            k++;
        t.n = k < t.n ? k + 1 : t.n;
        t.logp = 0;
        for (size_t j = 0; j < t.n; j++) {
            double logp[N];
            exact_row(table, c, all, 1, j, logp);
            t.logp += logp[t.s[j]];
            all[1 + j] = t.s[j];
        }
        bool new = kept == 0 || e.text[kept - 1].n != t.n || memcmp(e.text[kept - 1].s, t.s, t.n * sizeof *t.s) != 0;
        e.text[kept] = new ? t : e.text[kept];
        kept += new;
    }
    e.n = kept;
    exact_sort(&e, by_logp);
    struct search *s = ran(name, c, &stop, 0);
    const struct hyp *h = search_hyps(s, &n);
    check(n == e.n, "%s: %zu texts, want %zu", name, n, e.n);
    for (size_t i = 0; i < n && i < e.n; i++) {
        check(exact_find(&e, &h[i]) == i, "%s: text %zu", name, i);
        check(!strchr(text_s(&h[i].text), 'b') &&
                  h[i].end == (e.text[i].s[e.text[i].n - 1] == 1 ? HYP_STRING : HYP_SYMBOL),
              "%s: text %zu is '%s' (%s)", name, i, text_s(&h[i].text), hyp_end_name(h[i].end));
    }
    search_close(s);
    exact_free(&e);
    chain_free(c);
}

/* A beam by hand: every step from the list of all continuations. */
struct prefix {
    sym_t s[EXACT_LENGTH];
    size_t n;
    double logp;
};

static int best_prefix(const void *a, const void *b)
{
    double x = ((const struct prefix *)a)->logp, y = ((const struct prefix *)b)->logp;
    return x > y ? -1 : x < y;
}

static size_t continuations(const struct chain *c, const struct prefix *from, size_t n, struct prefix out[])
{
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++) {
        sym_t all[EXACT_LENGTH + 1] = { 0 };
        double logp[N];
        memcpy(all + 1, from[i].s, from[i].n * sizeof *all);
        exact_row(table, c, all, 1, from[i].n, logp);
        for (sym_t v = 0; v < N; v++) {
            if (logp[v] == -INFINITY)
                continue;
            out[n_out] = from[i];
            out[n_out].s[out[n_out].n++] = v;
            out[n_out++].logp += logp[v];
        }
    }
    return n_out;
}

/* The most probable text of a narrow beam that runs to the end of the tree (early=never, no penalty). */
static void narrow(uint32_t width, const char *chain)
{
    struct chain *c = chain_parse(chain);
    struct stop stop = { .max_symbols = 0 };
    struct prefix now[8] = { { .n = 0 } }, all[8 * N], best = { .logp = -INFINITY };
    size_t n = 1, n_hyps;
    while (n > 0) {
        size_t n_all = continuations(c, now, n, all);
        qsort(all, n_all, sizeof *all, best_prefix);
        n = 0;
        for (size_t r = 0; r < n_all && r < 2 * width && n < width; r++) {
            bool ended = all[r].s[all[r].n - 1] == N - 1;
            if (!ended)
                now[n++] = all[r];
            else if (r < width && all[r].logp > best.logp)
                best = all[r];
        }
    }
    char name[64];
    snprintf(name, sizeof name, "beam(%u, length_penalty=0, early=never)", width);
    struct search *s = ran(name, c, &stop, 0);
    const struct hyp *h = search_hyps(s, &n_hyps);
    check(n_hyps == 1 && h->n_steps == best.n, "%s: length %zu, want %zu", name, h->n_steps, best.n);
    for (size_t i = 0; i < best.n && i < h->n_steps; i++)
        check(h->steps[i].symbol == best.s[i], "%s: symbol %zu", name, i);
    check_near(h->log_weight, best.logp, 1e-5, "%s: score", name);
    search_close(s);
    chain_free(c);
}

static bool same_steps(const struct hyp *a, const struct hyp *b)
{
    return a->n_steps == b->n_steps && memcmp(a->steps, b->steps, a->n_steps * sizeof *a->steps) == 0 &&
           a->end == b->end && strcmp(text_s(&a->text), text_s(&b->text)) == 0;
}

/* Width 1 is greedy but for an end that is only second best: under early=first both stop at the first end. */
static void one_is_greedy(void)
{
    static const char *const chains[] = { "", "temperature=0.5", "frequency_penalty=2 | top_k=2", "top_p=0.5" };
    static const char *const strings[] = { "bc" };
    struct stop stops[2] = { { .max_symbols = 0 }, { .strings = strings, .n_strings = 1, .max_bytes = 3 } };
    for (size_t i = 0; i < 8; i++) {
        struct chain *c = chain_parse(chains[i / 2]);
        size_t n;
        struct search *a = ran("greedy", c, &stops[i % 2], 0), *b = ran("beam(1, early=first)", c, &stops[i % 2], 0);
        check(same_steps(search_hyps(a, &n), search_hyps(b, &n)) && n == 1, "width 1 is greedy under '%s'",
              chains[i / 2]);
        search_close(a);
        search_close(b);
        chain_free(c);
    }
}

/* Early stopping: first <= heuristic <= never in rounds; the answers of never are at least as good. */
static void early_rules(void)
{
    struct chain *c = chain_parse("");
    struct stop stop = { .max_symbols = 0 };
    static const char *const names[] = { "beam(2, length_penalty=0.5, early=first)", "beam(2, length_penalty=0.5)",
                                         "beam(2, length_penalty=0.5, early=never)" };
    size_t rounds[3];
    double score[3];
    for (size_t i = 0; i < 3; i++) {
        struct search_args args = { .lm = table, .chain = c, .stop = &stop, .prompt = &prompt };
        struct search *s = search_open(names[i], &args);
        size_t n;
        rounds[i] = exact_run(s, core, work);
        score[i] = search_hyps(s, &n)->log_weight;
        search_close(s);
    }
    check(rounds[0] <= rounds[1] && rounds[1] <= rounds[2], "rounds: %zu %zu %zu", rounds[0], rounds[1], rounds[2]);
    check(score[0] <= score[1] + 1e-12 && score[1] <= score[2] + 1e-12, "scores: %g %g %g", score[0], score[1],
          score[2]);
    chain_free(c);
}

/* t5: what the limit cuts counts only where nothing ended; every rank may end. */
static void t5_rule(void)
{
    struct chain *c = chain_parse("");
    struct stop stop = { .max_symbols = 2 };
    size_t n;
    struct search *s = ran("beam(64, n=64, length_penalty=0, brevity_penalty=0.6, early=t5)", c, &stop, 0);
    const struct hyp *h = search_hyps(s, &n);
    check(n > 0, "t5 gives something");
    for (size_t i = 0; i < n; i++)
        check(h[i].end == HYP_SYMBOL, "t5: text %zu ended by %s", i, hyp_end_name(h[i].end));
    search_close(s);
    struct chain *one = chain_parse("top_k=1");
    stop.max_symbols = 1;
    s = ran("beam(2, early=t5)", one, &stop, 0);
    h = search_hyps(s, &n);
    check(n == 1 && h->end == HYP_LIMIT, "t5: nothing ended (%s), so the cut ones count", hyp_end_name(h->end));
    search_close(s);
    chain_free(one);
    chain_free(c);
}

/* Dead ends: a chain that forbids repeats leaves nothing when all letters are used and the end is masked. */
static void dead_ends(void)
{
    struct chain *c = chain_parse("top_k=1 | no_repeat_ngram=1");
    struct stop stop = { .max_symbols = 0 };
    static const char *const names[] = { "beam(3)",    "beam_sample(2)", "diverse_beam(4)", "stochastic_beam(3)",
                                         "best_first", "contrastive" };
    size_t n;
    struct search *g = ran("greedy", c, &stop, 0);
    enum hyp_end want = search_hyps(g, &n)->end;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct search *s = ran(names[i], c, &stop, 0);
        const struct hyp *h = search_hyps(s, &n);
        check(n == 1 && h->end == want, "%s ends as greedy: %s, want %s", names[i], hyp_end_name(h->end),
              hyp_end_name(want));
        search_close(s);
    }
    search_close(g);
    chain_free(c);
}

/* beam_sample of width 1 keeps two draws without replacement and goes on with the likelier that is open: the whole
 * distribution by hand. */
static void sampled_beam(void)
{
    enum { DRAWS = 6000 };
    struct chain *c = chain_parse("");
    struct stop stop = { .max_symbols = 1 };
    double logp[N], p[N] = { 0 }, count[N] = { 0 };
    sym_t all[1] = { 0 };
    size_t n;
    exact_row(table, c, all, 1, 0, logp);
    for (sym_t a = 0; a < N; a++)
        for (sym_t b = 0; b < N; b++)
            if (a != b)
                p[logp[a] > logp[b] ? a : b] += exp(logp[a]) * exp(logp[b]) / (1 - exp(logp[a]));
    for (uint32_t d = 0; d < DRAWS; d++) {
        struct search *s = ran("beam_sample(1, early=first)", c, &stop, d);
        const struct hyp *h = search_hyps(s, &n);
        check(n == 1 && h->n_steps == 1, "one symbol");
        count[h->steps[0].symbol]++;
        search_close(s);
    }
    check(exact_fits(p, count, N, DRAWS), "beam_sample: %g %g %g %g of %g %g %g %g", count[0], count[1], count[2],
          count[3], p[0] * DRAWS, p[1] * DRAWS, p[2] * DRAWS, p[3] * DRAWS);
    chain_free(c);
}

/* diverse_beam by hand for groups of one branch: each group greedy after the penalty of the earlier ones. */
static void diverse(double penalty)
{
    enum { GROUPS = 3 };
    struct chain *c = chain_parse("");
    struct stop stop = { .max_symbols = 3 };
    char name[96];
    snprintf(name, sizeof name,
             "diverse_beam(%d, n=%d, groups=%d, diversity_penalty=%g, length_penalty=0, early=first)", GROUPS, GROUPS,
             GROUPS, penalty);
    struct prefix now[GROUPS] = { { .n = 0 } }, done[GROUPS];
    bool over[GROUPS] = { false };
    for (size_t step = 0; step < 3; step++) {
        double taken[N] = { 0 };
        for (size_t g = 0; g < GROUPS; g++) {
            struct prefix all[N];
            if (over[g])
                continue;
            size_t n_all = continuations(c, &now[g], 1, all);
            for (size_t i = 0; i < n_all; i++)
                all[i].logp -= penalty * taken[all[i].s[step]];
            qsort(all, n_all, sizeof *all, best_prefix);
            now[g] = all[0];
            over[g] = all[0].s[step] == N - 1 || step == 2;
            done[g] = all[0];
            taken[all[0].s[step]] += !over[g];
        }
    }
    qsort(done, GROUPS, sizeof *done, best_prefix);
    size_t n;
    struct search *s = ran(name, c, &stop, 0);
    const struct hyp *h = search_hyps(s, &n);
    check(n == GROUPS, "%s: %zu texts", name, n);
    for (size_t g = 0; g < n && g < GROUPS; g++) {
        check_near(h[g].log_weight, done[g].logp, 1e-5, "%s: score %zu", name, g);
        check(h[g].n_steps == done[g].n, "%s: length %zu", name, g);
    }
    search_close(s);
    chain_free(c);
}

/* stochastic_beam(1) is a sample; pairs are drawn without replacement; weighted sums are unbiased. */
static void stochastic(const char *chain)
{
    enum { DRAWS = 4000, K = 3 };
    static double pair[128 * 128], pair_count[128 * 128];
    struct chain *c = chain_parse(chain);
    struct stop stop = { .max_symbols = 0 };
    struct exact e;
    size_t n;
    double count[EXACT_TEXTS] = { 0 }, p[EXACT_TEXTS], length = 0, sum = 0, sum2 = 0, mass = 0;
    exact_texts(&e, table, c, "a", 0);
    check(e.n <= 128, "%zu texts", e.n);
    memset(pair_count, 0, sizeof pair_count);
    for (size_t i = 0; i < e.n; i++) {
        p[i] = e.text[i].p;
        length += p[i] * (double)e.text[i].n;
        for (size_t j = 0; j < e.n; j++)
            pair[i * e.n + j] = i == j ? 0 : p[i] * e.text[j].p / (1 - p[i]);
    }
    for (uint32_t d = 0; d < DRAWS; d++) {
        double estimate = 0;
        struct search *s = ran("stochastic_beam(3)", c, &stop, d);
        const struct hyp *h = search_hyps(s, &n);
        check(n == K, "%zu texts", n);
        size_t first = exact_find(&e, &h[0]), second = exact_find(&e, &h[1]);
        count[first]++;
        pair_count[first * e.n + second]++;
        for (size_t i = 0; i < n; i++) {
            estimate += exp(h[i].log_weight) * (double)h[i].n_steps;
            mass += exp(h[i].log_weight) / DRAWS;
        }
        sum += estimate;
        sum2 += estimate * estimate;
        search_close(s);
    }
    check(exact_fits(p, count, e.n, DRAWS), "'%s': the first text is a sample", chain);
    check(exact_fits(pair, pair_count, e.n * e.n, DRAWS), "'%s': the first two are drawn without replacement", chain);
    double mean = sum / DRAWS, error = sqrt((sum2 / DRAWS - mean * mean) / DRAWS);
    check(fabs(mean - length) < 5 * error, "'%s': weighted length %g +- %g, want %g", chain, mean, error, length);
    check_near(mass, 1, 0.08, "'%s': weights sum to one on average", chain);
    exact_free(&e);
    chain_free(c);
}

/* More texts asked for than there are: all of them, with their own probabilities as weights. */
static void stochastic_all(void)
{
    struct chain *c = chain_parse("top_k=2");
    struct stop stop = { .max_symbols = 3 };
    struct exact e;
    size_t n;
    exact_texts(&e, table, c, "a", 3);
    struct search *s = ran("stochastic_beam(63)", c, &stop, 4);
    const struct hyp *h = search_hyps(s, &n);
    check(n == e.n, "%zu texts of %zu", n, e.n);
    for (size_t i = 0; i < n; i++) {
        size_t at = exact_find(&e, &h[i]);
        check(at < e.n, "text %zu is possible", i);
        check_near(h[i].log_weight, e.text[at < e.n ? at : 0].logp, 1e-5, "weight %zu", i);
    }
    search_close(s);
    exact_free(&e);
    chain_free(c);
}

static void refused(const char *text, const char *message)
{
    struct text out = { 0 };
    check(search_canonical(text, &out) == ERR_USAGE && strstr(err_text(), message), "'%s': '%s', want '%s'", text,
          err_text(), message);
    text_free(&out);
}

static void errors(void)
{
    refused("beam(2, n=3)", "n is 3, want at most the width, 2");
    refused("beam(65)", "width is 65");
    refused("beam(2, early=frist)", "unknown early-stopping rule 'frist'; did you mean 'first'?");
    refused("diverse_beam(5, groups=2)", "2 groups do not divide width 5");
    refused("stochastic_beam(64)", "n is 64");
}

int main(void)
{
    struct table_options o = { .n = N, .max_length = LENGTH + 1, .seed = 17, .sharpness = 1 };
    table = table_open(&o);
    core = core_alloc();
    work = row_work_alloc(N);
    static const char *const chains[] = { "", "temperature=0.7 | top_k=3", "frequency_penalty=1" };
    for (size_t i = 0; i < 3; i++) {
        wide_is_exact("beam(64, n=64, length_penalty=0, early=never)", chains[i], 0, by_logp);
        wide_is_exact("beam(64, n=64, early=never)", chains[i], 0, by_mean);
        wide_is_exact("beam(64, n=64)", chains[i], 2, by_mean);
        wide_is_exact("beam(64, n=64, length_penalty=0, brevity_penalty=0.8, early=never)", chains[i], 3, by_gnmt);
        for (uint32_t width = 1; width <= 4; width++)
            narrow(width, chains[i]);
    }
    stop_strings("beam(64, n=64, length_penalty=0, early=never)");
    stop_strings("best_first(64)");
    one_is_greedy();
    early_rules();
    t5_rule();
    dead_ends();
    sampled_beam();
    diverse(0);
    diverse(0.7);
    diverse(3);
    stochastic("");
    stochastic("temperature=1.5 | top_p=0.95");
    stochastic_all();
    errors();
    check(lm_fork(table, LM_EMPTY, 0) == 0, "all slots were dropped");
    row_work_free(work);
    core_free(core);
    lm_free(table);
    return check_done("search_beam");
}

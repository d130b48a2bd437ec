/* best_first and contrastive on exact tables. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4, LENGTH = 3 };

static struct lm *table;
static struct core *core;
static struct row_work *work;
static const struct prompt_field field = { "text", "a" };
static const struct prompt prompt = { .fields = &field, .n_fields = 1 };

static struct search *opened(const char *name, const struct chain *c, const struct stop *stop)
{
    struct search_args args = { .lm = table, .chain = c, .stop = stop, .prompt = &prompt, .address = { .seed = 9 } };
    return search_open(name, &args);
}

static double by_logp(const struct exact_text *t)
{
    return t->logp;
}

/* The n most probable texts, in order, whatever n; the first with no more steps than the prefixes that beat it. */
static void best_is_exact(const char *chain, size_t max)
{
    struct chain *c = chain_parse(chain);
    struct stop stop = { .max_symbols = (uint32_t)max };
    struct exact e;
    size_t n, rounds;
    exact_texts(&e, table, c, "a", max);
    exact_sort(&e, by_logp);
    struct search *s = opened("best_first(64)", c, &stop);
    exact_run(s, core, work);
    const struct hyp *h = search_hyps(s, &n);
    check(n == (e.n < 64 ? e.n : 64), "'%s': %zu texts of %zu", chain, n, e.n);
    for (size_t i = 0; i < n; i++) {
        check(exact_find(&e, &h[i]) == i, "'%s' max %zu: text %zu", chain, max, i);
        check_near(h[i].log_weight, e.text[i].logp, 1e-5, "'%s': score %zu", chain, i);
    }
    search_close(s);
    s = opened("best_first", c, &stop);
    rounds = exact_run(s, core, work);
    h = search_hyps(s, &n);
    check(n == 1 && exact_find(&e, h) == 0 && rounds <= e.n, "'%s': the most probable text in %zu rounds", chain,
          rounds);
    search_close(s);
    exact_free(&e);
    chain_free(c);
}

/* A full queue forgets, spent steps give what there is; slots of what fell out are dropped (main checks). */
static void best_is_bounded(void)
{
    struct chain *c = chain_parse("");
    struct stop stop = { .max_symbols = 0 };
    size_t n;
    for (uint32_t queue = 1; queue < 6; queue++) {
        char name[64];
        snprintf(name, sizeof name, "best_first(5, queue=%u)", queue);
        struct search *s = opened(name, c, &stop);
        exact_run(s, core, work);
        const struct hyp *h = search_hyps(s, &n);
        check(n >= 1 && n <= 5 && h[0].n_steps > 0, "%s: %zu texts", name, n);
        search_close(s);
    }
    struct search *s = opened("best_first(steps=1)", c, &stop);
    check(exact_run(s, core, work) == 1, "one step");
    const struct hyp *h = search_hyps(s, &n);
    check(n == 1 && h->n_steps == 1 && h->end != HYP_OPEN, "given as it stands");
    search_close(s);
    s = opened("best_first(children=1, queue=1)", c, &stop);
    struct search *greedy = opened("greedy", c, &stop);
    exact_run(s, core, work);
    exact_run(greedy, core, work);
    size_t n_greedy;
    const struct hyp *g = search_hyps(greedy, &n_greedy);
    h = search_hyps(s, &n);
    check(n == 1 && h->n_steps == g->n_steps && memcmp(h->steps, g->steps, g->n_steps * sizeof *g->steps) == 0,
          "one child and one place are greedy");
    search_close(s);
    search_close(greedy);
    chain_free(c);
}

/* The unit hidden state after a prefix, as the table gives it. */
static void hidden_after(const sym_t s[], size_t n, double out[N])
{
    struct row row;
    struct want w = { .lm = table, .slot = lm_fork(table, LM_EMPTY, 0), .n_rows = 1, .tap = LM_TAP_HIDDEN };
    double sum = 0;
    check(lm_push(table, w.slot, s, n, NULL) == 0 && core_run(core, &w, 1) == 0 && lm_rows(&w, &row) == 0, "hidden");
    for (uint32_t i = 0; i < N; i++)
        sum += (double)row.score[i] * (double)row.score[i];
    for (uint32_t i = 0; i < N; i++)
        out[i] = (double)row.score[i] / sqrt(sum);
    lm_drop(table, w.slot);
}

/* Su's rule by hand, from the definition. */
static void contrastive_by_hand(const char *chain, uint32_t k, double alpha)
{
    struct chain *c = chain_parse(chain);
    struct stop stop = { .max_symbols = 0 };
    char name[64];
    sym_t all[LENGTH + 4] = { 0 };
    size_t n_made = 0, n;
    snprintf(name, sizeof name, "contrastive(%u, alpha=%g)", k, alpha);
    struct search *s = opened(name, c, &stop);
    exact_run(s, core, work);
    const struct hyp *h = search_hyps(s, &n);
    for (sym_t chosen = 0; chosen != N - 1; n_made++) {
        double logp[N], most = -INFINITY;
        exact_row(table, c, all, 1, n_made, logp);
        for (sym_t v = 0; v < N; v++) {
            double own[N], alike = -1, before[N];
            uint32_t above = 0;
            for (sym_t u = 0; u < N; u++)
                above += logp[u] > logp[v];
            if (above >= k || logp[v] == -INFINITY)
                continue;
            all[1 + n_made] = v;
            hidden_after(all, n_made + 2, own);
            for (size_t j = 1; j <= n_made + 1; j++) {
                double dot = 0;
                hidden_after(all, j, before);
                for (uint32_t i = 0; i < N; i++)
                    dot += own[i] * before[i];
                alike = fmax(alike, dot);
            }
            double score = (1 - alpha) * exp(logp[v]) - alpha * alike;
            chosen = score > most ? v : chosen;
            most = fmax(most, score);
        }
        all[1 + n_made] = chosen;
        check(n_made < h->n_steps && h->steps[n_made].symbol == chosen, "%s '%s': step %zu is %u, want %u", name, chain,
              n_made, h->steps[n_made].symbol, chosen);
        if (n_made >= h->n_steps || h->steps[n_made].symbol != chosen)
            break;
    }
    search_close(s);
    chain_free(c);
}

static void contrastive_edges(void)
{
    struct chain *c = chain_parse("");
    struct stop stop = { .max_symbols = 0 };
    const struct voice voices[] = { { .lm = table, .name = "a" }, { .lm = table, .name = "b" } };
    struct lm *both = ensemble_open(voices, NULL, 2, "linear");
    struct search_args args = { .lm = both, .chain = c, .stop = &stop, .prompt = &prompt };
    check(!search_open("contrastive", &args) && strstr(err_text(), "no hidden state of its own"), "%s", err_text());
    lm_free(both);
    size_t n;
    struct search *a = opened("contrastive(31, alpha=0)", c, &stop), *b = opened("greedy", c, &stop);
    check(exact_run(a, core, work) == exact_run(b, core, work) + 1, "a round a symbol, and one for the last trial");
    const struct hyp *x = search_hyps(a, &n), *y = search_hyps(b, &n);
    check(x->n_steps == y->n_steps && memcmp(x->steps, y->steps, x->n_steps * sizeof *x->steps) == 0,
          "alpha 0 is greedy, k > V");
    search_close(a);
    search_close(b);
    chain_free(c);
}

int main(void)
{
    struct table_options o = { .n = N, .max_length = LENGTH + 1, .seed = 23, .sharpness = 1 };
    static const char *const chains[] = { "", "temperature=0.7 | top_k=3", "frequency_penalty=1" };
    table = table_open(&o);
    core = core_alloc();
    work = row_work_alloc(N);
    for (size_t i = 0; i < 3; i++) {
        best_is_exact(chains[i], 0);
        best_is_exact(chains[i], 2);
        for (uint32_t k = 1; k <= 4; k++)
            for (int a = 0; a < 4; a++)
                contrastive_by_hand(chains[i], k, 0.3 * a);
    }
    best_is_bounded();
    contrastive_edges();
    check(lm_fork(table, LM_EMPTY, 0) == 0, "all slots were dropped");
    row_work_free(work);
    core_free(core);
    lm_free(table);
    return check_done("search_paths");
}

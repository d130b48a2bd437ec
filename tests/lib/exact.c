#include "tests/lib/exact.h"
#include "base/err.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void exact_row(const struct lm *table, const struct chain *c, const sym_t all[], size_t n_prompt, size_t n_made,
               double logp[])
{
    float score[32];
    uint32_t n = table->space->n;
    struct row_work *work = row_work_alloc(n);
    struct rng_address a = { .step = (uint32_t)n_made };
    struct transform_at at = { .space = table->space,
                               .prompt = all,
                               .n_prompt = n_prompt,
                               .made = all + n_prompt,
                               .n_made = n_made,
                               .address = &a,
                               .work = work };
    table_logp(table, all, n_prompt + n_made, logp);
    for (uint32_t v = 0; v < n; v++)
        score[v] = (float)logp[v];
    struct row r = row_over(score, n);
    check(row_measure(&r) == 0 && chain_apply(c, NULL, &r, &at, NULL) == 0, "reference: %s", err_text());
    for (sym_t v = 0; v < n; v++)
        logp[v] = row_logp(&r, v);
    row_work_free(work);
}

struct at {
    const struct lm *table;
    const struct chain *chain;
    sym_t all[32];
    size_t n_prompt, max;
};

static void enumerate(struct exact *e, struct at *at, size_t n_made, double logp)
{
    double next[32];
    uint32_t n = at->table->space->n;
    exact_row(at->table, at->chain, at->all, at->n_prompt, n_made, next);
    for (sym_t v = 0; v < n; v++) {
        if (next[v] == -INFINITY)
            continue;
        at->all[at->n_prompt + n_made] = v;
        if (v + 1 < n && n_made + 1 != at->max) {
            enumerate(e, at, n_made + 1, logp + next[v]);
            continue;
        }
        check(e->n < EXACT_TEXTS && n_made < EXACT_LENGTH, "room for all texts");
        struct exact_text *t = &e->text[e->n++];
        memcpy(t->s, at->all + at->n_prompt, (n_made + 1) * sizeof *t->s);
        t->n = n_made + 1;
        t->logp = logp + next[v];
        t->p = exp(t->logp);
    }
}

void exact_texts(struct exact *e, const struct lm *table, const struct chain *c, const char *prompt, size_t max_symbols)
{
    struct at at = { .table = table, .chain = c, .n_prompt = strlen(prompt), .max = max_symbols };
    double sum = 0;
    for (size_t i = 0; prompt[i]; i++)
        at.all[i] = (sym_t)(prompt[i] - 'a');
    *e = (struct exact){ .text = calloc(EXACT_TEXTS, sizeof *e->text) };
    enumerate(e, &at, 0, 0);
    for (size_t i = 0; i < e->n; i++)
        sum += e->text[i].p;
    check_near(sum, 1, 1e-5, "all texts sum to one");
}

void exact_free(struct exact *e)
{
    free(e->text);
}

static double (*order)(const struct exact_text *t);

static int by_score(const void *a, const void *b)
{
    double x = order(a), y = order(b);
    return x > y ? -1 : x < y;
}

void exact_sort(struct exact *e, double (*score)(const struct exact_text *t))
{
    order = score;
    qsort(e->text, e->n, sizeof *e->text, by_score);
}

size_t exact_find(const struct exact *e, const struct hyp *h)
{
    size_t i = 0;
    for (; i < e->n; i++) {
        bool same = e->text[i].n == h->n_steps;
        for (size_t k = 0; same && k < h->n_steps; k++)
            same = h->steps[k].symbol == e->text[i].s[k];
        if (same)
            break;
    }
    return i;
}

size_t exact_run(struct search *s, struct core *core, struct row_work *work)
{
    struct want wants[SEARCH_WANTS];
    size_t rounds = 0;
    int n;
    check(s != NULL, "it opens: %s", err_text());
    while (s && (n = search_want(s, wants, SEARCH_WANTS)) > 0) {
        bool ok = core_run(core, wants, (size_t)n) == 0 && search_feed(s, work) == 0 && search_move(s) == 0;
        check(ok, "it runs: %s", err_text());
        rounds++;
        if (!ok)
            break;
    }
    return rounds;
}

bool exact_fits(const double p[], const double count[], size_t n, double n_draws)
{
    double chi2 = 0, rest = 0, rest_count = 0;
    int cells = 0;
    for (size_t i = 0; i < n; i++) {
        double want = p[i] * n_draws;
        if (want < 8) {
            rest += want;
            rest_count += count[i];
            continue;
        }
        chi2 += (count[i] - want) * (count[i] - want) / want;
        cells++;
    }
    if (rest > 0)
        chi2 += (rest_count - rest) * (rest_count - rest) / rest;
    return chi2 < gsl_cdf_chisq_Qinv(1e-6, fmax(cells + (rest > 0) - 1, 1));
}

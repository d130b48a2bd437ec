#include "cli/bench_chains.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 60, SYMBOLS = 128256 };

/* What a measurement works on; the row is copied from scores each time. */
struct job {
    struct chain *chain;
    float *scores, *copy; /* (n,) */
    uint32_t n;
    char *state;
    struct row_work *work;
    struct rng_address address;
};

/* Rows of Zipf's exponents: an lm that is rather sure (a nucleus of .95 holds some hundred symbols), and a long tail (it
 * holds a quarter of them). */
enum { N_ROWS = 2 };
static const double exponents[N_ROWS] = { 1.5, 1.1 };

/* -exponent ln(rank) and a little noise, ranks shuffled over the ids. */
static void fill(float scores[], uint32_t n, double exponent, const struct rng_key *key)
{
    for (uint32_t v = 0; v < n; v++)
        scores[v] = (float)(-exponent * log(1.0 + v) + 0.3 * rng_uniform(key, v));
    for (uint32_t v = n - 1; v > 0; v--) {
        uint32_t words[4];
        rng_words(key, v, words);
        uint32_t u = words[3] % (v + 1);
        float x = scores[v];
        scores[v] = scores[u];
        scores[u] = x;
    }
}

static int job_open(struct job *j, const char *text, uint32_t n, double exponent)
{
    *j = (struct job){ .n = n, .address = { .seed = 1, .purpose = RNG_TEST } };
    j->chain = chain_parse(text);
    if (!j->chain)
        return ERR_USAGE;
    struct rng_key key = rng_key(&j->address);
    j->scores = mem_aligned(n, sizeof *j->scores);
    j->copy = mem_aligned(n, sizeof *j->copy);
    j->state = mem_aligned(chain_state_size(j->chain) + 1, 1);
    j->work = row_work_alloc(n);
    fill(j->scores, n, exponent, &key);
    return 0;
}

static void job_close(struct job *j)
{
    chain_free(j->chain);
    free(j->scores);
    free(j->copy);
    free(j->state);
    row_work_free(j->work);
}

/* Seconds of the chain alone, and of measuring, chain and draw; the best of several, since other work only adds. */
static int job_measure(struct job *j, double *chain, double *whole)
{
    static const sym_t said[] = { 17, 4, 99, 17, 4, 5, 1000, 17, 4 };
    enum { SAID = sizeof said / sizeof said[0] };
    struct transform_at at = { .made = said, .n_made = SAID, .address = &j->address, .work = j->work };
    struct rng_key key = rng_key(&j->address);
    *chain = *whole = INFINITY;
    for (int i = 0; i < REPEATS; i++) {
        struct row row = row_over(j->copy, j->n);
        memcpy(j->copy, j->scores, j->n * sizeof *j->copy);
        chain_start(j->chain, j->state);
        double from = clock_seconds();
        TRY(row_measure(&row));
        double before = clock_seconds();
        TRY(chain_apply(j->chain, j->state, &row, &at, NULL));
        double after = clock_seconds();
        if (!row_dead(&row))
            row_draw(&row, &key);
        *whole = fmin(*whole, clock_seconds() - from);
        *chain = fmin(*chain, after - before);
    }
    return 0;
}

int bench_chain(const struct args *a, const char *text, uint32_t n)
{
    double chain[N_ROWS], whole[N_ROWS];
    char canonical[128];
    for (int i = 0; i < N_ROWS; i++) {
        struct job j;
        TRY(job_open(&j, text, n, exponents[i]));
        int rc = job_measure(&j, &chain[i], &whole[i]);
        snprintf(canonical, sizeof canonical, "%s", chain_text(j.chain));
        job_close(&j);
        TRY(rc);
    }
    if (a->json)
        printf("{\"what\":\"chain\",\"chain\":\"%s\",\"symbols\":%u,\"us\":%.2f,\"chain_us\":%.2f,\"tail_us\":%.2f,"
               "\"tail_chain_us\":%.2f}\n",
               canonical, n, whole[0] * 1e6, chain[0] * 1e6, whole[1] * 1e6, chain[1] * 1e6);
    else
        printf("%-54s %7u symbols  peaked %8.1f us (chain %8.1f)  long tail %8.1f (%8.1f)\n",
               *canonical ? canonical : "(draw alone)", n, whole[0] * 1e6, chain[0] * 1e6, whole[1] * 1e6,
               chain[1] * 1e6);
    return 0;
}

int bench_chains(const struct args *a)
{
    static const char *const chains[] = {
        "",
        "temperature=0.8",
        "dynatemp=0.5",
        "edt=0.5",
        "quadratic(0.3, curve=2)",
        "skew=0.3",
        "skew(0.3, order=id)",
        "normalise",
        "top_k=40",
        "top_k(40, ties=all)",
        "top_p=0.95",
        "top_p(0.95, bound=below, ties=all)",
        "min_p=0.05",
        "top_a=0.2",
        "typical=0.95",
        "typical(0.95, ties=all)",
        "epsilon=0.0006",
        "eta=0.002",
        "tfs=0.95",
        "top_n_sigma=1",
        "top_h=0.4",
        "top_h(0.4, entropy=partial, among=100)",
        "p_less",
        "p_less=3",
        "p_less_norm",
        "min_k",
        "ees",
        "diff",
        "xtc(1, threshold=0.01)",
        "xtc(0.5, threshold=0.01, form=expected)",
        "conformal(0.1, entropy=[2, 4], mass=[0.8, 0.9, 0.95])",
        "repetition_penalty=1.1",
        "frequency_penalty=0.2",
        "presence_penalty=0.2",
        "no_repeat_ngram=4",
        "dry=0.8",
        "mirostat1=5",
        "mirostat2=5",
        "adaptive_p=0.5",
        "top_k=40 | top_p=0.95 | min_p=0.05 | temperature=0.8",
        "temperature=0.8 | top_p=0.95",
    };
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++)
        TRY(bench_chain(a, chains[i], SYMBOLS));
    return 0;
}

#include "cli/bench_chains.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/draw.h"
#include "experiments/lua_transforms.h"
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

static int job_open(struct job *j, const struct lua_transforms *lua, const char *text, uint32_t n, double exponent)
{
    *j = (struct job){ .n = n, .address = { .seed = 1, .purpose = RNG_TEST } };
    j->chain = lua_transforms_chain(lua, text);
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
    struct rng_address address = j->address;
    struct draw draw = { .type = draw_find("gumbel") };
    address.purpose = RNG_DRAW;
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
            draw_symbol(&draw, &row, &address, j->work);
        *whole = fmin(*whole, clock_seconds() - from);
        *chain = fmin(*chain, after - before);
    }
    return 0;
}

/* What a chain costs on each row, the chain alone and all; canonical: 128 bytes. */
struct cost {
    double chain[N_ROWS], whole[N_ROWS];
    char canonical[128];
};

static int measure(const struct lua_transforms *lua, const char *text, uint32_t n, struct cost *c)
{
    for (int i = 0; i < N_ROWS; i++) {
        struct job j;
        TRY(job_open(&j, lua, text, n, exponents[i]));
        int rc = job_measure(&j, &c->chain[i], &c->whole[i]);
        snprintf(c->canonical, sizeof c->canonical, "%s", chain_text(j.chain));
        job_close(&j);
        TRY(rc);
    }
    return 0;
}

int bench_chain(const struct args *a, const char *text, uint32_t n)
{
    struct cost c;
    TRY(measure(NULL, text, n, &c));
    const double *chain = c.chain, *whole = c.whole;
    const char *canonical = c.canonical;
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

/* Transforms of a script beside their twins in C. */
static const char lua_script[] =
    "transform { name = 'lua_min_p', params = { 'p' }, function(row, p)\n"
    "  row:keep_above(row:max() + math.log(p.p)) end }\n"
    "transform { name = 'lua_top_k', params = { { 'k', integer = true } }, function(row, p) row:keep_rank(p.k) end }\n"
    "transform { name = 'lua_temperature', params = { 't' }, function(row, p) row:scale(1 / p.t) end }\n"
    "transform { name = 'vector_min_p', params = { 'p' }, function(row, p)\n"
    "  local probs = row:probs() row:keep(probs:ge(p.p * probs:largest())) end }\n"
    "transform { name = 'vector_top_p', params = { 'p' }, function(row, p)\n"
    "  row:keep_rank(row:ranked():exp():cumulated():reaches(p.p)) end }\n"
    "transform { name = 'loop_min_p', params = { 'p' }, function(row, p)\n"
    "  local s, least = row:scores(), row:max() + math.log(p.p)\n"
    "  for v = 0, #row - 1 do s[v] = s[v] >= least and 1 or 0 end row:keep(s) end }\n";

static int bench_twin(const struct args *a, const struct lua_transforms *lua, const char *mine, const char *theirs)
{
    struct cost c, twin;
    TRY(measure(lua, mine, SYMBOLS, &c));
    TRY(measure(NULL, theirs, SYMBOLS, &twin));
    double ratio[N_ROWS] = { c.chain[0] / twin.chain[0], c.chain[1] / twin.chain[1] };
    if (a->json)
        printf("{\"what\":\"lua\",\"chain\":\"%s\",\"twin\":\"%s\",\"symbols\":%u,\"chain_us\":%.2f,"
               "\"twin_us\":%.2f,\"ratio\":%.2f,\"tail_ratio\":%.2f}\n",
               c.canonical, twin.canonical, (unsigned)SYMBOLS, c.chain[0] * 1e6, twin.chain[0] * 1e6, ratio[0],
               ratio[1]);
    else
        printf("%-24s %8.1f us  %-16s %8.1f us  ratio %6.2f  long tail %6.2f\n", c.canonical, c.chain[0] * 1e6,
               twin.canonical, twin.chain[0] * 1e6, ratio[0], ratio[1]);
    return 0;
}

int bench_lua(const struct args *a)
{
    static const char *const twins[][2] = {
        { "lua_min_p=0.05", "min_p=0.05" },           { "lua_top_k=40", "top_k=40" },
        { "lua_temperature=0.8", "temperature=0.8" }, { "vector_min_p=0.05", "min_p=0.05" },
        { "vector_top_p=0.95", "top_p=0.95" },        { "loop_min_p=0.05", "min_p=0.05" },
    };
    struct text source = { 0 };
    text_add(&source, lua_script);
    struct lua_transforms *lua = lua_transforms_open("bench", &source, NULL, 0);
    text_free(&source);
    int rc = lua ? 0 : err_code();
    if (!a->json)
        printf("\ntransforms of a script beside their twins in C, on a row of %u symbols\n", (unsigned)SYMBOLS);
    for (size_t i = 0; rc == 0 && i < sizeof twins / sizeof *twins; i++)
        rc = bench_twin(a, lua, twins[i][0], twins[i][1]);
    lua_transforms_close(lua);
    return rc;
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
    return bench_lua(a);
}

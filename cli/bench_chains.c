#include "cli/bench_chains.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "decode/draw.h"
#include "experiments/lua_transforms.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 200, LEAST = 5, SYMBOLS = 128256 };
#define LONGEST .15 /* seconds for one chain on one row */

/* What was said before the row: a prompt, and a text in which some of it comes again. */
enum { PROMPT = 200, MADE = 800 };

/* What a measurement works on; the row is copied from scores each time. */
struct job {
    struct chain *chain;
    struct space *space;  /* of n symbols of one byte, the last of which ends */
    float *scores, *copy; /* (n,) */
    uint32_t n;
    char *state;
    struct row_work *work;
    struct rng_address address;
    sym_t said[PROMPT + MADE];
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

static struct space *space_of(uint32_t n)
{
    uint8_t *bytes = mem_alloc(n, 1), *special = mem_alloc(n, 1);
    uint64_t *offsets = mem_alloc((size_t)n + 1, sizeof *offsets);
    const sym_t end = n - 1;
    for (uint32_t v = 0; v < n; v++) {
        bytes[v] = (uint8_t)('a' + v % 26);
        offsets[v + 1] = v + 1;
    }
    struct space *space = space_alloc(SPACE_TOKEN, n, bytes, offsets, special, &end, 1);
    free(bytes);
    free(special);
    free(offsets);
    return space;
}

/* Some hundred different symbols, with stretches that were said before. */
static void say(struct job *j, const struct rng_key *key)
{
    for (uint32_t i = 0; i < PROMPT + MADE; i++) {
        uint32_t words[4];
        rng_words(key, i, words);
        j->said[i] = i > 40 && i % 50 > 46 ? j->said[i - 37] : words[2] % (j->n < 400 ? j->n : 400);
    }
}

static void job_close(struct job *j)
{
    chain_free(j->chain);
    space_free(j->space);
    free(j->scores);
    free(j->copy);
    free(j->state);
    row_work_free(j->work);
}

static int job_open(struct job *j, const struct lua_transforms *lua, const char *text, uint32_t n, double exponent)
{
    *j = (struct job){ .n = n, .address = { .seed = 1, .step = MADE, .purpose = RNG_TEST } };
    j->chain = lua_transforms_chain(lua, text);
    if (!j->chain)
        return ERR_USAGE;
    struct rng_key key = rng_key(&j->address);
    j->space = space_of(n);
    j->scores = mem_aligned(n, sizeof *j->scores);
    j->copy = mem_aligned(n, sizeof *j->copy);
    j->state = mem_aligned(chain_state_size(j->chain) + 1, 1);
    j->work = row_work_alloc(n);
    j->address.purpose = RNG_DRAW;
    fill(j->scores, n, exponent, &key);
    say(j, &key);
    int rc = chain_bind(j->chain, j->space);
    if (rc < 0)
        job_close(j);
    return rc;
}

/* Seconds: of a copy of the row's bytes and of measuring it, which say how fast the machine is; of the chain alone, of
 * measuring, chain and draw.  Of one turn after the other the least of each, since other work only adds. */
struct seconds {
    double copy, measure, chain, whole;
};

static int job_turn(struct job *j, const struct transform_at *at, struct seconds *best)
{
    struct draw draw = { .type = draw_find("gumbel") };
    struct row row = row_over(j->copy, j->n);
    double begin = clock_seconds();
    memcpy(j->copy, j->scores, j->n * sizeof *j->copy);
    double from = clock_seconds();
    TRY(row_measure(&row));
    double before = clock_seconds();
    TRY(chain_apply(j->chain, j->state, &row, at, NULL));
    double after = clock_seconds();
    if (!row_dead(&row))
        draw_symbol(&draw, &row, &j->address, j->work);
    double end = clock_seconds();
    best->copy = fmin(best->copy, from - begin);
    best->measure = fmin(best->measure, before - from);
    best->chain = fmin(best->chain, after - before);
    best->whole = fmin(best->whole, end - from);
    return 0;
}

static int job_measure(struct job *j, struct seconds *best)
{
    struct transform_at at = { .space = j->space,
                               .prompt = j->said,
                               .n_prompt = PROMPT,
                               .made = j->said + PROMPT,
                               .n_made = MADE,
                               .address = &j->address,
                               .work = j->work };
    *best = (struct seconds){ INFINITY, INFINITY, INFINITY, INFINITY };
    double until = clock_seconds() + LONGEST;
    for (int i = 0; i < REPEATS && (i < LEAST || clock_seconds() < until); i++) {
        chain_start(j->chain, j->state);
        TRY(job_turn(j, &at, best));
    }
    return 0;
}

/* What a chain costs on each row; canonical: 128 bytes. */
struct cost {
    struct seconds on[N_ROWS];
    char canonical[128];
};

static int measure(const struct lua_transforms *lua, const char *text, uint32_t n, struct cost *c)
{
    for (int i = 0; i < N_ROWS; i++) {
        struct job j;
        TRY(job_open(&j, lua, text, n, exponents[i]));
        int rc = job_measure(&j, &c->on[i]);
        snprintf(c->canonical, sizeof c->canonical, "%s", chain_text(j.chain));
        job_close(&j);
        TRY(rc);
    }
    return 0;
}

static void print_cost(const struct args *a, const char *what, const struct cost *c, uint32_t n)
{
    const struct seconds *on = c->on;
    if (a->json) {
        struct text chain = { 0 };
        text_add_json(&chain, c->canonical, strlen(c->canonical));
        printf("{\"what\":\"%s\",\"chain\":%s,\"symbols\":%u,\"us\":%.2f,\"chain_us\":%.2f,\"tail_us\":%.2f,"
               "\"tail_chain_us\":%.2f,\"copy_us\":%.2f,\"measure_us\":%.2f}\n",
               what, text_s(&chain), n, on[0].whole * 1e6, on[0].chain * 1e6, on[1].whole * 1e6, on[1].chain * 1e6,
               on[0].copy * 1e6, on[0].measure * 1e6);
        text_free(&chain);
    } else
        printf("%-54s %7u symbols  peaked %8.1f us (chain %8.1f)  long tail %8.1f (%8.1f)\n",
               *c->canonical ? c->canonical : "(draw alone)", n, on[0].whole * 1e6, on[0].chain * 1e6,
               on[1].whole * 1e6, on[1].chain * 1e6);
}

int bench_chain(const struct args *a, const char *text, uint32_t n)
{
    struct cost c;
    TRY(measure(NULL, text, n, &c));
    print_cost(a, "chain", &c, n);
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
    "  local probs = row:probs() row:keep(probs:ge(probs:heaviest(p.p))) end }\n"
    "transform { name = 'lua_top_p', params = { 'p' }, function(row, p) row:keep_mass(p.p) end }\n"
    "transform { name = 'sorted_top_p', params = { 'p' }, function(row, p)\n"
    "  row:keep_rank(row:ranked():exp():cumulated():reaches(p.p)) end }\n"
    "transform { name = 'loop_min_p', params = { 'p' }, function(row, p)\n"
    "  local s, least = row:scores(), row:max() + math.log(p.p)\n"
    "  for v = 0, #row - 1 do s[v] = s[v] >= least and 1 or 0 end row:keep(s) end }\n";

static int bench_twin(const struct args *a, const struct lua_transforms *lua, const char *mine, const char *theirs)
{
    struct cost c, twin;
    TRY(measure(lua, mine, SYMBOLS, &c));
    TRY(measure(NULL, theirs, SYMBOLS, &twin));
    double ratio[N_ROWS] = { c.on[0].chain / twin.on[0].chain, c.on[1].chain / twin.on[1].chain };
    if (a->json)
        printf("{\"what\":\"lua\",\"chain\":\"%s\",\"twin\":\"%s\",\"symbols\":%u,\"chain_us\":%.2f,"
               "\"twin_us\":%.2f,\"ratio\":%.2f,\"tail_ratio\":%.2f}\n",
               c.canonical, twin.canonical, (unsigned)SYMBOLS, c.on[0].chain * 1e6, twin.on[0].chain * 1e6, ratio[0],
               ratio[1]);
    else
        printf("%-24s %8.1f us  %-16s %8.1f us  ratio %6.2f  long tail %6.2f\n", c.canonical, c.on[0].chain * 1e6,
               twin.canonical, twin.on[0].chain * 1e6, ratio[0], ratio[1]);
    return 0;
}

int bench_lua(const struct args *a)
{
    static const char *const twins[][2] = {
        { "lua_min_p=0.05", "min_p=0.05" },           { "lua_top_k=40", "top_k=40" },
        { "lua_temperature=0.8", "temperature=0.8" }, { "vector_min_p=0.05", "min_p=0.05" },
        { "lua_top_p=0.95", "top_p=0.95" },           { "vector_top_p=0.95", "top_p=0.95" },
        { "sorted_top_p=0.95", "top_p=0.95" },        { "loop_min_p=0.05", "min_p=0.05" },
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

/* Every transform of the table with a usual parameter, so that it has something to do on these rows. */
static const char *const usual[] = {
    "temperature=0.8",
    "dynatemp=0.5",
    "edt=0.5",
    "quadratic(0.3, curve=2)",
    "skew=0.3",
    "normalise",
    "top_k=40",
    "top_p=0.95",
    "min_p=0.05",
    "top_a=0.2",
    "typical=0.95",
    "epsilon=0.0006",
    "eta=0.002",
    "tfs=0.95",
    "top_n_sigma=1",
    "top_h=0.4",
    "p_less",
    "p_less_norm",
    "min_k",
    "ees",
    "diff",
    "xtc(1, threshold=0.01)",
    "conformal(0.1, entropy=[2, 4], mass=[0.8, 0.9, 0.95])",
    "repetition_penalty=1.1",
    "repetition_penalty_norm=1.1",
    "frequency_penalty=0.2",
    "presence_penalty=0.2",
    "no_repeat_ngram=4",
    "prompt_reward=1.1",
    "dry=0.8",
    "min_tokens=1000",
    "length_decay(500, factor=1.01)",
    "mirostat1",
    "mirostat2",
    "adaptive_p=0.5",
    "loop(500)",
    "budget(0, text=17+4)",
    "bias([17:2.5, 4:-inf])",
    "sequence_bias([17+4:2.5, 9:-1])",
    "ban([17+4, 9])",
    "allow([17, 4, 9])",
    "suppress([17, 4, 9])",
    "force([17], from=800)",
    "green",
    "synthid([654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226, 324, 585, 118, "
    "504, "
    "421, 521, 129, 669, 732, 225, 90, 960])",
    /* Rules of other systems, and chains that are measured beside them. */
    "",
    "skew(0.3, order=id)",
    "top_k(40, ties=all)",
    "top_p(0.95, bound=below, ties=all)",
    "typical(0.95, ties=all)",
    "top_h(0.4, entropy=partial, among=100)",
    "p_less=3",
    "xtc(0.5, threshold=0.01, form=expected)",
    "green(scheme=self)",
    "top_p=0.95 | synthid([654, 400, 836, 123, 340, 443, 597, 160, 57])",
    "temperature=0.8 | top_p=0.95",
    "top_k=40 | top_p=0.95 | min_p=0.05 | temperature=0.8",
};

/* Whether a chain's text begins with that step. */
static bool begins(const char *text, const char *name)
{
    size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && strcspn(text, "=(") == n;
}

static int table_is_whole(void)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < sizeof usual / sizeof *usual && !begins(usual[k], types[i]->name))
            k++;
        if (k == sizeof usual / sizeof *usual)
            return err_set(ERR_USAGE, "bench has no usual parameters for the transform %s", types[i]->name);
    }
    return 0;
}

/* The transforms that take longer than BAR on the peaked row: their texts, the name alone where that is too long. */
enum { BAR = 150, LONG = 60 };

struct sum {
    struct text slow;
    size_t n, n_slow;
};

/* Chains of one step. */
static bool is_transform(const struct cost *c)
{
    return *c->canonical && !strchr(c->canonical, '|');
}

static void add(struct sum *s, const struct args *a, const struct cost *c)
{
    size_t n = strlen(c->canonical);
    s->n++;
    if (c->on[0].chain <= BAR * 1e-6)
        return;
    if (n > LONG)
        n = strcspn(c->canonical, "=(");
    text_add(&s->slow, s->n_slow++ ? ", " : "");
    if (a->json)
        text_add_json(&s->slow, c->canonical, n);
    else
        text_addf(&s->slow, "%.*s", (int)n, c->canonical);
}

static void print_sum(const struct args *a, const struct sum *s)
{
    if (a->json)
        printf("{\"what\":\"transforms\",\"measured\":%zu,\"bar_us\":%d,\"above\":[%s]}\n", s->n, BAR,
               text_s(&s->slow));
    else
        printf("%zu transforms, above %d us on the peaked row: %zu%s%s\n", s->n, BAR, s->n_slow, s->n_slow ? ": " : "",
               text_s(&s->slow));
}

static int bench_all(const struct args *a, uint32_t symbols, struct sum *s)
{
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        struct cost c;
        TRY(measure(NULL, usual[i], symbols, &c));
        print_cost(a, is_transform(&c) ? "transform" : "chain", &c, symbols);
        if (is_transform(&c))
            add(s, a, &c);
    }
    return 0;
}

int bench_chains(const struct args *a)
{
    int64_t symbols = SYMBOLS;
    struct sum sum = { 0 };
    TRY(options_int(a, "symbols", 1000, 1 << 24, &symbols));
    TRY(table_is_whole());
    int rc = bench_all(a, (uint32_t)symbols, &sum);
    rc = rc < 0 || symbols != SYMBOLS ? rc : bench_lua(a);
    if (rc == 0)
        print_sum(a, &sum);
    text_free(&sum.slow);
    return rc;
}

/* Partial rows against whole ones: what is said to be certain of a step is what the whole row gives, over random rows of
 * every shape, chains of every rule, trace widths and both kinds of choice; and how often it is certain. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/scratch.h"
#include "decode/trace.h"
#include "experiments/partial.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 300, N_SAID = 12 };

static struct rng_key random_key(uint64_t seed)
{
    struct rng_address a = { .seed = 77, .item = seed, .purpose = RNG_TEST };
    return rng_key(&a);
}

/* Rows that are peaked, flat, coarse (many ties), partly masked, with tails that vanish. */
static struct row random_row(uint64_t seed, float score[])
{
    struct rng_key k = random_key(seed);
    uint32_t n = 2 + (uint32_t)(rng_uniform(&k, 0) * (MOST - 2)), kind = (uint32_t)(seed % 6);
    if (seed % 5 == 0)
        return rows_make((enum rows_kind)(seed / 5 % ROWS_WIDE), seed, score, n);
    double spread = exp(4 * rng_uniform(&k, 1) - 1), shift = 20 * rng_uniform(&k, 2) - 10;
    for (uint32_t v = 0; v < n; v++) {
        double u = rng_uniform(&k, 10 + v);
        double x = -log(-log(u)) * spread + shift;
        if (kind == 1)
            x = floor(x);
        if (kind == 2)
            x = shift + (u < 0.5);
        if (kind == 3 && u < 0.7)
            x = -INFINITY;
        if (kind == 4 && v > 5)
            x -= 900;
        if (kind == 5)
            x = shift + 1e-3 * u;
        score[v] = (float)x;
    }
    struct row r = row_over(score, n);
    if (row_measure(&r) == 0 && row_dead(&r)) {
        score[0] = 0;
        row_measure(&r);
    }
    return r;
}

/* One of each rule, in any order; and steps without a rule. */
static void random_chain(uint64_t seed, struct text *t)
{
    static const struct {
        const char *format;
        double low, high;
    } steps[] = { { "temperature=%.3f", 0.2, 3 },
                  { "temperature=%.0f", 0, 0 },
                  { "top_k=%.0f", 1, 40 },
                  { "top_p=%.4f", 0, 1 },
                  { "min_p=%.4f", 0, 0.5 },
                  { "repetition_penalty=%.2f", 0.8, 1.5 },
                  { "frequency_penalty=%.2f", 0, 1 },
                  { "presence_penalty=%.2f", -1, 1 },
                  { "no_repeat_ngram=%.0f", 1, 3 },
                  { "typical=%.2f", 0.3, 1 },
                  { "top_p(%.4f, min_keep=7)", 0, 1 },
                  { "min_p(%.4f, min_keep=3)", 0, 2 },
                  { "suppress=[1]", 0, 0 },
                  { "ban=[0]", 0, 0 },
                  { "allow=[0, 1]", 0, 0 },
                  { "dry(%.2f, base=1.3, allowed=0, breakers=[0])", 0, 2 },
                  { "bias=[1:%.2f]", -1, 1 },
                  { "top_p(%.3f, 2)", 0, 1 },
                  { "normalise", 0, 0 },
                  { "temperature=inf", 0, 0 } };
    struct rng_key k = random_key(seed);
    uint32_t n = (uint32_t)(4 * rng_uniform(&k, 0));
    for (uint32_t i = 0; i < n; i++) {
        size_t s = (size_t)(rng_uniform(&k, 1 + 2 * i) * (double)(sizeof steps / sizeof *steps));
        double u = rng_uniform(&k, 2 + 2 * i);
        text_add(t, i > 0 ? "|" : "");
        if (strchr(steps[s].format, '%'))
            text_addf(t, steps[s].format, steps[s].low + u * (steps[s].high - steps[s].low));
        else
            text_add(t, steps[s].format);
    }
}

struct tally {
    size_t same, parted, open, known, checked;
};

/* The trace of one row, by the functions of decode/trace.h. */
static struct unit_trace traced(struct trace *t, const struct row *given, struct row_work *work, uint32_t k,
                                float *chosen)
{
    struct chain *none = chain_parse("");
    trace_begin(t, (struct trace_level){ TRACE_TOPK, k }, none, given->n);
    check(trace_row(t, given, work) == 0, "a row is kept");
    chain_free(none);
    return (struct unit_trace){ .kind = TRACE_TOPK,
                                .n = 1,
                                .width = t->width,
                                .log_z = t->log_z,
                                .tail = t->tail,
                                .chosen = chosen,
                                .id = t->id,
                                .score = t->score };
}

/* What a temperature would draw from all of the row, as *heat then says, or any symbol. */
static sym_t some_symbol(const struct row *r, uint64_t seed, const struct rng_key *noise, double *heat)
{
    struct rng_key k = random_key(seed ^ 0x5555);
    sym_t v = (sym_t)(rng_uniform(&k, 0) * r->n);
    *heat = 0;
    if (seed % 3 > 0) {
        float warm[MOST];
        struct row drawn = row_over(warm, r->n);
        double temperature = seed % 3 == 1 ? 1 : 0.4 + 2 * rng_uniform(&k, 1);
        row_copy(&drawn, r);
        row_scale(&drawn, 1 / temperature);
        *heat = seed % 5 == 1 ? 0 : temperature;
        return row_draw(&drawn, noise);
    }
    while (!(r->score[v] > -INFINITY))
        v = (v + 1) % r->n;
    return v;
}

static void check_decision(uint64_t seed, const char *chain, const struct partial_decision *d, const struct row *whole,
                           sym_t chosen, const struct rng_key *noise, struct tally *tally)
{
    sym_t real = row_dead(whole) ? PARTIAL_NONE : noise ? row_draw(whole, noise) : row_argmax(whole);
    double logp = chosen == PARTIAL_NONE ? 0 : row_logp(whole, chosen);
    if (d->verdict == PARTIAL_SAME)
        check(real == chosen, "%llu '%s': said the same, is %u, chosen %u", (unsigned long long)seed, chain, real,
              chosen);
    if (d->verdict == PARTIAL_PARTED)
        check(real != chosen, "%llu '%s': said parted, is %u", (unsigned long long)seed, chain, real);
    if (d->symbol != PARTIAL_NONE)
        check(real == d->symbol, "%llu '%s': said %u, is %u", (unsigned long long)seed, chain, d->symbol, real);
    check(d->low <= logp + 1e-5 && logp <= d->high + 1e-5, "%llu '%s': %.9g is not within [%.9g, %.9g]",
          (unsigned long long)seed, chain, logp, d->low, d->high);
    tally->same += d->verdict == PARTIAL_SAME;
    tally->parted += d->verdict == PARTIAL_PARTED;
    tally->open += d->verdict == PARTIAL_OPEN;
    tally->known += d->symbol != PARTIAL_NONE;
}

static void check_row(uint64_t seed, struct tally *tally)
{
    float score[MOST], chosen_score;
    sym_t said[N_SAID];
    struct text text = { 0 };
    struct row given = random_row(seed, score);
    struct row_work *work = row_work_alloc(given.n);
    struct partial *p = partial_alloc(given.n);
    struct rng_key k = random_key(seed + 1), *noise = seed % 4 == 0 ? NULL : &k;
    random_chain(seed, &text);
    struct chain *c = chain_parse(text_s(&text));
    for (size_t i = 0; i < N_SAID; i++)
        said[i] = (sym_t)(rng_uniform(&k, 1000 + (uint32_t)i) * given.n);
    struct rng_address address = { .seed = seed, .step = N_SAID - 4, .purpose = RNG_DRAW };
    struct transform_at at = {
        .prompt = said, .n_prompt = 4, .made = said + 4, .n_made = N_SAID - 4, .address = &address, .work = work
    };
    double heat;
    sym_t chosen = some_symbol(&given, seed, &k, &heat);
    struct trace t = { 0 };
    uint32_t width = seed % 7 == 0 ? given.n : 1 + (uint32_t)(rng_uniform(&k, 999) * 30);
    struct unit_trace x = traced(&t, &given, work, width, &chosen_score);
    chosen_score = given.score[chosen];
    struct row whole = row_over(work->spare[SCRATCH_ROW], given.n);
    row_copy(&whole, &given);
    check(c && chain_apply(c, NULL, &whole, &at, NULL) == 0, "'%s' applies", text_s(&text));
    struct row kept = row_over(mem_copy(whole.score, whole.n * sizeof(float)), whole.n);
    row_copy(&kept, &whole);
    partial_set(p, &x, 0, chosen, noise ? heat : 0);
    int rc = 1;
    for (size_t i = 0; i < chain_length(c) && rc == 1; i++)
        rc = partial_apply(p, c, i, NULL, &at);
    check(rc >= 0, "no step fails");
    if (rc == 1) {
        struct partial_decision d = partial_decide(p, noise, chosen);
        check_decision(seed, text_s(&text), &d, &kept, chosen, noise, tally);
        if (partial_exact(p)) {
            check(memcmp(p->row.score, kept.score, kept.n * sizeof(float)) == 0 && p->row.log_z == kept.log_z,
                  "%llu '%s': an exact row is the row", (unsigned long long)seed, text_s(&text));
            check(d.verdict != PARTIAL_OPEN, "an exact row is decided");
        }
        tally->checked++;
    }
    free(kept.score);
    trace_fini(&t);
    chain_free(c);
    partial_free(p);
    row_work_free(work);
    text_free(&text);
}

struct sure {
    struct row_work *work;
    struct partial *p;
    float *score;
};
enum { WIDE = 5000, ROWS = 60 };

/* Whether the step is certain of a row of 5,000 symbols whose best 50, with 98 % of the mass, are known. */
static bool certain(const struct sure *s, const struct chain *c, uint64_t seed, double heat)
{
    struct rng_key k = random_key(seed);
    float chosen_score;
    for (uint32_t v = 0; v < WIDE; v++)
        s->score[v] = (float)(-2.2 * log(1 + v) + rng_uniform(&k, v));
    struct row given = row_over(s->score, WIDE);
    check(row_measure(&given) == 0, "a row");
    struct rng_address address = { .seed = seed, .purpose = RNG_DRAW };
    sym_t said[4] = { 1, 2, 3, 700 }, chosen = row_draw(&given, &k);
    struct transform_at at = { .made = said, .n_made = 4, .address = &address, .work = s->work };
    struct trace t = { 0 };
    struct unit_trace x = traced(&t, &given, s->work, 50, &chosen_score);
    chosen_score = s->score[chosen];
    partial_set(s->p, &x, 0, chosen, heat);
    int rc = 1;
    for (size_t i = 0; i < chain_length(c) && rc == 1; i++)
        rc = partial_apply(s->p, c, i, NULL, &at);
    trace_fini(&t);
    return rc == 1 && partial_decide(s->p, &k, chosen).verdict != PARTIAL_OPEN;
}

/* The rules tell enough to be of use, and more where the run drew from the whole row. */
static void test_certain(void)
{
    static const struct {
        const char *chain;
        size_t percent, drawn;     /* certain at least: of any run; of one without a chain */
    } chains[] = { { "", 50, 50 }, /* each of 4,950 hidden symbols might have the score of the 50th */
                   { "temperature=0.99", 50, 95 },
                   { "temperature=0.7", 90, 95 },
                   { "temperature=1.3|min_p=0.02", 100, 100 },
                   { "top_k=40|top_p=0.9|temperature=0.8", 100, 100 },
                   { "repetition_penalty=1.1|top_p=0.8", 95, 95 },
                   { "temperature=0", 100, 100 },
                   { "no_repeat_ngram=2|temperature=0.9", 70, 95 } };
    struct sure s = { row_work_alloc(WIDE), partial_alloc(WIDE), mem_alloc(WIDE, sizeof(float)) };
    for (size_t c = 0; c < sizeof chains / sizeof *chains; c++) {
        struct chain *chain = chain_parse(chains[c].chain);
        size_t any = 0, drawn = 0;
        for (uint64_t seed = 0; seed < ROWS; seed++) {
            any += certain(&s, chain, seed, 0);
            drawn += certain(&s, chain, seed, 1);
        }
        check(any * 100 >= chains[c].percent * ROWS, "'%s': %zu of %d steps are certain", chains[c].chain, any, ROWS);
        check(drawn * 100 >= chains[c].drawn * ROWS, "'%s': %zu of %d steps are certain where the run drew from all",
              chains[c].chain, drawn, ROWS);
        chain_free(chain);
    }
    partial_free(s.p);
    row_work_free(s.work);
    free(s.score);
}

/* A row kept for a whole replay: what was known of one step's, its largest score at its log Z, is not so of the next, even
 * where log Z is 0 in both, as of the pools of an ensemble. */
static void test_next(void)
{
    enum { N = 4 };
    struct row_work *work = row_work_alloc(N);
    struct partial *p = partial_alloc(N);
    struct chain *c = chain_parse("min_p=0.1 | normalise");
    struct rng_address address = { .purpose = RNG_DRAW };
    for (size_t step = 0; step < 2; step++) {
        sym_t id[N] = { 0, 1, 2, 3 };
        float score[2][N] = { { -0.01F, -6, -6, -6 }, { -1.2F, -1.3F, -1.4F, -3 } };
        double tail = 0, log_z = 0;
        struct unit_trace x = { .id = id, .score = score[step], .width = N, .chosen = score[step] };
        x.tail = &tail;
        x.log_z = &log_z;
        struct transform_at at = { .address = &address, .work = work };
        partial_set(p, &x, 0, 0, 0);
        check(row_max(&p->row) == score[step][0], "step %zu: the largest score is %g", step, (double)row_max(&p->row));
        for (size_t i = 0; i < chain_length(c); i++)
            check(partial_apply(p, c, i, NULL, &at) == 1, "step %zu: %s", step, err_text());
        check(partial_exact(p) && row_count(&p->row) == (step == 0 ? 1 : 4), "step %zu: %u kept", step,
              row_count(&p->row));
    }
    chain_free(c);
    partial_free(p);
    row_work_free(work);
}

int main(void)
{
    uint64_t n = getenv("CHORALE_LONG") ? 1000000 : 20000;
    struct tally tally = { 0 };
    for (uint64_t seed = 0; seed < n; seed++)
        check_row(seed, &tally);
    check(tally.checked > n / 2 && tally.same > n / 20 && tally.parted > n / 20 && tally.open > n / 100 &&
              tally.known > n / 10,
          "%zu rows: %zu the same, %zu parted, %zu open, symbol known %zu", tally.checked, tally.same, tally.parted,
          tally.open, tally.known);
    test_certain();
    test_next();
    return check_done("partial");
}

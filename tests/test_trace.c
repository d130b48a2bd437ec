/* decode/trace: levels as text; what a walk keeps of its rows against rows and chains computed beside it. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/scratch.h"
#include "decode/search.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40 };

static void level(const char *text, const char *canonical)
{
    struct trace_level l;
    struct text t = { 0 };
    check(trace_level(text, &l) == 0, "'%s': %s", text, err_text());
    trace_level_text(l, &t);
    check(strcmp(text_s(&t), canonical) == 0, "'%s' is '%s', want '%s'", text, text_s(&t), canonical);
    text_free(&t);
}

static void no_level(const char *text, const char *why)
{
    struct trace_level l;
    check(trace_level(text, &l) == ERR_USAGE, "'%s' is no level", text);
    check(strstr(err_text(), why) != NULL, "'%s': want '%s' in: %s", text, why, err_text());
}

static void test_levels(void)
{
    level("token", "token");
    level("steps", "steps");
    level(" topk = 8 ", "topk=8");
    level("topk(k=8)", "topk=8");
    level("full", "full");
    no_level("tokens", "unknown trace level 'tokens'; did you mean 'token'?");
    no_level("topk", "k is missing");
    no_level("topk=0", "k is 0");
    no_level("topk=2000000", "k is 2000000");
    no_level("topk=1.5", "k is 1.5");
    no_level("full=3", "full");
    no_level("steps | full", "2 levels, want one");
    no_level("", "0 levels, want one");
    check(trace_step_bytes((struct trace_level){ TRACE_TOKEN, 0 }, 3, 100) == 0, "token keeps nothing");
    check(trace_step_bytes((struct trace_level){ TRACE_STEPS, 0 }, 3, 100) == 48, "steps");
    check(trace_step_bytes((struct trace_level){ TRACE_TOPK, 8 }, 3, 100) == 48 + 20 + 64, "topk");
    check(trace_step_bytes((struct trace_level){ TRACE_TOPK, 200 }, 0, 100) == 20 + 800, "topk of all");
    check(trace_step_bytes((struct trace_level){ TRACE_FULL, 0 }, 1, 100) == 16 + 8 + 400, "full");
}

/* The best of a row by sorting all of it, and the sum of the others in long double. */
static void check_best(const struct trace *t, const struct row *r)
{
    bool listed[N] = { 0 };
    long double tail = 0;
    for (uint32_t k = 0; k < t->width; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t v = 0; v < r->n; v++)
            if (!listed[v] && r->score[v] > -INFINITY && (best == UINT32_MAX || r->score[v] > r->score[best]))
                best = v;
        check(t->id[k] == best, "best %u is %u, want %u", k, t->id[k], best);
        check(best == UINT32_MAX ? t->score[k] == -INFINITY : t->score[k] == r->score[best], "its raw score");
        if (best != UINT32_MAX)
            listed[best] = true;
    }
    for (uint32_t v = 0; v < r->n; v++)
        if (!listed[v] && r->score[v] > -INFINITY)
            tail += expl((long double)r->score[v] - (long double)r->log_z);
    check_near(t->tail[0], (double)tail, 1e-9 + 2e-6 * (double)tail, "the tail");
    check(t->log_z[0] == r->log_z, "log Z, bit for bit");
}

static void test_rows(void)
{
    struct chain *none = chain_parse("");
    struct row_work *work = row_work_alloc(N);
    for (uint64_t seed = 0; seed < 300; seed++) {
        float score[N];
        uint32_t k = 1 + (uint32_t)(seed % 50);
        struct row r = rows_make((enum rows_kind)(seed % ROWS_WIDE), seed, score, N);
        struct trace top = { 0 }, full = { 0 }, copy = { 0 };
        trace_begin(&top, (struct trace_level){ TRACE_TOPK, k }, none, N);
        trace_begin(&full, (struct trace_level){ TRACE_FULL, 0 }, none, N);
        check(trace_reports(&top, 0) == NULL, "an empty chain reports nothing");
        check(trace_row(&top, &r, work) == 0 && trace_row(&full, &r, work) == 0, "kept");
        trace_row(&full, &r, work);
        check(full.n == 2 && !trace_reports(&full, 1) && full.n == 1, "a row that no step followed is forgotten");
        check(top.n == 1 && top.width == (k < N ? k : N) && full.width == N, "shapes");
        check_best(&top, &r);
        check(memcmp(full.score, score, sizeof score) == 0 && full.log_z[0] == r.log_z, "the row, bit for bit");
        trace_copy(&copy, &top);
        trace_row(&top, &r, work);
        check(copy.n == 1 && copy.tail[0] == top.tail[0] && memcmp(copy.id, top.id, copy.width * sizeof *copy.id) == 0,
              "a copy");
        check(trace_row(&copy, &r, work) == 0 && memcmp(copy.score, top.score, 2 * copy.width * sizeof(float)) == 0,
              "a copy goes on as the original does");
        trace_fini(&top);
        trace_fini(&full);
        trace_fini(&copy);
    }
    row_work_free(work);
    chain_free(none);
}

/* KL of what a step left, against the formula in long double; and by hand: a cut at mass m is -ln m from the model. */
static void test_divergence(void)
{
    struct chain *c = chain_parse("temperature=0.7|top_k=20|top_p=0.8");
    struct row_work *work = row_work_alloc(N);
    struct rng_address address = { .purpose = RNG_DRAW };
    struct transform_at at = { .address = &address, .work = work };
    for (uint64_t seed = 0; seed < 60; seed++) {
        float score[N];
        struct chain_report report[3];
        struct row given = rows_make((enum rows_kind)(seed % ROWS_WIDE), seed, score, N);
        struct row final = row_over(work->spare[SCRATCH_ROW], N);
        row_copy(&final, &given);
        check(chain_apply(c, NULL, &final, &at, report) == 0, "applies");
        long double kl = 0;
        for (uint32_t v = 0; v < N; v++) {
            long double q = (long double) final.score[v] - (long double) final.log_z;
            if (final.score[v] > -INFINITY)
                kl += expl(q) * (q - ((long double)given.score[v] - (long double)given.log_z));
        }
        check_near(report[2].divergence, (double)kl, 1e-5 * (1 + (double)kl), "KL of row %llu",
                   (unsigned long long)seed);
        check(report[0].divergence >= 0 && report[1].divergence >= 0, "KL is not negative");
        chain_free(c);
        c = chain_parse("top_k=5");
        row_copy(&final, &given);
        chain_apply(c, NULL, &final, &at, report);
        check_near(report[0].divergence, -log(report[0].mass), 1e-5, "a cut is -ln of what it kept away");
        chain_free(c);
        c = chain_parse("temperature=0.7|top_k=20|top_p=0.8");
    }
    chain_free(c);
    row_work_free(work);
}

static struct search *walk(const char *name, const struct search_args *args, struct row_work *work)
{
    struct core *core = core_alloc();
    struct search *s = search_open(name, args);
    struct want want;
    check(s != NULL, "%s opens: %s", name, err_text());
    while (s && search_want(s, &want, 1) > 0) {
        check(core_run(core, &want, 1) == 0 && search_feed(s, work) == 0 && search_move(s) == 0, "a step: %s",
              err_text());
    }
    core_free(core);
    return s;
}

/* A walk's trace has a row for every step, its reports are those of the chain, and the text is that of a walk without. */
static void test_walk(void)
{
    static const char *const levels[] = { "token", "steps", "topk=3", "full" };
    struct lm *lm = table_open(&(struct table_options){ .n = 6, .max_length = 20, .seed = 3, .sharpness = 1.5 });
    struct chain *c = chain_parse("temperature=0.9|top_p=0.8|repetition_penalty=1.2");
    struct stop stop = { .max_symbols = 12 };
    struct prompt prompt = { 0 };
    struct row_work *work = row_work_alloc(lm->space->n);
    struct text texts[4] = { 0 };
    for (size_t i = 0; i < 4; i++) {
        struct search_args args = { .lm = lm, .chain = c, .stop = &stop, .prompt = &prompt, .address = { .seed = 5 } };
        size_t n;
        check(trace_level(levels[i], &args.trace) == 0, "a level");
        struct search *s = walk("sample", &args, work);
        const struct hyp *h = search_hyps(s, &n);
        const struct trace *t = &h->trace;
        text_addn(&texts[i], text_s(&h->text), h->text.len);
        check(strcmp(text_s(&texts[i]), text_s(&texts[0])) == 0, "the trace changes nothing");
        check(t->n == (i == 0 ? 0 : h->n_steps) && h->n_steps > 2, "a row for each of %zu steps", h->n_steps);
        for (size_t k = 0; k < t->n; k++) {
            const struct chain_report *last = &t->report[k * 3 + 2];
            const struct hyp_step *step = &h->steps[k];
            check(last->kept == step->kept && fabs(last->entropy - (double)step->entropy_final) < 1e-6,
                  "the last report");
            check(t->report[k * 3].kept == 6, "a temperature keeps all");
            if (t->level.kind == TRACE_FULL)
                check(t->score[k * 6 + step->symbol] == step->score, "the chosen symbol's raw score");
            if (t->log_z)
                check_near((double)step->score - t->log_z[k], (double)step->logp, 1e-6, "ln p of what was chosen");
        }
        search_close(s);
    }
    for (size_t i = 0; i < 4; i++)
        text_free(&texts[i]);
    row_work_free(work);
    chain_free(c);
    lm_free(lm);
}

static void start(const struct transform *t, void *state)
{
    (void)t;
    (void)state;
}

static void accept(const struct transform *t, void *state, const struct transform_choice *c)
{
    (void)t;
    (void)state;
    (void)c;
}

static bool never(const struct transform *t)
{
    (void)t;
    return false;
}

/* Leaves nothing of the third row. */
static int wither(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)t;
    (void)state;
    for (uint32_t v = 0; v < r->n && at->n_made == 2; v++)
        r->score[v] = -INFINITY;
    return row_measure(r);
}

static const struct transform_type withers = {
    .name = "wither", .start = start, .apply = wither, .accept = accept, .single = never
};

/* Where the chain leaves nothing, the row that it left nothing of is kept too. */
static void test_dead(void)
{
    struct lm *lm = table_open(&(struct table_options){ .n = 3, .max_length = 20, .seed = 3, .sharpness = 0.1 });
    const struct transform_type *types[] = { &withers };
    struct chain *c = chain_parse_types("wither", types, 1);
    struct stop stop = { .max_symbols = 12 };
    struct prompt prompt = { 0 };
    struct row_work *work = row_work_alloc(lm->space->n);
    size_t n, dead = 0;
    for (uint32_t draw = 0; draw < 20; draw++) {
        struct search_args args = { .lm = lm,
                                    .chain = c,
                                    .stop = &stop,
                                    .prompt = &prompt,
                                    .trace = { TRACE_FULL, 0 },
                                    .address = { .seed = 5, .draw = draw } };
        struct search *s = walk("sample", &args, work);
        const struct hyp *h = search_hyps(s, &n);
        dead += h->end == HYP_DEAD;
        check(h->trace.n == h->n_steps + (h->end == HYP_DEAD), "%zu rows for %zu steps", h->trace.n, h->n_steps);
        search_close(s);
    }
    check(dead > 3 && dead < 20, "%zu of 20 texts died, the others had ended", dead);
    row_work_free(work);
    chain_free(c);
    lm_free(lm);
}

static void test_most(void)
{
    enum { WIDE = 1 << 20 };
    struct chain *none = chain_parse("");
    float *score = mem_alloc(WIDE, sizeof *score);
    struct row r = row_over(score, WIDE);
    struct trace t = { 0 };
    row_measure(&r);
    trace_begin(&t, (struct trace_level){ TRACE_FULL, 0 }, none, WIDE);
    t.n = 200; /* as if these had been kept */
    check(trace_row(&t, &r, NULL) == ERR_DATA && strstr(err_text(), "passes 512 MiB at symbol 200"), "%s", err_text());
    t.n = 0;
    trace_fini(&t);
    free(score);
    chain_free(none);
}

int main(void)
{
    test_levels();
    test_rows();
    test_divergence();
    test_walk();
    test_dead();
    test_most();
    return check_done("trace");
}

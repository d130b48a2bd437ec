/* Traces in journal payloads: what is written is read, at every level; what is cut or changed is refused, and nothing is
 * allocated for what a payload cannot hold. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/search.h"
#include "experiments/unit.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 9, STEPS = 5 };

/* Two hypotheses of a few steps; the second died. */
static void make(struct hyp h[2], const char *level, struct chain *c, struct row_work *work)
{
    struct trace_level l;
    check(trace_level(level, &l) == 0, "%s", err_text());
    for (size_t i = 0; i < 2; i++) {
        h[i] = (struct hyp){ .end = i == 0 ? HYP_LIMIT : HYP_DEAD, .log_weight = -0.5 };
        text_add(&h[i].text, "abc");
        trace_begin(&h[i].trace, l, c, N);
        for (size_t k = 0; k < STEPS + i; k++) {
            float score[N];
            struct row r = rows_make(k == 2 ? ROWS_MASKED : ROWS_NORMAL, 10 * i + k, score, N);
            struct chain_report *report = trace_reports(&h[i].trace, k);
            for (size_t s = 0; report && s < 2; s++)
                report[s] = (struct chain_report){ (uint32_t)(k + s), 0.5, (double)k, 0.25 * (double)s };
            check(trace_row(&h[i].trace, &r, work) == 0, "a row");
            sym_t v = row_argmax(&r);
            mem_grow(&h[i].steps, &h[i].cap_steps, k + 1, sizeof *h[i].steps);
            if (k < STEPS)
                h[i].steps[h[i].n_steps++] = (struct hyp_step){ .symbol = v, .score = score[v], .logp = -1 };
        }
    }
}

static void written(struct text *t, const struct hyp h[2])
{
    static const struct symbols prompt;
    text_clear(t);
    unit_write_hyps(t, (struct unit_key){ 1, 2 }, &prompt, h, 2);
}

static bool all_equal(const void *a, const void *b, size_t bytes)
{
    return bytes == 0 || memcmp(a, b, bytes) == 0;
}

static void check_equal(const struct hyp *h, const struct unit_record *r, const char *level)
{
    const struct trace *a = &h->trace;
    const struct unit_trace *b = &r->trace;
    bool token = a->level.kind == TRACE_TOKEN, top = a->level.kind == TRACE_TOPK;
    check(b->kind == a->level.kind && b->n == (token ? 0 : a->n) && b->n_chain == a->n_chain && b->width == a->width,
          "%s: shape", level);
    for (size_t i = 0; i < b->n * b->n_chain; i++)
        check(b->kept[i] == a->report[i].kept && b->mass[i] == (float)a->report[i].mass &&
                  b->entropy[i] == (float)a->report[i].entropy && b->kl[i] == (float)a->report[i].divergence,
              "%s: report %zu", level, i);
    check(all_equal(a->score, b->score, b->n * b->width * sizeof(float)), "%s: scores", level);
    check(all_equal(a->log_z, b->log_z, b->width > 0 ? b->n * sizeof(double) : 0), "%s: log Z", level);
    check(!top || (all_equal(a->id, b->id, b->n * b->width * sizeof(sym_t)) &&
                   all_equal(a->tail, b->tail, b->n * sizeof(double))),
          "%s: symbols, tails", level);
    for (size_t i = 0; i < b->n && top; i++)
        check(b->chosen[i] == (i < h->n_steps ? h->steps[i].score : -INFINITY), "%s: chosen score", level);
}

static void test_level(const char *level)
{
    struct chain *c = chain_parse("top_k=5|top_p=0.9");
    struct row_work *work = row_work_alloc(N);
    struct hyp h[2];
    struct text t = { 0 };
    struct unit_result r;
    make(h, level, c, work);
    written(&t, h);
    check(unit_decode(t.s, t.len, &r) == 0 && r.n_records == 2 && r.kind == ITEM_GENERATE, "%s: %s", level, err_text());
    for (size_t i = 0; i < 2 && r.n_records == 2; i++)
        check_equal(&h[i], &r.records[i], level);
    unit_fini(&r);
    for (size_t n = 0; n < t.len; n++)
        check(unit_decode(t.s, n, &r) == ERR_DAMAGED, "%s: cut at %zu of %zu", level, n, t.len);
    text_addn(&t, "", 1);
    check(unit_decode(t.s, t.len, &r) == ERR_DAMAGED, "%s: a byte too many", level);
    h[0].trace.n = STEPS - 1; /* a search that lost a row */
    written(&t, h);
    check(unit_decode(t.s, t.len, &r) == 0 && r.records[0].trace.n == 0, "%s: rows that are missing leave none", level);
    unit_fini(&r);
    for (size_t i = 0; i < 2; i++)
        hyp_fini(&h[i]);
    text_free(&t);
    row_work_free(work);
    chain_free(c);
}

/* A change of the 13 bytes before a trace: level, rows, steps of the chain, width. */
static void broken(const char *level, size_t at, uint32_t value, const char *what)
{
    struct chain *c = chain_parse("top_k=5|top_p=0.9");
    struct row_work *work = row_work_alloc(N);
    struct hyp h[2];
    struct text t = { 0 };
    struct unit_result r;
    make(h, level, c, work);
    written(&t, h);
    /* the first hypothesis: behind kind, key, two keys of texts; item kind, prompt, count; then 1 + 8 + 4 + 3 + 4 + 4 */
    size_t start = 1 + 16 + 4 + 2 * 16 + 1 + 4 + 4 + 24 + STEPS * 28;
    check((uint8_t)t.s[start] == (uint8_t)h[0].trace.level.kind && t.s[start + 1] == STEPS, "the trace begins there");
    for (size_t i = 0; i < (at == 0 ? 1 : 4); i++)
        t.s[start + at + i] = (char)(value >> (8 * i));
    check(unit_decode(t.s, t.len, &r) == ERR_DAMAGED && strstr(err_text(), "holds no result"), "%s of %s is %u: %s",
          what, level, value, err_text());
    for (size_t i = 0; i < 2; i++)
        hyp_fini(&h[i]);
    text_free(&t);
    row_work_free(work);
    chain_free(c);
}

/* What drafts proposed, with and without traces; the second hypothesis made fewer passes. */
static void test_draft(const char *level)
{
    struct chain *c = chain_parse("top_k=5|top_p=0.9");
    struct row_work *work = row_work_alloc(N);
    struct hyp h[2];
    struct text t = { 0 };
    struct unit_result r;
    make(h, level, c, work);
    for (uint32_t i = 0; i < 2; i++) {
        h[i].proposed = 9 - i;
        h[i].accepted = 3 - i;
        h[i].passes = 2 - i;
    }
    written(&t, h);
    check(unit_decode(t.s, t.len, &r) == 0 && r.n_records == 2 && r.kind == ITEM_GENERATE, "%s: %s", level, err_text());
    for (uint32_t i = 0; i < 2 && r.n_records == 2; i++) {
        const struct unit_record *x = &r.records[i];
        check(x->proposed == 9 - i && x->accepted == 3 - i && x->passes == 2 - i, "%s: %u %u %u", level, x->proposed,
              x->accepted, x->passes);
        check_equal(&h[i], x, level);
    }
    unit_fini(&r);
    for (size_t n = 0; n < t.len; n++)
        check(unit_decode(t.s, n, &r) == ERR_DAMAGED, "%s: cut at %zu of %zu", level, n, t.len);
    h[1].accepted = h[1].proposed + 1;
    written(&t, h);
    check(unit_decode(t.s, t.len, &r) == ERR_DAMAGED, "%s: more accepted than proposed", level);
    h[1].accepted = STEPS + 1;
    h[1].proposed = 100;
    written(&t, h);
    check(unit_decode(t.s, t.len, &r) == ERR_DAMAGED, "%s: more accepted than there are symbols", level);
    for (size_t i = 0; i < 2; i++)
        hyp_fini(&h[i]);
    text_free(&t);
    row_work_free(work);
    chain_free(c);
}

int main(void)
{
    static const char *const levels[] = { "steps", "topk=4", "full" };
    test_level("token");
    test_level("topk=100");
    test_draft("token");
    test_draft("topk=4");
    for (size_t i = 0; i < 3; i++) {
        test_level(levels[i]);
        broken(levels[i], 0, 0, "level");
        broken(levels[i], 0, 4, "level");
        broken(levels[i], 0, 255, "level");
        broken(levels[i], 1, UINT32_MAX, "rows");
        broken(levels[i], 1, STEPS + 1, "rows");
        broken(levels[i], 1, STEPS - 1, "rows");
        broken(levels[i], 5, UINT32_MAX, "steps");
        broken(levels[i], 5, 0, "steps");
        broken(levels[i], 9, UINT32_MAX, "width");
        broken(levels[i], 9, i == 0 ? 1 : 0, "width");
    }
    return check_done("unit_trace");
}

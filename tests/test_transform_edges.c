/* decode/transform*: the edges of every row of the table.  No support, one symbol, equal scores, scores as low as other
 * systems mask with, 256,000 symbols, parameters at the ends of their ranges: never NaN or +inf, a masked symbol never comes
 * back, dead stays dead, log Z is right, a truncation leaves something, and the same bits come twice. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 256000, MAX_STATE = 4096 };

/* Beside what each row of the table shows of itself: those of single symbols, of one that every row has. */
static const char *const more[] = {
    "min_tokens(5, ends=[0])",
    "length_decay(1, factor=1.1, ends=[0])",
    "loop(6, count=2, ends=[0])",
    "budget(1, text=0)",
    "bias=[0:1.5]",
    "sequence_bias=[0:1, 0+0:-2]",
    "ban=[0+0]",
    "allow=[0]",
    "suppress=[0]",
    "force([0], from=2)",
    "xtc(1, threshold=0.05)",
    "diff(0.2, min_p=0.5)",
};

static struct row_work *work;
static float before[LARGE], once[LARGE], twice[LARGE];
static const sym_t said[] = { 0, 0, 0 };

static int apply_to(const struct transform *t, float score[], uint32_t n, struct row *r)
{
    struct rng_address address = { .seed = 5, .step = 3, .purpose = RNG_DRAW };
    struct transform_at at = { .made = said, .n_made = 3, .address = &address, .work = work };
    double state[MAX_STATE / sizeof(double)] = { 0 };
    check(t->type->state_size <= sizeof state, "%s: state fits this test", t->type->name);
    *r = row_over(score, n);
    t->type->start(t, state);
    TRY(row_measure(r));
    return transform_step(t, state, r, &at);
}

/* A failure must be one of the row's, said in words. */
static void check_row(const struct transform *t, uint32_t n, const char *what)
{
    struct row r, again;
    uint32_t alive = 0, left = 0, bad = 0, back = 0;
    memcpy(once, before, n * sizeof *once);
    memcpy(twice, before, n * sizeof *once);
    int rc = apply_to(t, once, n, &r), rc2 = apply_to(t, twice, n, &again);
    check(rc == rc2 && (rc < 0 || memcmp(once, twice, n * sizeof *once) == 0), "%s, %s: twice the same", t->type->name,
          what);
    if (rc < 0) {
        check(rc == ERR_DATA && *err_text(), "%s, %s: %s", t->type->name, what, err_text());
        return;
    }
    for (uint32_t v = 0; v < n; v++) {
        bad += isnan(once[v]) || once[v] == INFINITY;
        back += before[v] == -INFINITY && once[v] > -INFINITY;
        alive += before[v] > -INFINITY;
        left += once[v] > -INFINITY;
    }
    check(bad == 0 && back == 0, "%s, %s: %u not numbers, %u came back", t->type->name, what, bad, back);
    check(!t->type->truncates || left > 0 || alive == 0, "%s, %s: something is left", t->type->name, what);
    again = row_over(once, n);
    check(row_measure(&again) == 0 &&
              (again.log_z == r.log_z || fabs(again.log_z - r.log_z) < 1e-5 * (1 + fabs(r.log_z))),
          "%s, %s: log Z is %.9g, want %.9g", t->type->name, what, r.log_z, again.log_z);
    check((left == 0) == row_dead(&r), "%s, %s: dead and masked are one", t->type->name, what);
}

static void fill(uint32_t n, float value)
{
    for (uint32_t v = 0; v < n; v++)
        before[v] = value;
}

static void small_rows(const struct transform *t)
{
    fill(7, -INFINITY);
    check_row(t, 7, "no support");
    before[3] = 2.5f;
    check_row(t, 7, "one finite");
    check_row(t, 4, "one finite, the last");
    fill(1, -3);
    check_row(t, 1, "V = 1");
    fill(1, -INFINITY);
    check_row(t, 1, "V = 1, masked");
    fill(9, 0.25f);
    check_row(t, 9, "all equal");
    before[2] = before[5] = 3;
    before[4] = before[6] = -1;
    check_row(t, 9, "ties");
    before[0] = -INFINITY;
    before[1] = -FLT_MAX;
    before[7] = -1e30f;
    check_row(t, 9, "masked as others do");
    fill(9, -FLT_MAX / 4);
    before[8] = 0;
    check_row(t, 9, "one above an abyss");
    for (uint32_t v = 0; v < 9; v++)
        before[v] = 1e6f + (float)v;
    check_row(t, 9, "far from 0");
}

static void large_rows(const struct transform *t)
{
    for (uint32_t v = 0; v < LARGE; v++)
        before[v] = v % 3 == 1 ? -INFINITY : (float)((uint64_t)v * 2654435761u % 4093) / 256 - 8;
    before[77] = 12;
    check_row(t, LARGE, "V = 256000");
    fill(LARGE, -1.5f);
    check_row(t, LARGE, "V = 256000, all equal");
}

/* Numbers at both ends of their ranges and every word, one parameter at a time. */
static void parameter_edges(const struct transform *given)
{
    for (size_t k = 0; k < given->type->n_params; k++) {
        const struct param *p = &given->type->params[k];
        struct transform t = *given;
        for (int i = 0; p->kind == PARAM_WORD && p->words[i]; i++) {
            t.value[k].number = i;
            small_rows(&t);
        }
        if (p->kind != PARAM_REAL && p->kind != PARAM_INT)
            continue;
        t.value[k].number = p->min_open ? (p->kind == PARAM_INT ? p->min + 1 : nextafter(p->min, INFINITY)) : p->min;
        small_rows(&t);
        t.value[k].number = p->max;
        small_rows(&t);
    }
}

static void edges_of(const char *step)
{
    struct chain *c = chain_parse(step);
    check(c != NULL, "%s: %s", step, err_text());
    if (c) {
        small_rows(chain_step(c, 0));
        large_rows(chain_step(c, 0));
        parameter_edges(chain_step(c, 0));
    }
    chain_free(c);
}

static void every_row(void)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++)
        edges_of(types[i]->shown[0]);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        edges_of(more[i]);
}

/* How many symbols of a row a chain leaves. */
static uint32_t kept(const char *text, const float score[], uint32_t n)
{
    struct rng_address address = { .seed = 5, .purpose = RNG_DRAW };
    struct transform_at at = { .address = &address, .work = work };
    struct chain *c = chain_parse(text);
    struct row r = row_over(once, n);
    memcpy(once, score, n * sizeof *once);
    check(c && row_measure(&r) == 0 && chain_apply(c, NULL, &r, &at, NULL) == 0, "%s: %s", text, err_text());
    chain_free(c);
    return row_count(&r);
}

/* Where a cut meets its bound or a tie exactly; what each rule says of it. */
static void exact_edges(void)
{
    const float five[] = { logf(.5f), logf(.25f), logf(.25f) }, even[] = { 0, 0, 0, 0 }, tied[] = { 2, 1, 1, 1, 0 };
    static const struct {
        const char *text;
        uint32_t five, even, tied;
    } rows[] = {
        { "top_p=0.5", 1, 2, 2 },
        { "top_p(0.5, bound=over)", 2, 3, 2 },
        { "top_p(0.5, bound=below)", 1, 2, 1 },
        { "top_p(0.75, bound=reach)", 2, 3, 3 },
        { "top_p(0.75, bound=below, ties=all)", 3, 4, 4 },
        { "top_p(0.6, bound=below)", 1, 2, 1 },
        { "top_p(0.6, ties=all)", 3, 4, 4 },
        { "top_k(2, ties=all)", 3, 4, 4 },
        { "top_k=2", 2, 2, 2 },
        { "top_k=9", 3, 4, 5 },
        { "top_k(1, ties=all)", 1, 4, 1 },
        { "top_p=0", 1, 1, 1 },
        { "top_p=1", 3, 4, 5 },
        { "top_p(1, bound=below)", 3, 4, 5 },
        { "top_p(0, zero=off)", 3, 4, 5 },
        { "top_p(0, ties=all)", 1, 4, 1 },
        { "top_k=2 | top_p(0.75, of=kept)", 2, 2, 2 },
        { "top_k=2 | top_p(0.5, of=given)", 1, 2, 2 },
        { "top_k=2 | top_p(0.76, of=given)", 2, 2, 2 },
        { "top_k=2 | normalise | top_p(0.5, of=given)", 1, 1, 1 }, /* behind another step it is what the step finds */
        { "min_p=0.5", 3, 4, 1 },
        { "epsilon=0.25", 3, 4, 1 },
        { "epsilon=0.5", 1, 1, 1 },
        { "top_a=1", 3, 4, 1 },
        { "p_less", 1, 4, 1 },
        { "p_less=inf", 1, 4, 1 },
        { "p_less_norm", 3, 4, 4 },
        { "top_n_sigma=0", 1, 4, 1 },
        { "top_n_sigma(0, zero=off)", 3, 4, 5 },
        { "tfs=0", 1, 4, 1 },
        { "min_k=0", 1, 4, 1 },
        { "diff", 1, 4, 1 },
        { "diff(mass=0.9)", 3, 4, 4 },
        { "xtc(1, threshold=0.25)", 1, 1, 5 },
        { "xtc(1, threshold=0.25, ties=all)", 2, 4, 5 },
        { "xtc(1, threshold=0.51)", 3, 4, 5 },
        { "xtc(1, threshold=0.25, min_keep=2)", 3, 4, 5 },
        { "top_h=1", 3, 4, 5 },
        { "top_h(1, entropy=partial)", 3, 4, 5 },
        { "temperature=0", 1, 1, 1 },
        { "temperature(0.3, greedy_below=0.5)", 1, 1, 1 },
        { "temperature=inf", 3, 4, 5 },
        { "typical(0.5, ties=all)", 3, 4, 4 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t got[3] = { kept(rows[i].text, five, 3), kept(rows[i].text, even, 4), kept(rows[i].text, tied, 5) };
        check(got[0] == rows[i].five && got[1] == rows[i].even && got[2] == rows[i].tied,
              "%s keeps %u %u %u, want %u %u %u", rows[i].text, got[0], got[1], got[2], rows[i].five, rows[i].even,
              rows[i].tied);
    }
}

/* bug: where a step moved all that was left beyond what log Z can tell, each symbol had probability one */
static void far_from_zero(void)
{
    static const struct {
        const char *chain;
        float score[3];
        double p;
    } cases[] = {
        { "dry(1000000, base=1000000, allowed=0)", { 1, 1, 1 }, 1 },
        { "temperature=1e-45 | allow=[0, 1]", { 1, 1, 2 }, 1. / 2 },
        { "repetition_penalty=1000000", { -1e9f, -1e9f, -1e9f }, 1. / 3 },
        { "presence_penalty=-1000000 | repetition_penalty=1000000 | temperature=0.5", { 5, 5, 5 }, 1. / 3 },
    };
    static const sym_t again[] = { 0, 1, 2, 0, 1, 2, 2, 1, 0, 0, 1, 2 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float score[3];
        struct chain *c = chain_parse(cases[i].chain);
        void *state = mem_aligned(chain_state_size(c) + 1, 1);
        struct row r = row_over(score, 3);
        struct rng_address address = { 0 };
        struct transform_at at = {
            .made = again, .n_made = sizeof again / sizeof *again, .address = &address, .work = work
        };
        double sum = 0;
        memcpy(score, cases[i].score, sizeof score);
        check(row_measure(&r) == 0, "%s", err_text());
        chain_start(c, state);
        check(chain_apply(c, state, &r, &at, NULL) == 0, "%s: %s", cases[i].chain, err_text());
        for (sym_t v = 0; v < 3; v++)
            sum += exp(row_logp(&r, v));
        check_near(sum, 1, 1e-6, "%s: the sum", cases[i].chain);
        check_near(exp(row_logp(&r, row_argmax(&r))), cases[i].p, 1e-6, "%s", cases[i].chain);
        free(state);
        chain_free(c);
    }
}

/* xtc decides at its own stream: as often as it says, the same for a row drawn twice, and not alike at two places. */
static void xtc_decides(void)
{
    const float score[3] = { 1, .9f, 0 };
    struct chain *c = chain_parse("xtc(0.3, threshold=0.2)"), *two = chain_parse("xtc(0.5, threshold=0.9) | xtc(0.3, "
                                                                                 "threshold=0.2)");
    int acted = 0, differ = 0;
    for (uint32_t draw = 0; draw < 4000; draw++) {
        struct rng_address address = { .seed = 9, .draw = draw, .purpose = RNG_DRAW };
        struct transform_at at = { .address = &address, .work = work };
        float x[3], y[3];
        struct row r = row_over(x, 3), s = row_over(y, 3);
        memcpy(x, score, sizeof x);
        memcpy(y, score, sizeof y);
        bool ok = row_measure(&r) == 0 && row_measure(&s) == 0 && chain_apply(c, NULL, &r, &at, NULL) == 0;
        ok = ok && chain_apply(two, NULL, &s, &at, NULL) == 0;
        check(ok, "%s", err_text());
        acted += row_count(&r) == 2;
        differ += row_count(&r) != row_count(&s);
    }
    check(abs(acted - 1200) < 5 * 29, "xtc acted %d times of 4000 at probability 0.3", acted);
    check(differ > 1000, "the second of two xtc has a draw of its own, %d differ", differ);
    chain_free(c);
    chain_free(two);
}

int main(void)
{
    work = row_work_alloc(LARGE);
    every_row();
    exact_edges();
    far_from_zero();
    xtc_decides();
    row_work_free(work);
    return check_done("transform_edges");
}

/* Comparison, gates and summary on a run of exact tables, against sums by hand. */
#include "base/err.h"
#include "experiments/compare.h"
#include "experiments/run.h"
#include "experiments/stats.h"
#include "experiments/summary.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct compare_row *row_of(const struct compare *c, const char *metric)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->rows[i].metric, metric) == 0)
            return &c->rows[i];
    check(false, "a row of '%s'", metric);
    return NULL;
}

/* Mean over items of the mean over draws (those that have a value) of b - a, from the raw values. */
static double delta_by_hand(const struct results *r, const char *metric, uint32_t a, uint32_t b, size_t *n)
{
    const struct results_metric *m = results_metric(r, metric);
    size_t n_items;
    double sum = 0;
    results_items(r, &n_items);
    *n = 0;
    for (size_t i = 0; m && i < n_items; i++) {
        double mean[2], total[2] = { 0 }, count[2] = { 0 };
        for (size_t d = 0; d < results_draws(r); d++)
            for (size_t k = 0; k < 2; k++) {
                double x = m->value[((k ? b : a) * n_items + i) * results_draws(r) + d];
                total[k] += isnan(x) ? 0 : x;
                count[k] += isnan(x) ? 0 : 1;
            }
        for (size_t k = 0; k < 2; k++)
            mean[k] = total[k] / count[k];
        if (isnan(mean[1] - mean[0]))
            continue;
        sum += mean[1] - mean[0];
        ++*n;
    }
    return sum / (double)*n;
}

static void test_arms(const struct results *r)
{
    struct compare c;
    int a = compare_find_arm(r, "a: as it is"), b = compare_find_arm(r, "b: as it is");
    check(a >= 0 && b >= 0, "arms by name");
    check(compare_find_arm(r, "duet: temperature=1.5") >= 0, "by a part of the name");
    check(compare_find_arm(r, "temperature") == ERR_USAGE && strstr(err_text(), "could be any"), "%s", err_text());
    check(compare_find_arm(r, "c: nothing") == ERR_USAGE && strstr(err_text(), "known"), "%s", err_text());
    check(compare_arms(r, (uint32_t)a, r, (uint32_t)b, &c) == 0, "compared: %s", err_text());
    const struct compare_row *row = row_of(&c, "judge_bpb");
    size_t n;
    double want = delta_by_hand(r, "judge_bpb", (uint32_t)a, (uint32_t)b, &n);
    if (row) {
        check_near(row->delta.mean, want, 1e-12, "difference by hand");
        check(row->delta.n == n && row->delta.low <= want && want <= row->delta.high, "interval [%g, %g]",
              row->delta.low, row->delta.high);
        check(row->a.n <= 5 && row->delta.n <= row->a.n && row->delta.n <= row->b.n,
              "items that have the metric on both sides");
        check(row->p > 0 && row->p <= row->p_holm && row->p_bh <= row->p_holm, "p %g, Holm %g, BH %g", row->p,
              row->p_holm, row->p_bh);
    }
    row = row_of(&c, "accuracy");
    if (row)
        check(row->flips_to_a + row->flips_to_b <= 2 && !isnan(row->p_mcnemar), "flips of a 0/1 metric");
    row = row_of(&c, "entropy");
    if (row)
        check(isnan(row->p_holm), "what only describes is not tested");
    compare_fini(&c);
    check(compare_arms(r, (uint32_t)a, r, (uint32_t)a, &c) == 0 && row_of(&c, "distinct_1")->p == 1,
          "an arm with itself");
    compare_fini(&c);
}

/* The least p is multiplied by the rows that could tell: bug: rows in which nothing differs counted too. */
static void check_counted(const struct compare *c, size_t *n_bare)
{
    size_t counted = 0;
    double least = NAN, holm = NAN;
    for (size_t i = 0; i < c->n; i++) {
        const struct compare_row *row = &c->rows[i];
        if (row->direction == 0)
            continue;
        counted += row->tells;
        *n_bare += !row->tells;
        check(row->tells || (row->p == 1 && row->p_holm == 1 && row->p_bh == 1), "%s cannot tell", row->metric);
        if (row->tells && !(row->p >= least)) {
            least = row->p;
            holm = row->p_holm;
        }
    }
    if (counted > 0)
        check_near(holm, fmin(1, (double)counted * least), 1e-12, "of %zu rows that can tell", counted);
}

static void test_counted(const struct results *r)
{
    size_t n_arms, n_bare = 0;
    results_arms(r, &n_arms);
    for (uint32_t a = 0; a < n_arms; a++)
        for (uint32_t b = a + 1; b < n_arms; b++) {
            struct compare c;
            check(compare_arms(r, a, r, b, &c) == 0, "compared: %s", err_text());
            check_counted(&c, &n_bare);
            compare_fini(&c);
        }
    check(n_bare > 0, "some rows of some arms are alike");
}

/* bug: of an item that one side had no value for, the other's counted in its mean: A, B and B - A were of other items */
static void test_pairs(const struct results *r)
{
    size_t n_arms, out = 0;
    results_arms(r, &n_arms);
    for (uint32_t a = 0; a < n_arms; a += 4)
        for (uint32_t b = a + 1; b < n_arms; b += 5) {
            struct compare c;
            check(compare_arms(r, a, r, b, &c) == 0, "compared: %s", err_text());
            for (size_t i = 0; i < c.n; i++) {
                const struct compare_row *row = &c.rows[i];
                check_near(row->b.mean - row->a.mean, row->delta.mean, 1e-9, "%s of %s and %s", row->metric, row->arm_a,
                           row->arm_b);
                check(row->a.n == row->delta.n && row->b.n == row->delta.n, "%s is of one set of items", row->metric);
                out += row->unmatched;
            }
            compare_fini(&c);
        }
    check(out > 0, "some arm lacks a value that another has, and that is counted");
}

static void gate(const struct compare *c, const char *text, int want)
{
    struct text why = { 0 };
    int got = compare_gate(c, text, &why);
    check(got == want, "gate '%s': %d, want %d (%s)", text, got, want, got < 0 ? err_text() : text_s(&why));
    check((got > 0) == (why.len > 0), "a failure is told");
    text_free(&why);
}

static void test_gates(const struct results *r)
{
    struct compare c;
    int a = compare_find_arm(r, "a: as it is"), b = compare_find_arm(r, "b: as it is");
    if (compare_arms(r, (uint32_t)a, r, (uint32_t)b, &c) < 0)
        return;
    double delta = row_of(&c, "judge_bpb")->delta.mean;
    gate(&c, delta < 0 ? "judge_bpb<0" : "judge_bpb>0", 1);
    gate(&c, delta < 0 ? "judge_bpb>0" : "judge_bpb<0", 0);
    gate(&c, "judge_bpb>-1000%", 1);
    gate(&c, "judge_bpb<-1000%", 0);
    gate(&c, "judge_bp<0", ERR_USAGE);
    const char *named = strstr(err_text(), "judge_bpb, ");
    check(!named || !strstr(named + 1, "judge_bpb, "), "bug: metrics were listed once for every pair: %s", err_text());
    gate(&c, "judge_bpb", ERR_USAGE);
    gate(&c, "judge_bpb<x", ERR_USAGE);
    compare_fini(&c);
}

static void test_runs(const struct results *r, const struct results *fewer)
{
    struct compare c;
    check(compare_runs(r, r, &c) == 0 && c.unmatched_arms == 0, "a run with itself");
    for (size_t i = 0; i < c.n; i++)
        check(c.rows[i].delta.mean == 0 && c.rows[i].p == 1, "%s of %s does not differ", c.rows[i].metric,
              c.rows[i].arm_a);
    compare_fini(&c);
    check(compare_runs(r, fewer, &c) == 0, "runs of different items");
    check(c.n > 0 && c.rows[0].unmatched == 3 && c.rows[0].delta.mean == 0, "unmatched items are counted: %zu",
          c.rows[0].unmatched);
    compare_fini(&c);
}

/* p of two arms before any correction. */
static double p_of(const struct results *r, const struct results_metric *m, size_t a, size_t b)
{
    double x[8], y[8]; /* of texts that are scored none */
    size_t n, kept = 0;
    results_items(r, &n);
    if (n > sizeof x / sizeof *x)
        return NAN;
    results_by_item(r, m, (uint32_t)a, x);
    results_by_item(r, m, (uint32_t)b, y);
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i] - y[i]))
            x[kept++] = x[i] - y[i];
    return stats_signflip(x, kept, &(struct stats_options){ .seed = 1 });
}

/* bug: where all corrected p were 1, the clearest pair was the first one, even of arms that gave the same texts */
static void check_clearest(const struct results *r, const struct summary_metric *m)
{
    double clearest = p_of(r, m->metric, m->best_a, m->best_b), least = 1;
    for (size_t a = 0; a < 12; a++)
        for (size_t b = a + 1; b < 12; b++)
            least = fmin(least, p_of(r, m->metric, a, b));
    check(m->least_p == 1 && clearest == least && least < 1, "the clearest pair has p %g, the least is %g", clearest,
          least);
}

static void test_summary(const struct results *r)
{
    struct summary s;
    summary_of(r, &s);
    const struct summary_metric *m = summary_find(&s, "judge_bpb");
    check(m && s.n_arms == 12 && m->n_pairs == 66, "all pairs of arms");
    check(summary_find(&s, "nothing") == NULL, "no such metric");
    for (size_t i = 0; m && i < s.n_arms; i++)
        check(m->arms[i].n <= 5 && m->arms[i].low <= m->arms[i].mean && m->arms[i].mean <= m->arms[i].high, "arm %zu",
              i);
    /* five items: the least two-sided p of signs is 2/32, and no correction makes it smaller */
    check(m && m->n_separated == 0 && m->least_p >= 2.0 / 32, "five items separate nothing: %g", m ? m->least_p : 0);
    if (m)
        check_clearest(r, m);
    summary_fini(&s);
}

/* Three arms, two of which score texts alike: three pairs, of which two can tell. */
static void test_alike(void)
{
    struct results *r = letters_results(
        "local a = model 'table:n=4,length=16,seed=3,sharpness=1.5'\nlocal b = model 'table:n=4,length=16,seed=5'\n",
        "{ { lm = a, chain = '' }, { lm = a, chain = 'temperature=0' }, { lm = b, chain = '' } }", "{ 'DIR/held' }",
        "alike", 1);
    struct summary s;
    if (!r)
        return;
    summary_of(r, &s);
    const struct summary_metric *m = summary_find(&s, "bits_per_byte");
    check(m && m->n_pairs == 3, "all pairs of arms");
    if (m) {
        double x[2 * LETTERS_HELD], *y = x + LETTERS_HELD;
        results_by_item(r, m->metric, 0, x);
        results_by_item(r, m->metric, 2, y);
        for (size_t i = 0; i < LETTERS_HELD; i++)
            x[i] -= y[i];
        double p = stats_signflip(x, LETTERS_HELD, &(struct stats_options){ .seed = 1 });
        check(2 * p < 1, "p is %g", p);
        check_near(m->least_p, 2 * p, 1e-12, "that of two pairs");
    }
    summary_fini(&s);
    results_close(r);
}

int main(void)
{
    letters_open();
    struct plan_options few = { .limit = 2 };
    struct run_options one = { .threads = 1 };
    struct plan *p = letters_plan(letters_script, NULL), *q = letters_plan(letters_script, &few);
    struct run_outcome outcome;
    check(p && q && run_execute(p, letters_path("p"), &one, &outcome) == 0 &&
              run_execute(q, letters_path("q"), &one, &outcome) == 0,
          "two runs: %s", err_text());
    struct results *r = results_open(letters_path("p")), *fewer = results_open(letters_path("q"));
    check(r && fewer, "their results: %s", err_text());
    if (r && fewer) {
        test_arms(r);
        test_pairs(r);
        test_counted(r);
        test_gates(r);
        test_runs(r, fewer);
        test_summary(r);
    }
    test_alike();
    results_close(r);
    results_close(fewer);
    plan_free(p);
    plan_free(q);
    letters_close();
    return check_done("compare");
}

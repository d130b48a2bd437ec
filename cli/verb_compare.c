/* compare: two runs, or two arms of one, item by item; a gate for CI. */
#include "base/columns.h"
#include "base/err.h"
#include "cli/clean.h"
#include "cli/console.h"
#include "cli/guard.h"
#include "cli/verbs.h"
#include "experiments/compare.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_json(const struct compare *c)
{
    struct text t = { 0 };
    for (size_t i = 0; i < c->n; i++) {
        const struct compare_row *r = &c->rows[i];
        text_clear(&t);
        text_add(&t, "{\"metric\":");
        text_add_json(&t, r->metric, strlen(r->metric));
        text_add(&t, ",\"a\":");
        text_add_json(&t, r->arm_a, strlen(r->arm_a));
        text_add(&t, ",\"b\":");
        text_add_json(&t, r->arm_b, strlen(r->arm_b));
        console_member(&t, "mean_a", r->a.mean);
        console_member(&t, "mean_b", r->b.mean);
        console_member(&t, "delta", r->delta.mean);
        console_member(&t, "low", r->delta.low);
        console_member(&t, "high", r->delta.high);
        console_member(&t, "p", r->p);
        console_member(&t, "p_holm", r->p_holm);
        console_member(&t, "p_bh", r->p_bh);
        text_addf(&t, ",\"items\":%zu,\"unmatched\":%zu,\"flips_to_a\":%zu,\"flips_to_b\":%zu}", r->delta.n,
                  r->unmatched, r->flips_to_a, r->flips_to_b);
        puts(text_s(&t));
    }
    text_free(&t);
}

/* What the corrected p says, in a word; of what only describes, and is no test, the interval. */
static const char *verdict(const struct compare_row *r, enum console_colour *colour)
{
    bool differs = r->direction == 0 ? r->delta.low > 0 || r->delta.high < 0 : r->p_holm < 0.05;
    *colour = CONSOLE_DIM;
    if (!differs || r->delta.mean == 0)
        return "no difference shown";
    double gain = r->delta.mean * (r->direction < 0 ? -1 : 1);
    *colour = r->direction == 0 ? CONSOLE_YELLOW : gain > 0 ? CONSOLE_GREEN : CONSOLE_RED;
    return r->direction == 0 ? "B differs" : gain > 0 ? "B is better" : "B is worse";
}

enum { NAME = 16 }; /* columns, at least */

/* Of the names of all metrics, which the column has room for. */
static size_t name_columns(const struct compare *c)
{
    size_t most = NAME;
    for (size_t i = 0; i < c->n; i++) {
        size_t n = columns_count(c->rows[i].metric, strlen(c->rows[i].metric));
        most = n > most && n <= 2 * NAME ? n : most;
    }
    return most;
}

static void print_heading(const char *a, const char *b, size_t columns)
{
    printf("\nA: ");
    clean_print(a);
    printf("\nB: ");
    clean_print(b);
    printf("\n%-*s %10s %10s %10s  %-24s %8s %5s\n", (int)columns, "metric", "A", "B", "B - A", "95 % interval",
           "p (Holm)", "items");
}

/* "-" where there is none: no test was made, one item has no interval. */
static void number(char out[32], const char *format, double x)
{
    snprintf(out, 32, isfinite(x) ? format : "-", x);
}

static void print_row(const struct compare_row *r, size_t columns)
{
    enum console_colour colour;
    const char *word = verdict(r, &colour);
    char low[32], high[32], p[32];
    number(low, "%+.4g", r->delta.low);
    number(high, "%+.4g", r->delta.high);
    number(p, "%.2g", r->p_holm);
    clean_print_wide(r->metric, columns);
    printf(" %10.4g %10.4g %+10.4g  [%10s, %10s] %8s %5zu  %s%s%s\n", r->a.mean, r->b.mean, r->delta.mean, low, high, p,
           r->delta.n, console_colour(colour), word, console_colour(CONSOLE_PLAIN));
}

static bool one_pair(const struct compare_row *a, const struct compare_row *b)
{
    return strcmp(a->arm_a, b->arm_a) == 0 && strcmp(a->arm_b, b->arm_b) == 0;
}

/* Behind the last row of an arm, or of those in a row that lack as many. */
static void print_unmatched(const struct compare *c, size_t i, size_t columns)
{
    size_t n = c->rows[i].unmatched;
    if (n > 0 && (i + 1 == c->n || !one_pair(&c->rows[i], &c->rows[i + 1]) || c->rows[i + 1].unmatched != n))
        printf("%*s %zu item%s left out: one side lacks %s or a number, or both are infinite\n", (int)columns, "", n,
               n == 1 ? " was" : "s were", n == 1 ? "it" : "them");
}

static void print_table(const struct compare *c)
{
    size_t columns = name_columns(c);
    for (size_t i = 0; i < c->n; i++) {
        const struct compare_row *r = &c->rows[i];
        if (i == 0 || !one_pair(r, r - 1))
            print_heading(r->arm_a, r->arm_b, columns);
        print_row(r, columns);
        print_unmatched(c, i, columns);
    }
    if (c->texts > 0)
        printf("\n%zu of %zu texts are the same on both sides, byte for byte\n", c->same, c->texts);
    if (c->unmatched_arms > 0)
        printf("\n%zu arms only one side has were left out\n", c->unmatched_arms);
}

static int gate(const struct args *a, const struct compare *c)
{
    for (size_t i = 0; i < a->n_repeated; i += 2) {
        struct text why = { 0 };
        if (strcmp(a->repeated[i], "fail-on") != 0)
            continue;
        int failed = compare_gate(c, a->repeated[i + 1], &why);
        if (failed > 0)
            err_set(ERR_GATE, "gate '%s' failed for %d row%s: %s", a->repeated[i + 1], failed, failed == 1 ? "" : "s",
                    text_s(&why));
        text_free(&why);
        if (failed != 0)
            return failed > 0 ? ERR_GATE : failed;
        if (c->bare > 0)
            return err_set(ERR_GATE, "gate '%s': %zu arm%s no item with a number on both sides", a->repeated[i + 1],
                           c->bare, c->bare == 1 ? " has" : "s have");
    }
    return 0;
}

/* Texts of an item under an arm, of all its draws: a beam may give several to each. */
static size_t texts_of(const struct results *r, const char *arm)
{
    size_t n_items, most = 0;
    results_items(r, &n_items);
    int at = compare_find_arm(r, arm);
    for (size_t i = 0; i < n_items; i++) {
        size_t n = 0, all = 0;
        for (uint32_t draw = 0; draw < results_draws(r); draw++, all += n)
            results_unit(r, (uint32_t)at, (uint32_t)i, draw, &n);
        most = all > most ? all : most;
    }
    return most;
}

/* More texts have a smaller share of distinct words: that is no difference of the arms. */
static void say_texts(const struct args *a, const struct results *x, const struct results *y, const struct compare *c)
{
    const char *seen = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct compare_row *row = &c->rows[i];
        const struct results_metric *m = results_metric(x, row->metric);
        if (!m || m->level != METRIC_ITEM || row->arm_a == seen)
            continue;
        seen = row->arm_a;
        size_t n = texts_of(x, row->arm_a), k = texts_of(y, row->arm_b);
        if (n == k)
            continue;
        console_say(a->quiet,
                    "an item has %zu text%s in A, %zu in B: what is of all of them, like %s, depends on their number",
                    n, n == 1 ? "" : "s", k, m->name);
        return;
    }
}

static int compare(const struct args *a, struct results *x, struct results *y)
{
    const char *arms[2] = { NULL, NULL };
    struct compare c;
    size_t n = 0;
    for (size_t i = 0; i < a->n_repeated; i += 2)
        if (strcmp(a->repeated[i], "arm") == 0) {
            if (n == 2)
                return err_set(ERR_USAGE, "--arm '%s' is the third, want two at most", a->repeated[i + 1]);
            arms[n++] = a->repeated[i + 1];
        }
    if (x == y && n < 2)
        return err_set(ERR_USAGE, "one run: say which two of its arms, --arm A --arm B");
    if (n == 0) {
        TRY(compare_runs(x, y, &c));
    } else {
        int arm_a = compare_find_arm(x, arms[0]), arm_b;
        TRY(arm_a);
        arm_b = compare_find_arm(y, n == 2 ? arms[1] : arms[0]);
        TRY(arm_b);
        TRY(compare_arms(x, (uint32_t)arm_a, y, (uint32_t)arm_b, &c));
    }
    if (c.changed > 0)
        console_say(a->quiet, "%zu item%s of one name ask%s something else in B: compared all the same", c.changed,
                    c.changed == 1 ? "" : "s", c.changed == 1 ? "s" : "");
    if (c.bare > 0)
        console_say(a->quiet, "%zu arm%s both have %s left out: no item has a number on both sides", c.bare,
                    c.bare == 1 ? " that" : "s that", c.bare == 1 ? "is" : "are");
    say_texts(a, x, y, &c);
    if (a->json)
        print_json(&c);
    else
        print_table(&c);
    int rc = gate(a, &c);
    compare_fini(&c);
    return rc;
}

static int compare_guarded(struct guard *g, void *ctx)
{
    const struct args *a = *(const struct args **)ctx;
    struct results *x = guard_results(g, 0, a->operand[0]);
    if (!x)
        return err_code();
    struct results *y = a->n_operands > 1 ? guard_results(g, 1, a->operand[1]) : x;
    int rc = y ? compare(a, x, y) : err_code();
    if (y != x)
        results_close(y);
    results_close(x);
    return rc;
}

static int run_compare(const struct args *a)
{
    const char *paths[2] = { a->operand[0], a->n_operands > 1 ? a->operand[1] : NULL };
    struct guard_work work = { .paths = paths, .n_paths = a->n_operands, .work = compare_guarded, .ctx = &a };
    TRY(options_real(a, "open-limit", 0.001, 1e9, &work.seconds));
    return guard_run(&work);
}

static const struct option_row options[] = {
    { "arm", "NAME", NULL, "an arm, by its name or a part only it has; twice: the arm of A and that of B" },
    { "fail-on", "GATE", NULL,
      "exit with 10 when true, like \"coverage<-0.05\" or \"judge_bpb>2%\" (of B - A), or when nothing is left of an "
      "arm" },
    { "open-limit", "SECONDS", NULL, "for reading one results file; default: 20 and one more for each MB of both" },
};

const struct verb verb_compare = {
    .name = "compare",
    .operands = "A [B]",
    .min_operands = 1,
    .max_operands = 2,
    .summary = "two runs, or two arms of one, paired by item: difference, interval, corrected p",
    .details =
        "A and B are run folders or results.h5 files. Without --arm every arm that both have is compared by name.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_compare,
};

/* Runs of exact tables: numbers against the tables themselves; one plan run in many ways gives the same bytes. */
#include "base/err.h"
#include "experiments/h5.h"
#include "experiments/journal.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "experiments/unit.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include "tests/lib/same.h"
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ln p of text after prompt under a table with temperature t, by the table's own word. */
static double table_sum(const struct lm *lm, const char *prompt, const char *text, double t)
{
    sym_t prefix[64];
    size_t n = 0;
    double sum = 0, logp[27];
    for (const char *c = prompt; *c; c++)
        prefix[n++] = (sym_t)(*c - 'a');
    for (const char *c = text; *c; c++) {
        double z = 0;
        table_logp(lm, prefix, n, logp);
        for (uint32_t v = 0; v < lm->space->n; v++)
            z += exp(logp[v] / t);
        prefix[n] = (sym_t)(*c - 'a');
        sum += logp[prefix[n++]] / t - log(z);
    }
    return sum;
}

static struct lm *table_of(uint64_t seed, double sharpness, uint32_t length)
{
    return table_open(&(struct table_options){ .n = 4, .max_length = length, .seed = seed, .sharpness = sharpness });
}

static uint32_t arm_named(const struct results *r, const char *name)
{
    size_t n;
    const struct results_arm *arms = results_arms(r, &n);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(arms[i].name, name) == 0)
            return i;
    check(false, "no arm '%s'", name);
    return 0;
}

/* Choice and text items, verdicts: enumerated. */
static void test_scores(const struct results *r)
{
    struct lm *a = table_of(3, 1.5, 16), *judge = table_of(9, 1, 60);
    size_t n, n_records;
    uint32_t arm = arm_named(r, "a: as it is");
    const struct results_record *x = results_unit(r, arm, 5, 2, &n);
    static const char *const choices[] = { "a", "cb", "ccc" };
    check(n == 1 && x->n_choices == 3, "a choice has three likelihoods");
    for (size_t i = 0; i < 3 && n == 1 && x->n_choices == 3; i++)
        check_near(x->choice_logp[i], table_sum(a, "ab", choices[i], 1), 1e-5, "choice %zu", i);
    x = results_unit(r, arm, 7, 0, &n);
    check(n == 1, "a text");
    if (n == 1)
        check_near(x->nll, -table_sum(a, "", "abcabcab", 1), 1e-5, "nll of a text");
    const struct results_record *all = results_records(r, &n_records);
    static const char *const prompts[] = { "ab", "c", "abc", "cab", "bb" };
    size_t judged = 0;
    for (size_t i = 0; i < n_records; i++) {
        if (all[i].item > 4 || all[i].n_text == 0)
            continue;
        char text[64] = { 0 };
        memcpy(text, all[i].text, all[i].n_text);
        check_near(all[i].judge_nll, -table_sum(judge, prompts[all[i].item], text, 1), 1e-4, "verdict on '%s'", text);
        judged++;
    }
    check(judged > 60, "%zu texts were judged", judged);
    lm_free(a);
    lm_free(judge);
}

/* The trace of a text is what the tables say of it, and each symbol's shares are the pool's. */
static void test_traces(struct results *r)
{
    struct lm *b = table_of(5, 0.7, 16);
    struct results_tokens t;
    size_t n;
    const struct results_record *x = results_unit(r, arm_named(r, "b: as it is"), 0, 1, &n);
    if (n != 1 || results_tokens(r, x, &t) < 0 || t.n == 0) {
        check(false, "a trace");
        lm_free(b);
        return;
    }
    char text[64] = { 0 };
    memcpy(text, x->text, x->n_text);
    double sum = 0;
    for (size_t i = 0; i < t.n && i < x->n_text; i++)
        sum += (double)t.logp[i];
    check_near(sum, table_sum(b, "ab", text, 1), 1e-4, "log-probabilities of '%s'", text);
    uint32_t duet = arm_named(r, "duet: as it is");
    x = results_unit(r, duet, 0, 0, &n);
    check(n == 1 && results_tokens(r, x, &t) == 0 && t.n_voices == 2, "an ensemble's trace has voices");
    results_voices(r, duet, &n);
    check(n == 2, "their names");
    for (size_t i = 0; i < t.n && t.n_voices == 2; i++) {
        check_near((double)(t.voice_share[2 * i] + t.voice_share[2 * i + 1]), 1, 1e-5, "shares of symbol %zu", i);
        double pool = log(0.6 * exp((double)t.voice_logp[2 * i]) + 0.4 * exp((double)t.voice_logp[2 * i + 1]));
        check_near((double)t.logp[i], pool, 1e-4, "the pool at symbol %zu", i);
        check(t.voice_weight[2 * i] == 0.6f && t.voice_weight[2 * i + 1] == 0.4f, "weights at symbol %zu", i);
        check_near((double)(t.data_entropy[i] + t.disagreement[i]), (double)t.entropy[i], 1e-4, "total entropy");
        check_near((double)t.epkl[i], (double)(t.disagreement[i] + t.rmi[i]), 1e-5, "EPKL = MI + RMI");
        check(t.agreement[i] == 1 || t.agreement[i] == 0.6f, "agreement %g", (double)t.agreement[i]);
    }
    x = results_unit(r, duet, 7, 0, &n);
    check(n == 1 && results_tokens(r, x, &t) == 0 && t.n_voices == 2 && t.n == 8, "a text that an ensemble scored");
    for (size_t i = 0; i < t.n && t.n_voices == 2; i++) {
        double pool = log(0.6 * exp((double)t.voice_logp[2 * i]) + 0.4 * exp((double)t.voice_logp[2 * i + 1]));
        check_near((double)t.logp[i], pool, 1e-4, "the pool at symbol %zu of a scored text", i);
        check(t.voice_weight[2 * i] == 0.6f && t.disagreement[i] >= 0, "its weights");
    }
    x = results_unit(r, arm_named(r, "b: as it is"), 7, 0, &n);
    check(n == 1 && results_tokens(r, x, &t) == 0 && t.n_voices == 0 && isnan(t.disagreement[0]), "a leaf scored it");
    size_t length;
    check(results_piece(r, duet, 1, &length) && length == 1 && *results_piece(r, duet, 1, &length) == 'b', "a piece");
    check(results_piece(r, duet, 99, &length) == NULL, "no such symbol");
    lm_free(b);
}

/* The fitted temperature is the best one: golden section on the enumerated likelihood of the held-out texts. */
static void test_fit(const struct results *r)
{
    struct lm *a = table_of(3, 1.5, 16);
    size_t n;
    const struct results_fit *f = results_fits(r, &n);
    check(n == 1, "one fit");
    double low = 0.05, high = 20, best = NAN, nll = 0;
    for (int i = 0; i < 200; i++) {
        double g = (sqrt(5) - 1) / 2, t[] = { high - g * (high - low), low + g * (high - low) }, sum[2] = { 0 };
        for (size_t k = 0; k < 2 * LETTERS_HELD; k++)
            sum[k % 2] -= table_sum(a, "", letters_held(k / 2), t[k % 2]);
        if (sum[0] < sum[1])
            high = t[1];
        else
            low = t[0];
        best = t[0];
        nll = sum[0] / 105;
    }
    if (n == 1) {
        check_near(f->value, best, 1e-3 * best, "the fitted temperature");
        check_near(f->nll_after, nll, 1e-5, "its likelihood");
        check(f->nll_after < f->nll_before && f->ece_before >= 0 && f->ece_after >= 0, "the fit helps: %g -> %g",
              f->nll_before, f->nll_after);
        uint64_t count = 0;
        for (size_t i = 0; i < RESULTS_BINS; i++)
            count += f->before[i].n;
        check(count == 105, "reliability counts every position: %llu", (unsigned long long)count);
    }
    lm_free(a);
}

static void test_repeats(const struct results *r)
{
    size_t n, m;
    uint32_t greedy = arm_named(r, "a: temperature=0"), drawn = arm_named(r, "a: as it is");
    check(results_unit(r, greedy, 1, 0, &n) == results_unit(r, greedy, 1, 2, &m) && n == 1,
          "a greedy arm is computed once");
    check(results_unit(r, drawn, 1, 0, &n) != results_unit(r, drawn, 1, 2, &m), "a drawing arm is not");
    check(results_unit(r, drawn, 6, 0, &n) == results_unit(r, greedy, 6, 2, &m),
          "a choice is one unit for an lm's arms");
}

static void test_ways(const struct plan *p)
{
    static const struct {
        const char *name;
        size_t threads, batch;
    } ways[] = { { "t2", 2, 64 }, { "b1", 1, 1 }, { "b7", 2, 7 } };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct run_options o = { .threads = ways[i].threads, .batch = ways[i].batch };
        check(letters_run(p, ways[i].name, o) == 0, "run %s: %s", ways[i].name, err_text());
        same_results(letters_path("whole"), letters_path(ways[i].name), ways[i].name);
    }
    for (uint32_t s = 3; s >= 1; s--) {
        struct run_options o = { .threads = 1, .shard = s, .n_shards = 3 };
        check(letters_run(p, "shards", o) == 0, "shard %u: %s", s, err_text());
        check((access(letters_path("shards/results.h5"), F_OK) == 0) == (s == 1), "the last shard compacts");
    }
    same_results(letters_path("whole"), letters_path("shards"), "shards");
}

/* The same journal gives the same bytes, and so does one whose segments stand in another order. */
static void test_bytes(void)
{
    struct run_compacted c;
    check(run_compact(letters_path("b7"), letters_path("again.h5"), NULL, &c) == 0 && c.missing == 0,
          "compacted again");
    struct text one = letters_read(letters_path("b7/results.h5")), two = letters_read(letters_path("again.h5"));
    text_free(&two);
    text_read_file(&two, letters_path("again.h5"), 1 << 24);
    check(one.len > 1000 && one.len == two.len && memcmp(one.s, two.s, one.len) == 0, "one journal, the same bytes");
    text_free(&two);
    /* frames in reverse: read all, write them backwards into another folder */
    struct journal_reader *r = journal_read(letters_path("b7/journal"));
    struct text frames[1000] = { { 0 } };
    struct unit_head h;
    const void *payload;
    size_t n, count = 0;
    while (journal_next(r, &payload, &n) > 0 && count < 1000)
        text_addn(&frames[count++], payload, n);
    journal_read_close(r);
    mkdir(letters_path("reverse"), 0777);
    struct text plan = letters_read(letters_path("b7/plan.json"));
    letters_write(letters_path("reverse/plan.json"), text_s(&plan));
    struct journal *j = journal_open(letters_path("reverse/journal"), "run");
    journal_set_segment(j, 3000);
    for (size_t i = count; i-- > 0;) {
        /* the head of a RESULT ends with its texts; those of other frames are 17 bytes */
        check(unit_head(frames[i].s, frames[i].len, &h), "frame %zu is one of ours", i);
        journal_add(j, frames[i].s, frames[i].len, h.frame == UNIT_RESULT ? 21 + 16 * h.n_texts : 17);
        if (i % 5 == 0)
            journal_commit(j);
        text_free(&frames[i]);
    }
    check(journal_close(j) == 0 && run_compact(letters_path("reverse"), NULL, NULL, &c) == 0, "reversed: %s",
          err_text());
    text_read_file(&two, letters_path("reverse/results.h5"), 1 << 24);
    check(one.len == two.len && memcmp(one.s, two.s, one.len) == 0, "frames in another order, the same bytes");
    text_free(&one);
    text_free(&two);
    text_free(&plan);
}

int main(void)
{
    letters_open();
    struct plan *p = letters_plan(letters_script, NULL);
    check(p && letters_run(p, "whole", (struct run_options){ .threads = 1 }) == 0, "the whole run: %s", err_text());
    struct results *r = results_open(letters_path("whole"));
    check(r != NULL, "its results: %s", r ? "" : err_text());
    if (p && r) {
        test_scores(r);
        test_traces(r);
        test_fit(r);
        test_repeats(r);
        test_ways(p);
        test_bytes();
    }
    results_close(r);
    plan_free(p);
    letters_close();
    return check_done("run");
}

/* Runs of exact tables: numbers against the tables themselves; one plan run in many ways gives the same bytes. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "experiments/h5.h"
#include "experiments/journal.h"
#include "experiments/lms.h"
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int run(const struct plan *p, const char *name, struct run_options o)
{
    struct run_outcome outcome;
    return run_execute(p, letters_path(name), &o, &outcome);
}

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

static struct text file_of(const char *folder, const char *name)
{
    struct text path = { 0 }, t = { 0 };
    text_addf(&path, "%s/%s", folder, name);
    text_read_file(&t, text_s(&path), 1 << 24);
    text_free(&path);
    return t;
}

static void test_ways(const struct plan *p)
{
    static const struct {
        const char *name;
        size_t threads, batch;
    } ways[] = { { "t2", 2, 64 }, { "b1", 1, 1 }, { "b7", 2, 7 } };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct run_options o = { .threads = ways[i].threads, .batch = ways[i].batch };
        check(run(p, ways[i].name, o) == 0, "run %s: %s", ways[i].name, err_text());
        same_results(letters_path("whole"), letters_path(ways[i].name), ways[i].name);
    }
    for (uint32_t s = 3; s >= 1; s--) {
        struct run_options o = { .threads = 1, .shard = s, .n_shards = 3 };
        check(run(p, "shards", o) == 0, "shard %u: %s", s, err_text());
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
    struct text one = file_of(letters_path("b7"), "results.h5"), two = file_of(letters_path("again.h5"), "");
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
    struct text plan = file_of(letters_path("b7"), "plan.json");
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

static volatile sig_atomic_t signalled;

struct stopper {
    uint64_t after, calls;
};

static void stop_after(void *ctx, const struct run_progress *p)
{
    struct stopper *s = ctx;
    (void)p;
    if (++s->calls >= s->after)
        signalled = SIGINT;
}

/* Stopped cleanly again and again: repeats nothing, ends with the same numbers. */
static void test_interrupted(const struct plan *p)
{
    int rc = ERR_SIGINT, times = 0;
    while (rc == ERR_SIGINT && times < 200) {
        struct stopper s = { .after = 1 };
        struct run_options o = {
            .threads = 1, .batch = 16, .progress = stop_after, .progress_ctx = &s, .signal = &signalled
        };
        signalled = 0;
        rc = run(p, "stopped", o);
        times++;
        if (times == 2) {
            struct results *r = results_open(letters_path("stopped"));
            check(r != NULL, "an interrupted run can be read: %s", r ? "" : err_text());
            results_close(r);
        }
        if (times == 3) { /* from here on it may go on for a while */
            signalled = 0;
            rc = run(p, "stopped", (struct run_options){ .threads = 1 });
        }
    }
    check(rc == 0 && times >= 3, "in the end it is done (%d times): %s", times, err_text());
    same_results(letters_path("whole"), letters_path("stopped"), "interrupted");
}

/* What SIGKILL leaves: a journal that ends anywhere. */
static void test_torn(const struct plan *p)
{
    struct text whole = { 0 }, plan = file_of(letters_path("whole"), "plan.json");
    text_read_file(&whole, letters_path("whole/journal/run-000001.seg"), 1 << 24);
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 8; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        size_t n = (size_t)(x % whole.len);
        letters_remove(letters_path("torn"));
        mkdir(letters_path("torn"), 0777);
        mkdir(letters_path("torn/journal"), 0777);
        letters_write(letters_path("torn/plan.json"), text_s(&plan));
        text_write_file(letters_path("torn/journal/run-000001.seg"), whole.s, n);
        if (i % 2) { /* and a flipped byte within */
            struct text t = { 0 };
            text_addn(&t, whole.s, n);
            t.s[n / 2] = (char)(t.s[n / 2] ^ 4);
            text_write_file(letters_path("torn/journal/run-000001.seg"), t.s, n);
            text_free(&t);
        }
        check(run(p, "torn", (struct run_options){ .threads = 1 }) == 0, "cut at %zu: %s", n, err_text());
        same_results(letters_path("whole"), letters_path("torn"), "torn");
        struct run_compacted c;
        check(run_compact(letters_path("torn"), NULL, NULL, &c) == 0 && c.missing == 0, "nothing is missing");
        check(c.damaged + c.torn > 0, "the damage is told: %s", c.damage);
    }
    text_free(&whole);
    text_free(&plan);
}

/* One byte of a sealed segment flipped: the seal is believed until compaction, then what the frame held is computed again;
 * wherever the byte stands, in whatever segment, the seals included. */
static void test_damaged_segments(const struct plan *p)
{
    struct run_options small = { .threads = 1, .segment = 20000 };
    struct text whole = { 0 };
    uint64_t x = 88172645463325252u;
    check(run(p, "sealed", small) == 0, "small segments: %s", err_text());
    int n_segments = 0;
    for (char name[64]; n_segments < 100; n_segments++) {
        snprintf(name, sizeof name, "sealed/journal/run-%06d.seg", n_segments + 1);
        if (access(letters_path(name), F_OK) < 0)
            break;
    }
    check(n_segments >= 2, "the journal has %d segments", n_segments);
    for (int i = 0; i < 12; i++) {
        char name[64];
        snprintf(name, sizeof name, "sealed/journal/run-%06d.seg", i % n_segments + 1);
        check(text_read_file(&whole, letters_path(name), 1 << 24) == 0, "segment: %s", err_text());
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        size_t at = i % 3 == 2 ? whole.len - 1 - (size_t)(x % 40) : (size_t)(x % whole.len);
        whole.s[at] = (char)(whole.s[at] ^ 1 << i % 8);
        text_write_file(letters_path(name), whole.s, whole.len);
        struct run_outcome outcome;
        int rc = run_execute(p, letters_path("sealed"), &small, &outcome);
        check(rc == 0 && outcome.compacted && outcome.results.missing == 0, "%s, byte %zu: %s", name, at, err_text());
        check(outcome.results.damaged > 0 && outcome.results.damage[0], "named: %s", outcome.results.damage);
        same_results(letters_path("whole"), letters_path("sealed"), "sealed");
    }
    text_free(&whole);
}

static void test_refusals(const struct plan *p)
{
    const char *const five[] = { "draws=5" }, *const two[] = { "draws=2" }, *const log[] = { "rule=log" };
    struct plan *more = letters_plan(letters_script, &(struct plan_options){ .sets = five, .n_sets = 1 });
    struct plan *less = letters_plan(letters_script, &(struct plan_options){ .sets = two, .n_sets = 1 });
    struct plan *other = letters_plan(letters_script, &(struct plan_options){ .sets = log, .n_sets = 1 });
    struct run_options plain = { .threads = 1 }, extend = { .threads = 1, .extend = true };
    check(run(other, "t2", extend) == ERR_USAGE && strstr(err_text(), "'duet' has changed"), "another plan: %s",
          err_text());
    check(run(less, "t2", extend) == ERR_USAGE && strstr(err_text(), "draws: 3 -> 2"), "a smaller plan: %s",
          err_text());
    check(run(more, "t2", plain) == ERR_USAGE && strstr(err_text(), "--extend"), "a larger plan: %s", err_text());
    check(run(more, "t2", extend) == 0, "extended: %s", err_text());
    check(run(more, "more", plain) == 0, "at once: %s", err_text());
    same_results(letters_path("t2"), letters_path("more"), "extended");
    int lock = journal_lock(letters_path("t2"), "lock");
    check(run(more, "t2", plain) == ERR_LOCKED, "locked: %s", err_text());
    close(lock);
    check(run(p, "../../proc/none/x", plain) == ERR_IO, "no folder: %s", err_text());
    check(run(p, "x", (struct run_options){ .threads = 1, .shard = 4, .n_shards = 3 }) == ERR_USAGE, "%s", err_text());
    check(run_compact(letters_path("nothing"), NULL, NULL, &(struct run_compacted){ 0 }) < 0, "no run: %s", err_text());
    plan_free(more);
    plan_free(less);
    plan_free(other);
}

/* An item that no table can read fails alone; the others are there. */
static void test_failures(void)
{
    static const char script[] = "experiment { name = 'f', evalsets = { 'DIR/bad' }, limit = { bytes = 5 },\n"
                                 "  arms = { { lm = model 'table:n=4,length=9' } } }\n";
    mkdir(letters_path("bad"), 0777);
    letters_write(letters_path("bad/README.md"), "# Bad\n\nBad.\n");
    letters_write(letters_path("bad/evalset.json"),
                  "{\"name\":\"bad\",\"kind\":\"generate\",\"lang\":[\"en\"],\"metrics\":[\"distinct_1\"]}");
    letters_write(letters_path("bad/items.jsonl"), "{\"id\":\"good\",\"lang\":\"en\",\"text\":\"ab\"}\n"
                                                   "{\"id\":\"bad\",\"lang\":\"en\",\"text\":\"xyz\"}\n");
    struct plan *p = letters_plan(script, NULL);
    check(p && run(p, "failed", (struct run_options){ .threads = 1 }) == ERR_SOME, "some fail: %s", err_text());
    check(strstr(err_text(), "1 of 2") && strstr(err_text(), "xyz"), "which and why: %s", err_text());
    struct results *r = results_open(letters_path("failed"));
    size_t n = 0, m = 0;
    if (r) {
        results_unit(r, 0, 0, 0, &n);
        results_unit(r, 0, 1, 0, &m);
    }
    check(r && n == 1 && m == 0, "the good one is there, the bad one is not");
    results_close(r);
    plan_free(p);
}

static bool there(const char *name)
{
    return access(letters_path(name), F_OK) == 0;
}

/* bug: where a unit failed no shard ever wrote results.h5, and nothing said so */
static void test_shards_with_failures(void)
{
    static const char script[] = "experiment { name = 'f', evalsets = { 'DIR/bad' }, limit = { bytes = 5 },\n"
                                 "  arms = { { lm = model 'table:n=4,length=9' } } }\n";
    struct plan *p = letters_plan(script, NULL);
    int some = 0;
    for (uint32_t s = 1; s <= 2; s++)
        some += run(p, "bad_shards", (struct run_options){ .threads = 1, .shard = s, .n_shards = 2 }) == ERR_SOME;
    check(some == 1 && there("bad_shards/results.h5"), "the last shard compacts, %d of 2 had failures", some);
    plan_free(p);
}

/* bug: a shard that met damage in another's segment wrote the results of half a run */
static void test_shard_meets_damage(const struct plan *p)
{
    struct text s = { 0 };
    struct run_outcome out;
    struct run_options one = { .threads = 1, .shard = 1, .n_shards = 3 };
    check(text_read_file(&s, letters_path("shards/journal/shard002-000001.seg"), 1 << 24) == 0, "%s", err_text());
    s.s[JOURNAL_HEADER + 100] ^= 1;
    text_write_file(letters_path("shards/journal/shard002-000001.seg"), s.s, s.len);
    int rc = run_execute(p, letters_path("shards"), &one, &out);
    check(rc == 0 && !out.compacted, "shard 1 leaves what it cannot heal: %d, %d, %llu missing: %s", rc, out.compacted,
          (unsigned long long)out.results.missing, err_text());
    check(run(p, "shards", (struct run_options){ .threads = 1 }) == 0, "the whole run heals it: %s", err_text());
    same_results(letters_path("whole"), letters_path("shards"), "healed shards");
    text_free(&s);
}

/* bug: after an interrupted --extend the results of the smaller plan were taken for the larger one's */
static void test_extend_interrupted(void)
{
    const char *const two[] = { "draws=2" }, *const nine[] = { "draws=9" };
    struct plan *less = letters_plan(letters_script, &(struct plan_options){ .sets = two, .n_sets = 1 });
    struct plan *more = letters_plan(letters_script, &(struct plan_options){ .sets = nine, .n_sets = 1 });
    check(run(less, "grown", (struct run_options){ .threads = 1 }) == 0, "%s", err_text());
    signalled = SIGINT;
    struct run_options extend = { .threads = 1, .extend = true, .signal = &signalled };
    check(run(more, "grown", extend) == ERR_SIGINT && !there("grown/results.h5"), "interrupted at once: %s",
          err_text());
    struct results *r = results_open(letters_path("grown"));
    check(r && results_draws(r) == 9, "what is read is of the larger plan");
    results_close(r);
    signalled = 0;
    plan_free(less);
    plan_free(more);
}

/* A unit that failed once and was computed later has not failed; one that fails again and again has failed once. */
static void test_failed_once(const struct plan *p)
{
    struct unit_key judged = { 1, 2 };
    struct text plan = file_of(letters_path("whole"), "plan.json"), t = { 0 };
    struct run_compacted c = { 0 };
    mkdir(letters_path("once"), 0777);
    letters_write(letters_path("once/plan.json"), text_s(&plan));
    struct journal *j = journal_open(letters_path("once/journal"), "run");
    for (uint32_t draw = 0; draw < 4; draw++) { /* of an arm that draws: 0 twice, 1 once, and a key of no plan */
        struct unit_key key = draw < 3 ? unit_key(p, &p->arms[1], &p->items[0], draw / 2) : judged;
        text_clear(&t);
        size_t n_head = unit_write_message(&t, UNIT_FAILED, key, "no luck");
        journal_add(j, text_s(&t), t.len, n_head);
    }
    journal_close(j);
    check(run_compact(letters_path("once"), NULL, NULL, &c) == 0 && c.failed == 2, "two units failed: %llu",
          (unsigned long long)c.failed);
    check(run(p, "once", (struct run_options){ .threads = 1 }) == 0, "they are tried again: %s", err_text());
    check(run_compact(letters_path("once"), NULL, NULL, &c) == 0 && c.failed == 0 && c.missing == 0,
          "none failed: %llu", (unsigned long long)c.failed);
    text_free(&t);
    text_free(&plan);
}

static void test_damaged_results(void)
{
    struct text whole = { 0 };
    text_read_file(&whole, letters_path("whole/results.h5"), 1 << 24);
    size_t opened = 0;
    for (size_t i = 1; i < 12; i++) {
        text_write_file(letters_path("cut.h5"), whole.s, whole.len * i / 12);
        struct results *r = results_open(letters_path("cut.h5"));
        opened += r != NULL;
        results_close(r);
    }
    check(opened == 0, "a cut file is refused: %s", err_text());
    check(results_open(letters_path("none.h5")) == NULL, "no file: %s", err_text());
    text_free(&whole);
}

/* Attributes of another shape than ours: 64 numbers where one is read, which would go over the stack. */
static void test_hostile_attributes(void)
{
    static const char *const names[] = { "minimum", "units" };
    static const double many[64] = { 1 };
    struct text whole = { 0 };
    text_read_file(&whole, letters_path("whole/results.h5"), 1 << 24);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = letters_path("hostile.h5");
        hsize_t n = sizeof many / sizeof *many;
        text_write_file(path, whole.s, whole.len);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(1, &n, NULL);
        H5Adelete_by_name(file, "/metric/distinct_1", names[i], H5P_DEFAULT);
        hid_t at = H5Acreate_by_name(file, "/metric/distinct_1", names[i], H5T_IEEE_F64LE, space, H5P_DEFAULT,
                                     H5P_DEFAULT, H5P_DEFAULT);
        check(at >= 0 && H5Awrite(at, H5T_NATIVE_DOUBLE, many) >= 0, "%s is made an array", names[i]);
        H5Aclose(at);
        H5Sclose(space);
        H5Fclose(file);
        struct results *r = results_open(path);
        check(!r && strstr(err_text(), names[i]), "%s as an array is refused: %s", names[i], err_text());
        results_close(r);
    }
    text_free(&whole);
}

int main(void)
{
    letters_open();
    struct plan *p = letters_plan(letters_script, NULL);
    check(p && run(p, "whole", (struct run_options){ .threads = 1 }) == 0, "the whole run: %s", err_text());
    struct results *r = results_open(letters_path("whole"));
    check(r != NULL, "its results: %s", r ? "" : err_text());
    if (p && r) {
        test_scores(r);
        test_traces(r);
        test_fit(r);
        test_repeats(r);
        test_ways(p);
        test_bytes();
        test_interrupted(p);
        test_torn(p);
        test_damaged_segments(p);
        test_refusals(p);
        test_failures();
        test_shards_with_failures();
        test_shard_meets_damage(p);
        test_extend_interrupted();
        test_failed_once(p);
        test_damaged_results();
        test_hostile_attributes();
    }
    results_close(r);
    plan_free(p);
    letters_close();
    return check_done("run");
}

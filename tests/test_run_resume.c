/* Runs that are interrupted, torn, damaged, extended, shared by shards, or that fail: what is there at the end is what an
 * undisturbed run leaves, or a message.  The numbers: test_run. */
#include "base/err.h"
#include "experiments/h5.h"
#include "experiments/journal.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "experiments/unit.h"
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
        rc = letters_run(p, "stopped", o);
        times++;
        if (times == 2) {
            struct results *r = results_open(letters_path("stopped"));
            check(r != NULL, "an interrupted run can be read: %s", r ? "" : err_text());
            results_close(r);
        }
        if (times == 3) { /* from here on it may go on for a while */
            signalled = 0;
            rc = letters_run(p, "stopped", (struct run_options){ .threads = 1 });
        }
    }
    check(rc == 0 && times >= 3, "in the end it is done (%d times): %s", times, err_text());
    same_results(letters_path("whole"), letters_path("stopped"), "interrupted");
}

/* What SIGKILL leaves: a journal that ends anywhere. */
static void test_torn(const struct plan *p)
{
    struct text whole = { 0 }, plan = letters_read(letters_path("whole/plan.json"));
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
        check(letters_run(p, "torn", (struct run_options){ .threads = 1 }) == 0, "cut at %zu: %s", n, err_text());
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
    check(letters_run(p, "sealed", small) == 0, "small segments: %s", err_text());
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
    check(letters_run(other, "t2", extend) == ERR_USAGE && strstr(err_text(), "'duet' has changed"), "another plan: %s",
          err_text());
    check(letters_run(less, "t2", extend) == ERR_USAGE && strstr(err_text(), "draws: 3 -> 2"), "a smaller plan: %s",
          err_text());
    check(letters_run(more, "t2", plain) == ERR_USAGE && strstr(err_text(), "--extend"), "a larger plan: %s",
          err_text());
    check(letters_run(more, "t2", extend) == 0, "extended: %s", err_text());
    check(letters_run(more, "more", plain) == 0, "at once: %s", err_text());
    same_results(letters_path("t2"), letters_path("more"), "extended");
    int lock = journal_lock(letters_path("t2"), "lock");
    check(letters_run(more, "t2", plain) == ERR_LOCKED, "locked: %s", err_text());
    close(lock);
    check(letters_run(p, "../../proc/none/x", plain) == ERR_IO, "no folder: %s", err_text());
    check(letters_run(p, "x", (struct run_options){ .threads = 1, .shard = 4, .n_shards = 3 }) == ERR_USAGE, "%s",
          err_text());
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
    check(p && letters_run(p, "failed", (struct run_options){ .threads = 1 }) == ERR_SOME, "some fail: %s", err_text());
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

/* bug: units that could not begin were all tried before a signal was looked at, or the journal written */
static void test_interrupted_failures(void)
{
    static const char script[] =
        "experiment { name = 'f', evalsets = { 'DIR/dull' }, limit = { bytes = 5 }, draws = 50,\n"
        "  arms = { { lm = model 'table:n=4,length=9' } } }\n";
    struct stopper s = { .after = 1 };
    struct run_options o = {
        .threads = 1, .batch = 4, .progress = stop_after, .progress_ctx = &s, .signal = &signalled
    };
    struct run_compacted c;
    letters_set("dull", "generate", "distinct_1", "{\"id\":\"bad\",\"lang\":\"en\",\"text\":\"xyz\"}\n");
    struct plan *p = letters_plan(script, NULL);
    signalled = 0;
    check(p && letters_run(p, "dull", o) == ERR_SIGINT, "interrupted: %s", err_text());
    signalled = 0;
    check(run_compact(letters_path("dull"), NULL, NULL, &c) == 0 && c.failed == 4 && c.missing == 50,
          "a batch was tried: %llu of %llu", (unsigned long long)c.failed, (unsigned long long)c.missing);
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
        some +=
            letters_run(p, "bad_shards", (struct run_options){ .threads = 1, .shard = s, .n_shards = 2 }) == ERR_SOME;
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
    check(letters_run(p, "shards", (struct run_options){ .threads = 1 }) == 0, "the whole run heals it: %s",
          err_text());
    same_results(letters_path("whole"), letters_path("shards"), "healed shards");
    text_free(&s);
}

/* bug: after an interrupted --extend the results of the smaller plan were taken for the larger one's */
static void test_extend_interrupted(void)
{
    const char *const two[] = { "draws=2" }, *const nine[] = { "draws=9" };
    struct plan *less = letters_plan(letters_script, &(struct plan_options){ .sets = two, .n_sets = 1 });
    struct plan *more = letters_plan(letters_script, &(struct plan_options){ .sets = nine, .n_sets = 1 });
    check(letters_run(less, "grown", (struct run_options){ .threads = 1 }) == 0, "%s", err_text());
    signalled = SIGINT;
    struct run_options extend = { .threads = 1, .extend = true, .signal = &signalled };
    check(letters_run(more, "grown", extend) == ERR_SIGINT && !there("grown/results.h5"), "interrupted at once: %s",
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
    struct text plan = letters_read(letters_path("whole/plan.json")), t = { 0 };
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
    check(letters_run(p, "once", (struct run_options){ .threads = 1 }) == 0, "they are tried again: %s", err_text());
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

/* bug: in a folder that holds another plan a run removed every empty file of a name that ends in ".seg", then refused it */
static void test_sweeps_only_its_own(const struct plan *p)
{
    static const char *const left[] = { "swept/journal/run-000007.seg", "swept/journal/shard001-000001.seg",
                                        "swept/plan.json.x.part", "swept/results.h5.x.tmp" };
    static const char note[] = "swept/journal/notes.seg";
    const char *const log[] = { "rule=log" };
    struct plan *other = letters_plan(letters_script, &(struct plan_options){ .sets = log, .n_sets = 1 });
    check(letters_run(other, "swept", (struct run_options){ .threads = 1 }) == 0, "%s", err_text());
    letters_write(letters_path(note), "");
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        letters_write(letters_path(left[i]), "");
    check(letters_run(p, "swept", (struct run_options){ .threads = 1 }) == ERR_USAGE, "another plan: %s", err_text());
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        check(there(left[i]), "%s stays in a folder that is not ours", left[i]);
    check(letters_run(other, "swept", (struct run_options){ .threads = 1 }) == 0, "%s", err_text());
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        check(!there(left[i]), "%s is swept", left[i]);
    check(there(note), "what no run made stays");
    plan_free(other);
}

/* Puts a link in place of the journal while a run writes it. */
static void link_journal(void *ctx, const struct run_progress *p)
{
    bool *linked = ctx;
    (void)p;
    if (!*linked)
        *linked = rename(letters_path("linked/journal"), letters_path("linked/moved")) == 0 &&
                  symlink("moved", letters_path("linked/journal")) == 0;
}

/* bug: a journal that could not be opened was an I/O error whatever the reason */
static void test_linked_meanwhile(const struct plan *p)
{
    const char *const two[] = { "draws=2" };
    struct plan *less = letters_plan(letters_script, &(struct plan_options){ .sets = two, .n_sets = 1 });
    check(letters_run(less, "linked", (struct run_options){ .threads = 1 }) == 0, "%s", err_text());
    struct text s = letters_read(letters_path("linked/journal/run-000001.seg"));
    s.s[s.len / 3] ^= 1; /* found by the compaction, after which the journal is opened once more */
    text_write_file(letters_path("linked/journal/run-000001.seg"), s.s, s.len);
    bool linked = false;
    int rc = letters_run(
        p, "linked",
        (struct run_options){ .threads = 1, .extend = true, .progress = link_journal, .progress_ctx = &linked });
    check(linked && rc == ERR_DATA && strstr(err_text(), "journal: a symbolic link"), "%d: %s", rc, err_text());
    text_free(&s);
    plan_free(less);
}

/* What is resumed, extended and damaged: the plan run undisturbed, and by shards. */
static bool run_all(const struct plan *p)
{
    bool ran = letters_run(p, "whole", (struct run_options){ .threads = 1 }) == 0 &&
               letters_run(p, "t2", (struct run_options){ .threads = 2 }) == 0;
    for (uint32_t s = 1; s <= 3 && ran; s++)
        ran = letters_run(p, "shards", (struct run_options){ .threads = 1, .shard = s, .n_shards = 3 }) == 0;
    return ran;
}

int main(void)
{
    letters_open();
    struct plan *p = letters_plan(letters_script, NULL);
    check(p && run_all(p), "the runs: %s", err_text());
    if (p) {
        test_interrupted(p);
        test_torn(p);
        test_damaged_segments(p);
        test_refusals(p);
        test_failures();
        test_interrupted_failures();
        test_shards_with_failures();
        test_shard_meets_damage(p);
        test_extend_interrupted();
        test_failed_once(p);
        test_sweeps_only_its_own(p);
        test_linked_meanwhile(p);
        test_damaged_results();
        test_hostile_attributes();
    }
    plan_free(p);
    letters_close();
    return check_done("run_resume");
}

/* Two processes on one run: the second is refused with 6 and does no harm; shards share a run; a report may be made of a
 * run that goes on; and a lock that cannot be written is an I/O error. */
#include "tests/lib/check.h"
#include "tests/lib/disk.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOY CHORALE_HOME "/tests/fixtures/store"

/* Stopped in the midst of its units, of its compaction. */
static pid_t start_stopped(const char *out, const char *match, const char *at)
{
    char set_match[64], set_at[64];
    snprintf(set_match, sizeof set_match, "SHIM_MATCH=%s", match);
    snprintf(set_at, sizeof set_at, "SHIM_AT=%s", at);
    pid_t pid =
        store_start(out, STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", "SHIM_FAULT=stop", set_match, set_at, "--batch=3"));
    check(store_stopped(pid), "%s is stopped at its call %s to %s", out, at, match);
    return pid;
}

static void go_on(pid_t pid, const char *out)
{
    kill(pid, SIGCONT);
    struct store_end end = store_wait(pid, out);
    check(end.status == 0, "%s, let go: status %d: %s", out, end.status, end.message);
    check(store_same(out), "%s, let go: %s", out, h5same_difference());
}

static void second_is_refused(const char *match, const char *at)
{
    store_remove("trial");
    pid_t first = start_stopped("trial", match, at);
    pid_t pid = store_start("trial", STORE_PLAIN);
    struct store_end second = store_wait(pid, "trial");
    check(second.status == 6, "the second: status %d, want 6: %s", second.status, second.message);
    check(strstr(second.message, store_path("trial")), "the refusal names the run: %s", second.message);
    second = store_run("trial", STORE_SETTINGS("--shard=1/2"));
    check(second.status == 6, "a shard beside a whole run: status %d, want 6: %s", second.status, second.message);
    go_on(first, "trial");
}

static void report_while_running(void)
{
    store_remove("trial");
    pid_t first = start_stopped("trial", ".seg", "12");
    char to[600];
    snprintf(to, sizeof to, "--out=%s", store_aside("report"));
    struct store_end end = store_run("report", STORE_SETTINGS("-", "report", store_path("trial"), to));
    check(end.status == 0, "a report of a run that goes on: status %d: %s", end.status, end.message);
    check(disk_exists(store_aside("report"), "index.html"), "it has a page");
    check(!disk_exists(store_path("trial"), "results.h5"), "the run has no results yet");
    go_on(first, "trial");
}

/* Shards one after the other, at the same time, and one of them twice. */
static void shards(void)
{
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS("--shard=1/3"));
    check(end.status == 0 && !disk_exists(store_path("trial"), "results.h5"), "the first of three: status %d: %s",
          end.status, end.message);
    pid_t two = store_start("trial", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", "SHIM_FAULT=stop", "SHIM_MATCH=.seg",
                                                    "SHIM_AT=3", "--shard=2/3"));
    check(store_stopped(two), "the second is stopped");
    end = store_run("trial", STORE_SETTINGS("--shard=2/3"));
    check(end.status == 6, "the second shard again: status %d, want 6: %s", end.status, end.message);
    end = store_run("trial", STORE_PLAIN);
    check(end.status == 6, "a whole run beside a shard: status %d, want 6: %s", end.status, end.message);
    end = store_run("trial", STORE_SETTINGS("--shard=3/3"));
    check(end.status == 0, "the third beside the second: status %d: %s", end.status, end.message);
    go_on(two, "trial");
    for (int i = 1; i <= 2; i++) {
        char shard[32];
        snprintf(shard, sizeof shard, "--shard=%d/2", i);
        store_remove(i == 1 ? "trial" : "none");
        end = store_run("trial", STORE_SETTINGS("SHIM_FAULT=kill", "SHIM_MATCH=.seg", "SHIM_AT=2", shard));
        check(end.signalled, "shard %d of 2 is killed", i);
    }
    store_heals("trial", "a whole run over what two killed shards left");
}

/* The shards that finish last both find the run complete, and both write its results. */
static void shards_compact_together(void)
{
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS("--shard=1/2"));
    check(end.status == 0, "the first of two: status %d: %s", end.status, end.message);
    pid_t two =
        store_start("trial", STORE_SETTINGS("SHIM_FAULT=pause", "SHIM_MATCH=results.h5", "SHIM_AT=20", "--shard=2/2"));
    struct timespec pause = { 0, store_sanitized() ? 700000000 : 300000000 };
    nanosleep(&pause, NULL);
    end = store_run("one", STORE_SETTINGS("-", "run", TOY "/toy.lua", "--set=dir=" TOY, "--threads=1", "--no-report",
                                          "--shard=1/2", "--out", store_path("trial")));
    check(end.status == 0, "the first again, while the second writes the results: status %d: %s", end.status,
          end.message);
    check(store_same("trial"), "the results of the first: %s", h5same_difference());
    go_on(two, "trial");
}

/* bug: shards of different plans that began together both found no plan: both wrote theirs, both ended with 0, and what the
 * first computed was nobody's. */
static void shards_of_two_plans(void)
{
    struct timespec pause = { 0, 300000000 };
    store_remove("trial");
    pid_t one =
        store_start("trial", STORE_SETTINGS("SHIM_FAULT=stop", "SHIM_MATCH=plan.json.", "SHIM_AT=1", "--shard=1/2"));
    check(store_stopped(one), "the first is stopped before its plan is there");
    pid_t two =
        store_start("one", STORE_SETTINGS("-", "run", TOY "/toy.lua", "--set=dir=" TOY, "--threads=1", "--no-report",
                                          "--limit=1", "--shard=2/2", "--out", store_path("trial")));
    nanosleep(&pause, NULL);
    kill(one, SIGCONT);
    struct store_end end = store_wait(one, "trial");
    check(end.status == 0, "the first, let go: status %d: %s", end.status, end.message);
    end = store_wait(two, "one"); /* a file of its own for what it says */
    check(end.status == 2 && strstr(end.message, "'gen/two' is gone"), "the second: status %d, want 2: %s", end.status,
          end.message);
    store_heals("trial", "a whole run of the first's plan");
}

/* bug: a run whose folder was moved away while it was at work ended with 0 over the run that had begun in its place. */
static void moved_away(const char *to, const char *setting)
{
    store_remove("trial");
    pid_t one = start_stopped("trial", ".seg", "1");
    check(rename(store_path("trial"), store_aside(to)) == 0, "the folder is moved");
    struct store_end end = store_run("trial", STORE_SETTINGS(setting));
    check(end.status == 0, "another run in its place: status %d: %s", end.status, end.message);
    kill(one, SIGCONT);
    end = store_wait(one, "trial");
    check(end.status == 4 && strstr(end.message, "moved or replaced"), "the first: status %d, want 4: %s", end.status,
          end.message);
    end = store_run("trial", STORE_SETTINGS(setting));
    check(end.status == 0, "the other goes on: status %d: %s", end.status, end.message);
}

static void unwritable_lock(void)
{
    store_remove("trial");
    struct store_end end =
        store_run("trial", STORE_SETTINGS("SHIM_FAULT=eacces", "SHIM_ON=create", "SHIM_MATCH=/lock"));
    check(end.status == 4 && strstr(end.message, "lock"), "a lock that cannot be made: status %d: %s", end.status,
          end.message);
    store_remove("trial");
    char lock[600];
    snprintf(lock, sizeof lock, "%s/lock", store_path("trial"));
    mkdir(store_path("trial"), 0777);
    mkdir(lock, 0777);
    end = store_run("trial", STORE_PLAIN);
    check(end.status == 4 && strstr(end.message, "lock"), "a folder in the lock's place: status %d: %s", end.status,
          end.message);
    rmdir(lock);
    store_heals("trial", "with the lock's place free");
}

int main(void)
{
    store_open("store_lock");
    second_is_refused(".seg", "12");
    second_is_refused("results.h5.", "5");
    report_while_running();
    shards();
    shards_compact_together();
    shards_of_two_plans();
    moved_away("moved", "--limit=1");
    moved_away("moved too", "--batch=2"); /* of the same plan */
    unwritable_lock();
    store_close();
    return check_done("store_lock");
}

/* A disk that fails: full at ten sizes, I/O errors at every write and sync, calls that are refused, short and interrupted
 * ones, a folder that may only be read.  The program ends with 4 and a message with the file and the cause; what was
 * acknowledged stays; and when the disk is well, the same command ends as if nothing had been. */
#include "tests/lib/acked.h"
#include "tests/lib/check.h"
#include "tests/lib/disk.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct acked acked, now;
static size_t n_trials, n_failed, n_lost, n_differ;

static void begin(void)
{
    n_trials = n_failed = n_lost = n_differ = 0;
}

static void finish(const char *name)
{
    printf("%s: %zu trials, %zu ended with 4, %zu acknowledged frames lost, %zu differ\n", name, n_trials, n_failed,
           n_lost, n_differ);
}

static const char *log_setting(void)
{
    static char setting[600];
    unlink(store_aside("log"));
    snprintf(setting, sizeof setting, "SHIM_LOG=%s", store_aside("log"));
    return setting;
}

/* After a disturbed run into "trial": it ended with 4 and its message says why, or was not touched by the fault at all. */
static void judge_end(const char *what, const struct store_end *end, const char *cause)
{
    n_trials++;
    n_failed += end->status == 4;
    check(end->status == 4 || (end->status == 0 && store_same("trial")), "%s: status %d: %s", what, end->status,
          end->message);
    if (end->status != 4)
        return;
    check(strstr(end->message, "chorale: ") && strstr(end->message, store_path("trial")),
          "%s: the message names no file: %s", what, end->message);
    /* HDF5 does not hand on the cause as such; what was being written it does say */
    check(strstr(end->message, cause) || strstr(end->message, "results.h5"), "%s: the message does not say '%s': %s",
          what, cause, end->message);
}

static void judge_kept(const char *what)
{
    acked_by_log(&acked, store_aside("log"), "/trial/", store_aside("acked"));
    acked_read(&now, store_path("trial"));
    size_t lost = acked_lost(&acked, acked.n, &now);
    n_lost += lost;
    check(lost == 0, "%s: %zu of %zu acknowledged frames are lost", what, lost, acked.n);
}

static void judge_cured(const char *what)
{
    struct store_end end = store_run("trial", STORE_PLAIN);
    bool same = end.status == 0 && store_same("trial");
    n_differ += !same;
    check(same, "%s: the same command again: status %d: %s %s", what, end.status, end.message, h5same_difference());
}

static void fault_at(const char *fault, const char *on, size_t at, const char *cause)
{
    char what[128], set_fault[64], set_on[64], set_at[64];
    snprintf(what, sizeof what, "%s at %s %zu", fault, on, at);
    snprintf(set_fault, sizeof set_fault, "SHIM_FAULT=%s", fault);
    snprintf(set_on, sizeof set_on, "SHIM_ON=%s", on);
    snprintf(set_at, sizeof set_at, "SHIM_AT=%zu", at);
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS(log_setting(), "SHIM_CLOCK_SCALE=1000000", set_fault,
                                                             set_on, set_at, "SHIM_MATCH=/trial", "--batch=3"));
    judge_end(what, &end, cause);
    judge_kept(what);
    judge_cured(what);
}

/* The fault at every such call of the run, or at so many of them. */
static void fault_everywhere(const char *fault, const char *on, size_t calls, const char *cause)
{
    char name[64];
    size_t n = store_trials(6, calls);
    begin();
    for (size_t i = 0; i < n && i < calls; i++)
        fault_at(fault, on, 1 + (n >= calls ? i : i * calls / n), cause);
    snprintf(name, sizeof name, "%s on %s", fault, on);
    finish(name);
}

/* What writes results.h5 dies: of a fault of its own, or killed for want of memory. */
static void writer_dies(const char *fault)
{
    char set_fault[64], what[128];
    size_t n = store_trials(3, 100);
    snprintf(set_fault, sizeof set_fault, "SHIM_FAULT=%s", fault);
    begin();
    for (size_t i = 0; i < n; i++) {
        char at[64];
        snprintf(at, sizeof at, "SHIM_AT=%zu", 1 + i * 100 / n);
        snprintf(what, sizeof what, "%s at write %zu to results.h5", fault, 1 + i * 100 / n);
        store_remove("trial");
        struct store_end end = store_run(
            "trial", STORE_SETTINGS(log_setting(), "SHIM_CLOCK_SCALE=1000000", set_fault, at, "SHIM_MATCH=results.h5",
                                    "--batch=3", "ASAN_OPTIONS=verify_asan_link_order=0:handle_segv=0"));
        check(!end.signalled && (end.status == 4 || end.status == 5), "%s: status %d: %s", what, end.status,
              end.message);
        check(strstr(end.message, "results.h5"), "%s: the message names no file: %s", what, end.message);
        n_trials++;
        n_failed += end.status == 4;
        judge_kept(what);
        judge_cured(what);
    }
    snprintf(what, sizeof what, "%s while writing results.h5", fault);
    finish(what);
}

/* Nothing fails, but every second call wants to be called again. */
static void harmless(const char *fault, const char *on, const char *match)
{
    size_t n = store_trials(4, 100);
    char set_fault[64], set_on[64], set_match[64], seed[64], what[128];
    begin();
    for (size_t i = 0; i < n; i++, n_trials++) {
        snprintf(what, sizeof what, "%s on %s, seed %zu", fault, on, i + 1);
        snprintf(set_fault, sizeof set_fault, "SHIM_FAULT=%s", fault);
        snprintf(set_on, sizeof set_on, "SHIM_ON=%s", on);
        snprintf(set_match, sizeof set_match, "SHIM_MATCH=%s", match);
        snprintf(seed, sizeof seed, "SHIM_SEED=%zu", i + 1);
        store_remove("trial");
        struct store_end end = store_run(
            "trial", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", set_fault, set_on, seed, set_match, "--batch=3"));
        bool same = end.status == 0 && store_same("trial");
        n_failed += end.status == 4;
        n_differ += !same;
        check(same, "%s: status %d: %s %s", what, end.status, end.message, h5same_difference());
    }
    snprintf(what, sizeof what, "%s on %s", fault, on);
    finish(what);
}

static bool mount_trial(const char *options, unsigned long flags)
{
    store_remove("trial");
    return (mkdir(store_path("trial"), 0777) == 0 || errno == EEXIST) &&
           mount("chorale", store_path("trial"), "tmpfs", flags, options) == 0;
}

static bool remount_trial(const char *options, unsigned long flags)
{
    return mount("chorale", store_path("trial"), "tmpfs", MS_REMOUNT | flags, options) == 0;
}

static const unsigned kib[] = { 4, 8, 12, 16, 20, 28, 60, 120, 180, 220 };
enum { N_SIZES = sizeof kib / sizeof *kib };

static void full_mounted(void)
{
    char options[64], what[64];
    begin();
    for (size_t i = 0; i < N_SIZES; i++) {
        snprintf(options, sizeof options, "size=%uk", kib[i]);
        snprintf(what, sizeof what, "a disk of %u KiB", kib[i]);
        check(mount_trial(options, 0), "mount %s: %s", what, strerror(errno));
        struct store_end end =
            store_run("trial", STORE_SETTINGS(log_setting(), "SHIM_CLOCK_SCALE=1000000", "--batch=3"));
        check(end.status == 4, "%s: status %d", what, end.status);
        judge_end(what, &end, "No space left");
        judge_kept(what);
        check(remount_trial("size=4m", 0), "a larger disk: %s", strerror(errno));
        judge_cured(what);
        umount(store_path("trial"));
    }
    finish("disk full, mounted");
}

static void full_shimmed(void)
{
    char bytes[64], what[64];
    begin();
    for (size_t i = 0; i < N_SIZES; i++) {
        snprintf(bytes, sizeof bytes, "SHIM_BYTES=%u", kib[i] * 1024 - 100);
        snprintf(what, sizeof what, "%u KiB left", kib[i]);
        store_remove("trial");
        struct store_end end = store_run(
            "trial", STORE_SETTINGS(log_setting(), "SHIM_CLOCK_SCALE=1000000", "SHIM_FAULT=full", bytes, "--batch=3"));
        check(end.status == 4, "%s: status %d", what, end.status);
        judge_end(what, &end, "No space left");
        judge_kept(what);
        judge_cured(what);
    }
    finish("disk full, shim");
}

/* Results there, the report not: full only then. */
static void full_report(void)
{
    store_copy("whole", "trial");
    struct store_end end = store_run(
        "trial", STORE_SETTINGS(log_setting(), "STORE_REPORT=1", "SHIM_FAULT=enospc", "SHIM_MATCH=/trial/report"));
    check(end.status == 4 && strstr(end.message, "No space left") && strstr(end.message, "/report"),
          "no room for the report: status %d: %s", end.status, end.message);
    check(store_same("trial"), "the results stay: %s", h5same_difference());
    check(!disk_exists(store_path("trial"), "report/index.html"), "no half-written page");
}

static void read_only(void)
{
    store_remove("trial");
    if (!mount_trial("size=4m", 0))
        return;
    struct store_end end =
        store_run("trial", STORE_SETTINGS(log_setting(), "SHIM_CLOCK_SCALE=1000000", "SHIM_FAULT=int",
                                          "SHIM_MATCH=.seg", "SHIM_AT=8", "--batch=3"));
    check(end.status == 130, "interrupted: status %d: %s", end.status, end.message);
    check(remount_trial("size=4m", MS_RDONLY), "read-only: %s", strerror(errno));
    end = store_run("trial", STORE_PLAIN);
    begin();
    check(end.status == 4, "a read-only folder: status %d", end.status);
    judge_end("a read-only folder", &end, "Read-only");
    check(remount_trial("size=4m", 0), "writable again: %s", strerror(errno));
    judge_kept("a read-only folder");
    judge_cured("a read-only folder");
    umount(store_path("trial"));
    finish("read-only folder");
}

static bool may_mount(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        !mount_trial("size=64k", 0))
        return false;
    umount(store_path("trial"));
    return true;
}

int main(void)
{
    store_open("store_disk");
    if (may_mount()) {
        full_mounted();
        read_only();
    } else {
        printf("store_disk: no right to mount a small disk: the shim stands in for it\n");
    }
    full_shimmed();
    full_report();
    fault_everywhere("enospc", "write", 150, "No space left");
    fault_everywhere("enospc", "create", 5, "No space left");
    fault_everywhere("eio", "write", 150, "Input/output error");
    fault_everywhere("eio", "sync", 40, "Input/output error");
    fault_everywhere("eio", "rename", 2, "Input/output error");
    fault_everywhere("eacces", "create", 5, "Permission denied");
    fault_everywhere("erofs", "create", 5, "Read-only");
    fault_everywhere("erofs", "mkdir", 2, "Read-only");
    fault_everywhere("eio", "truncate", 3, "Input/output error");
    writer_dies("crash");
    writer_dies("killed");
    harmless("short", "write", "/trial");
    harmless("eintr", "write", "/trial");
    harmless("eintr", "sync", "/trial");
    harmless("eintr", "create", "lock|plan.json|.seg"); /* HDF5 opens its file itself, and once */
    store_close();
    return check_done("store_disk");
}

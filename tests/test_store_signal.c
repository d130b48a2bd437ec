/* SIGINT, SIGTERM and SIGHUP: the run closes cleanly (130, 143, 143), says that the same command resumes, has sealed its journal, and
 * that command ends as if nothing had been.  While fitting, computing, judging, compacting and reporting; a second SIGINT
 * or SIGTERM stops at once. */
#include "tests/lib/acked.h"
#include "tests/lib/check.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SEED 20261129u

static uint64_t state = SEED;
static struct acked now;
static size_t n_trials, n_differ;

static size_t draw(size_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (size_t)((state >> 11) % below);
}

static void heal(const char *what)
{
    struct store_end end = store_run("trial", STORE_PLAIN);
    bool same = end.status == 0 && store_same("trial");
    n_differ += !same;
    check(same, "%s: the same command again: status %d: %s %s", what, end.status, end.message, h5same_difference());
}

/* The signal comes just before the call: an operation (on) on a file of the run whose name holds match. */
static void signal_at(const char *phase, const char *fault, const char *match, size_t at)
{
    char what[128], set_fault[64], set_match[64], set_at[64];
    int status = strcmp(fault, "int") == 0 ? 130 : 143;
    snprintf(what, sizeof what, "SIG%s %s (%s, %zu)", fault, phase, match, at);
    snprintf(set_fault, sizeof set_fault, "SHIM_FAULT=%s", fault);
    snprintf(set_match, sizeof set_match, "SHIM_MATCH=%s", match);
    snprintf(set_at, sizeof set_at, "SHIM_AT=%zu", at);
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", "STORE_REPORT=1", set_fault,
                                                             "SHIM_ON=any", set_match, set_at, "--batch=3"));
    check(end.status == status, "%s: status %d, want %d: %s", what, end.status, status, end.message);
    /* the report is derived: when all else is on the disk, a signal may end the program as it ends any other */
    bool reporting = strcmp(match, "/report") == 0 || strcmp(match, "/figures") == 0;
    check(!end.signalled || reporting, "%s: not a clean close", what);
    check(reporting || strstr(end.message, "resumes"), "%s: nothing is said of resuming: '%s'", what, end.message);
    check(!reporting || store_same("trial"), "%s: the results are not there: %s", what, h5same_difference());
    acked_read(&now, store_path("trial"));
    check(now.n_damage == 0, "%s: the journal is not closed cleanly", what);
    heal(what);
    n_trials++;
}

static void in_every_phase(const char *fault)
{
    signal_at("before anything", fault, "/plan.json", 1);
    signal_at("while fitting", fault, "run-000001.seg", 1);
    signal_at("with the fit's frame", fault, "run-000001.seg", 3);
    signal_at("while computing", fault, "run-000001.seg", 9);
    signal_at("while judging", fault, "run-000001.seg", 36);
    signal_at("while compacting", fault, "results.h5.", 2);
    signal_at("in the midst of compacting", fault, "results.h5.", 60);
    signal_at("while reporting", fault, "/report", 2);
    signal_at("while drawing", fault, "/figures", 5);
}

/* A terminal that closes may send it twice: the second, unlike others, stops nothing at once. */
static void terminal_closes(void)
{
    signal_at("while computing", "hup", "run-000001.seg", 9);
    signal_at("twice while computing", "hup2", "run-000001.seg", 12);
    signal_at("while compacting", "hup", "results.h5.", 60);
    signal_at("while reporting", "hup", "/report", 2);
}

static void at_any_call(void)
{
    size_t n = store_trials(8, 400);
    for (size_t i = 0; i < n; i++)
        signal_at("at any call", i % 2 ? "term" : "int", "/trial", 3 + draw(110));
}

/* Two at once: it ends at once, and what was acknowledged stays. */
static void twice(const char *fault, int status)
{
    char set_fault[64];
    snprintf(set_fault, sizeof set_fault, "SHIM_FAULT=%s", fault);
    store_remove("trial");
    struct store_end end = store_run(
        "trial", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", set_fault, "SHIM_MATCH=.seg", "SHIM_AT=12", "--batch=3"));
    check(!end.signalled && end.status == status, "%s: status %d, want %d: %s", fault, end.status, status, end.message);
    acked_read(&now, store_path("trial"));
    check(now.n >= 11, "%s: %zu frames are in the journal", fault, now.n);
    heal(fault);
    n_trials++;
}

/* At random times, not only at calls. */
static void at_any_time(void)
{
    size_t n = store_trials(12, 300);
    for (size_t i = 0; i < n; i++) {
        int number = i % 2 ? SIGTERM : SIGINT;
        struct timespec pause = { 0, (long)(15000000 + draw(store_sanitized() ? 200000000 : 30000000)) };
        store_remove("trial");
        pid_t pid = store_start("trial", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", "--batch=3"));
        nanosleep(&pause, NULL);
        kill(pid, number);
        struct store_end end = store_wait(pid, "trial");
        /* before its handlers are there a signal ends it as any program; at its very end it is too late */
        bool ok = end.status == 128 + number || end.status == 0;
        check(ok, "signal %d after %ld us: status %d: %s", number, pause.tv_nsec / 1000, end.status, end.message);
        acked_read(&now, store_path("trial"));
        check(end.signalled || now.n_damage == 0, "signal %d after %ld us: the journal is not closed cleanly", number,
              pause.tv_nsec / 1000);
        heal("at any time");
        n_trials++;
    }
}

int main(void)
{
    store_open("store_signal");
    in_every_phase("int");
    in_every_phase("term");
    terminal_closes();
    at_any_call();
    at_any_time();
    twice("int2", 130);
    twice("term2", 143);
    printf("signals: %zu trials, seed %u, %zu differ\n", n_trials, SEED, n_differ);
    store_close();
    return check_done("store_signal");
}

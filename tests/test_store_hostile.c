/* Things in the journal's folder that are no segments of ours: the run goes on over them or says what is in the way, and
 * never hangs.  What the other segments hold is kept. */
#include "experiments/journal.h"
#include "tests/lib/check.h"
#include "tests/lib/disk.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INTRUDER "journal/zz-000001.seg"
#define PATIENCE (store_sanitized() ? 30.0 : 8.0) /* seconds for what takes milliseconds without the intruder */

static const char *intruder(void)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/" INTRUDER, store_path("trial"));
    return path;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A finished run whose results are to be written again. */
static void begin(void)
{
    store_copy("whole", "trial");
    disk_remove(store_path("trial"), "results.h5");
}

static void judge(const char *what, int status)
{
    double start = now();
    struct store_end end = store_run("trial", STORE_PLAIN);
    double took = now() - start;
    check(took < PATIENCE, "%s: %g s", what, took);
    check(end.status == status, "%s: status %d, want %d: %s", what, end.status, status, end.message);
    check(strstr(end.message, "zz-000001.seg"), "%s: nothing is said of it: '%s'", what, end.message);
    if (status == 0)
        check(end.status == 0 && store_same("trial"), "%s: other datasets: %s", what, h5same_difference());
    remove(intruder());
    store_heals("trial", what);
}

/* n bytes, one header (magic, length, no head) after the other, each with its length reaching as far as it can: whoever hashes them all takes the
 * square of n. */
static void write_headers(size_t n)
{
    uint8_t *s = calloc(n, 1);
    for (size_t at = 0; at + JOURNAL_HEADER <= n; at += 12) {
        uint32_t length = (uint32_t)(n - at - JOURNAL_HEADER);
        memcpy(s + at, "CHRM", 4);
        memcpy(s + at + 4, &length, 4);
    }
    disk_write(store_path("trial"), INTRUDER, s, n);
    free(s);
}

static void write_noise(size_t n)
{
    uint8_t *s = malloc(n);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        s[i] = (uint8_t)(x >> 24);
    }
    disk_write(store_path("trial"), INTRUDER, s, n);
    free(s);
}

/* bug: a pipe in place of the plan was waited for, for ever */
static void judge_plan(void)
{
    char path[600];
    begin();
    disk_remove(store_path("trial"), "plan.json");
    snprintf(path, sizeof path, "%s/plan.json", store_path("trial"));
    check(mkfifo(path, 0666) == 0, "a pipe");
    double start = now();
    struct store_end end = store_run("trial", STORE_PLAIN);
    check(now() - start < PATIENCE, "a pipe for a plan: %g s", now() - start);
    check(end.status == 3 && strstr(end.message, "plan.json: no plain file, want a regular file"), "status %d: %s",
          end.status, end.message);
}

/* bug: a link in place of the journal, or of a lock, led what we write out of the folder */
static void judge_links(void)
{
    char link[600], target[600];
    begin();
    snprintf(link, sizeof link, "%s/journal", store_path("trial"));
    snprintf(target, sizeof target, "%s", store_path("elsewhere"));
    check(rename(link, target) == 0 && symlink(target, link) == 0, "a link for a journal");
    disk_write(target, "run-000999.seg", "", 0);
    struct store_end end = store_run("trial", STORE_PLAIN);
    check(end.status == 3 && strstr(end.message, "journal: a symbolic link, want a folder"), "status %d: %s",
          end.status, end.message);
    check(disk_exists(target, "run-000999.seg"), "what it leads to is swept");
    disk_remove(target, "run-000999.seg");
    check(unlink(link) == 0 && rename(target, link) == 0, "the journal again");
    snprintf(link, sizeof link, "%s/lock", store_path("trial"));
    disk_remove(store_path("trial"), "lock");
    check(symlink(target, link) == 0, "a link for a lock");
    end = store_run("trial", STORE_PLAIN);
    check(end.status == 3 && strstr(end.message, "lock: a symbolic link, want a regular file"), "status %d: %s",
          end.status, end.message);
    check(access(target, F_OK) < 0, "a file was made where it leads");
    disk_remove(store_path("trial"), "lock");
    store_heals("trial", "links");
}

int main(void)
{
    store_open("store_hostile");
    judge_plan();
    judge_links();
    begin();
    check(mkdir(intruder(), 0777) == 0, "a folder");
    judge("a folder", 3);
    begin();
    check(symlink("/nowhere", intruder()) == 0, "a link");
    judge("a link to nowhere", 3);
    begin();
    check(mkfifo(intruder(), 0666) == 0, "a pipe");
    judge("a pipe", 3);
    begin();
    check(symlink("/dev/zero", intruder()) == 0, "a device");
    judge("a device without an end", 3);
    begin();
    write_noise(1 << 20);
    judge("noise", 0);
    begin();
    disk_write(store_path("trial"), INTRUDER, "", 0);
    check(truncate(intruder(), 64 << 20) == 0, "zeros");
    judge("64 MiB of zeros", 0);
    begin();
    write_headers(4 << 20);
    judge("a third of a million headers", 0);
    store_close();
    return check_done("store_hostile");
}

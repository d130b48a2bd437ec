/* What stands in a journal's folder when a run begins: every segment that may not be on the disk is synced, what holds nothing
 * is removed where this program made it, and what cannot be listed or opened is an error. */
#include "base/err.h"
#include "experiments/journal.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_FRAMES 6 /* of each segment here */

/* In place of libc's: what is synced is counted. */
static size_t n_syncs;
int fdatasync(int fd)
{
    n_syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

static struct temp_folder at;

static void add(struct journal *j)
{
    check(journal_add(j, "payload", 7, 3) == 0 && journal_commit(j) == 0, "a frame: %s", err_text());
}

static void write_segment(void)
{
    struct journal *j = journal_open(at.path, "run");
    for (int i = 0; i < N_FRAMES; i++)
        add(j);
    check(journal_close(j) == 0, "close: %s", err_text());
}

/* A segment with its seal, which run-000001.seg stays; *cut: its bytes without. */
static struct text begin(size_t *cut)
{
    struct text s = { 0 };
    uint64_t place = 0;
    at = temp_folder_make();
    write_segment();
    check(text_read_file(&s, temp_folder_path(&at, "run-000001.seg"), 1 << 20) == 0 && s.len > 12, "%s", err_text());
    if (s.len > 12)
        memcpy(&place, s.s + s.len - 12, sizeof place); /* the last 12 bytes say where the seal is */
    *cut = (size_t)place;
    return s;
}

static void end(struct text *s)
{
    text_free(s);
    temp_folder_remove(&at);
}

static void put(const char *prefix, size_t number, const struct text *s, size_t n)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%06zu.seg", prefix, number);
    temp_folder_put(&at, name, text_s(s), n);
}

static bool there(const char *name)
{
    return access(temp_folder_path(&at, name), F_OK) == 0;
}

static size_t count_segments(void)
{
    size_t n = 0;
    DIR *d = opendir(at.path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += strstr(e->d_name, ".seg") != NULL;
    if (d)
        closedir(d);
    return n;
}

/* How the reading ended. */
static int count_frames(struct journal_reader *r, size_t *count)
{
    const void *p;
    size_t n;
    int more;
    *count = 0;
    while ((more = journal_next(r, &p, &n)) > 0)
        ++*count;
    journal_read_close(r);
    return more;
}

static size_t count_syncs(void)
{
    n_syncs = 0;
    check(journal_settle(at.path) == 0, "settled: %s", err_text());
    return n_syncs;
}

/* bug: segments of processes that were killed at their start stayed for ever; then only the last of a prefix was synced, or
 * none of it, where a stray name stood behind */
static void test_many_killed(void)
{
    size_t cut, n;
    struct text s = begin(&cut);
    for (size_t i = 1; i <= 60; i++)
        put("run", i, &s, i % 3 ? cut : 0);
    for (size_t i = 1; i <= 5; i++)
        put("shard002", i, &s, cut);
    put("shard003", 1, &s, s.len);
    n = count_syncs();
    check(n == 40 + 5, "what holds something and has no seal is synced: %zu", n);
    temp_folder_put(&at, "run-backup.seg", s.s, cut);
    temp_folder_put(&at, "run-000059.seg.seg", s.s, cut);
    n = count_syncs();
    check(n == 40 + 5 + 2, "so is what has another name: %zu", n);
    journal_sweep(at.path);
    check(count_segments() == 40 + 5 + 1 + 2, "what holds nothing is gone: %zu", count_segments());
    write_segment();
    check(there("run-000060.seg") && !there("run-000003.seg"), "the next stands behind those that are there");
    int rc = count_frames(journal_read(at.path), &n);
    check(rc == 0 && n == (40 + 5 + 1 + 2 + 1) * N_FRAMES, "%zu frames are read", n);
    end(&s);
}

/* A seal with a flipped bit, or cut short, is none. */
static void test_no_whole_seal(void)
{
    size_t cut;
    struct text s = begin(&cut);
    put("run", 1, &s, s.len - 1);
    put("run", 3, &s, s.len);
    s.s[cut + JOURNAL_HEADER] ^= 1;
    put("run", 2, &s, s.len);
    size_t n = count_syncs();
    check(n == 2, "a seal that is not whole is none: %zu", n);
    end(&s);
}

/* bug: shard 1 of 2 and shard 1 of 3 write one prefix at the same time, and only the last of it was synced */
static void test_two_shard_counts(void)
{
    at = temp_folder_make();
    struct journal *of[2] = { journal_open(at.path, "shard001"), journal_open(at.path, "shard001") };
    for (size_t i = 0; i < 4; i++)
        add(of[i % 2]);
    size_t n = count_syncs();
    check(n == 2, "both are synced: %zu", n);
    for (size_t i = 0; i < 2; i++)
        check(journal_close(of[i]) == 0, "%s", err_text());
    n = count_syncs();
    check(n == 0 && count_segments() == 2, "they are sealed: %zu", n);
    int rc = count_frames(journal_read(at.path), &n);
    check(rc == 0 && n == 4, "%zu frames", n);
    temp_folder_remove(&at);
}

/* bug: an empty file of any name that ends so was removed */
static void test_sweep_names(void)
{
    static const char *const ours[] = { "run-000001.seg", "run-1000000.seg", "shard001-000002.seg",
                                        "shard12345-000002.seg" };
    static const char *const others[] = {
        "run-000000.seg",
        "run-00001.seg",
        "run-0000001.seg",
        "run-backup.seg",
        "run-000001.seg.seg",
        "run-.seg",
        "shard1-000001.seg",
        "shard-000001.seg",
        "shard000-1.seg",
        "shard0012-000001.seg",
        "shard001000001.seg",
        "myrun-000001.seg",
        "notes.seg",
        "run-1000000000.seg",
        "-000001.seg",
        "shard001-shard001-000001.seg",
        "run-+00001.seg",
        "shard000-000001.seg",
        ".seg",
    };
    at = temp_folder_make();
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        temp_folder_put(&at, ours[i], "", 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        temp_folder_put(&at, others[i], "", 0);
    journal_sweep(at.path);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        check(!there(ours[i]), "%s is ours", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check(there(others[i]), "%s is none of ours", others[i]);
    temp_folder_remove(&at);
}

/* Only n more descriptors can be had; what the limit was. */
static struct rlimit leave_descriptors(int n)
{
    struct rlimit old, few;
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &old);
    few = (struct rlimit){ (rlim_t)(next + n), old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &few);
    return old;
}

/* bug: a folder that could not be listed was taken for an empty one */
static void test_no_list(void)
{
    size_t cut;
    struct text s = begin(&cut);
    struct rlimit old = leave_descriptors(0);
    struct journal *j = journal_open(at.path, "run");
    int rc = err_code();
    setrlimit(RLIMIT_NOFILE, &old);
    check(!j && rc == ERR_IO && strstr(err_text(), at.path), "no list, no journal: %d: %s", rc, err_text());
    journal_close(j);
    end(&s);
}

/* bug: a segment that could not be opened was taken for one that needs no syncing */
static void test_no_open(void)
{
    size_t cut;
    struct text s = begin(&cut);
    for (size_t i = 1; i <= 3; i++)
        put("run", i, &s, cut);
    struct rlimit old = leave_descriptors(2); /* opened segments are kept open */
    int rc = journal_settle(at.path);
    setrlimit(RLIMIT_NOFILE, &old);
    check(rc == ERR_IO && strstr(err_text(), "run-000003.seg: cannot open"), "the third: %d: %s", rc, err_text());
    check(journal_settle(at.path) == 0, "and when it can be opened: %s", err_text());
    end(&s);
}

/* A pipe or a link among the segments is passed over here: whoever reads it refuses it. */
static void test_strangers(void)
{
    size_t cut, n;
    struct text s = begin(&cut);
    check(mkfifo(temp_folder_path(&at, "run-000002.seg"), 0600) == 0, "a pipe");
    check(count_syncs() == 0, "a pipe is not synced");
    check(count_frames(journal_read(at.path), &n) == ERR_DATA && n == N_FRAMES, "a pipe is refused: %s", err_text());
    temp_folder_take(&at, "run-000002.seg");
    check(symlink("/nowhere", temp_folder_path(&at, "run-000003.seg")) == 0, "a link");
    check(count_syncs() == 0, "a link is not followed");
    check(count_frames(journal_read(at.path), &n) == ERR_DATA && n == N_FRAMES, "a link is refused: %s", err_text());
    end(&s);
}

/* A reader lists the segments first: one that is swept before it is opened held nothing. */
static void test_swept(void)
{
    size_t cut, n;
    struct text s = begin(&cut);
    put("run", 2, &s, 0);
    struct journal_reader *r = journal_read(at.path);
    journal_sweep(at.path);
    check(!there("run-000002.seg"), "it is swept");
    int rc = count_frames(r, &n);
    check(rc == 0 && n == N_FRAMES, "%zu frames", n);
    end(&s);
}

/* Number 999999 is the last of six digits; what has more is still read, in the order of its name. */
static void test_numbers(void)
{
    static const char *const names[] = { "run-999999.seg", "run-12.seg",         "run-0000012.seg",
                                         "run-xxxxxx.seg", "run-1000000000.seg", "run-.seg" };
    at = temp_folder_make();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        temp_folder_put(&at, names[i], "", 0);
    write_segment();
    check(there("run-1000000.seg"), "behind the last");
    temp_folder_put(&at, "run-1000008.seg", "", 0);
    write_segment();
    check(there("run-1000009.seg"), "and again");
    size_t n;
    int rc = count_frames(journal_read(at.path), &n);
    check(rc == 0 && n == 2 * N_FRAMES, "and read: %zu", n);
    temp_folder_remove(&at);
}

int main(void)
{
    test_many_killed();
    test_no_whole_seal();
    test_two_shard_counts();
    test_sweep_names();
    test_no_list();
    test_no_open();
    test_strangers();
    test_swept();
    test_numbers();
    return check_done("journal_settle");
}

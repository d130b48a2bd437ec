/* The journal: cut at every byte, bits flipped at random; every whole undamaged frame survives, damage is named. */
#include "base/err.h"
#include "experiments/frame.h"
#include "experiments/journal.h"
#include "tests/lib/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define N_FRAMES 40

static char folder[] = "/tmp/chorale-journal-XXXXXX";

static void path_of(char out[512], const char *name)
{
    snprintf(out, 512, "%s/%s", folder, name);
}

static void folder_clear(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        path_of(path, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
}

/* Payload i: its number, then bytes that look like frames to a careless reader. */
static size_t payload(size_t i, uint8_t out[512])
{
    size_t n = 1 + (i * 37) % 200;
    for (size_t k = 0; k < n; k++)
        out[k] = (uint8_t)("CHRM\1\0\0\0"[(k + i) % 8]);
    out[0] = (uint8_t)i;
    return n;
}

/* Its head is some of its first bytes, or none, or all. */
static size_t head_of(size_t i, size_t n)
{
    return i % 4 == 3 ? n : i % 4 < n ? i % 4 : n;
}

static int add(struct journal *j, size_t i)
{
    uint8_t p[512];
    size_t n = payload(i, p);
    return journal_add(j, p, n, head_of(i, n));
}

static void write_journal(size_t from, size_t to, uint64_t segment)
{
    struct journal *j = journal_open(folder, "run");
    if (segment)
        journal_set_segment(j, segment);
    for (size_t i = from; i < to; i++) {
        check(add(j, i) == 0, "add %zu", i);
        if (i % 3 == 2)
            check(journal_commit(j) == 0, "commit at %zu", i);
    }
    check(journal_close(j) == 0, "close");
}

/* Marks which payloads came back whole; anything else that comes back is a failure. */
static size_t read_journal(bool seen[N_FRAMES], size_t *n_damage)
{
    struct journal_reader *r = journal_read(folder);
    const void *p;
    size_t n, count = 0;
    uint8_t want[512];
    memset(seen, 0, N_FRAMES * sizeof *seen);
    int more;
    while ((more = journal_next(r, &p, &n)) > 0) {
        size_t i = n > 0 ? *(const uint8_t *)p : N_FRAMES;
        bool ok = i < N_FRAMES && payload(i, want) == n && memcmp(want, p, n) == 0 && !seen[i];
        check(ok, "a payload that was never written came back (%zu bytes)", n);
        if (ok)
            seen[i] = true;
        count++;
    }
    check(more == 0, "reading ends cleanly: %s", err_text());
    const struct journal_damage *d = journal_damage(r, n_damage);
    for (size_t i = 0; i < *n_damage; i++)
        check(d[i].segment && d[i].reason[0], "damage has a place and a reason");
    journal_read_close(r);
    return count;
}

static struct text slurp(const char *name)
{
    char path[512];
    struct text t = { 0 };
    path_of(path, name);
    check(text_read_file(&t, path, 1 << 20) == 0, "read %s", name);
    return t;
}

static void spill(const char *name, const void *s, size_t n)
{
    char path[512];
    path_of(path, name);
    FILE *f = fopen(path, "wb");
    check(f && fwrite(s, 1, n, f) == n && fclose(f) == 0, "write %s", name);
}

static void test_cut_everywhere(void)
{
    bool seen[N_FRAMES];
    size_t damage;
    folder_clear();
    write_journal(0, 20, 0);
    struct text whole = slurp("run-000001.seg");
    uint64_t end[21] = { 0 };
    uint8_t p[512];
    for (size_t i = 0; i < 20; i++)
        end[i + 1] = end[i] + JOURNAL_HEADER + payload(i, p);
    for (size_t cut = 0; cut <= whole.len; cut++) {
        spill("run-000001.seg", whole.s, cut);
        size_t n = read_journal(seen, &damage), want = 0;
        while (want < 20 && end[want + 1] <= cut)
            want++;
        check(n == want, "cut at %zu: %zu frames, want %zu", cut, n, want);
        check((damage > 0) == (cut != end[want] && cut != whole.len), "cut at %zu: a torn end is named", cut);
    }
    text_free(&whole);
}

/* The last 12 bytes of a sealed segment say where its seal is. */
static size_t seal_place(const struct text *s)
{
    uint64_t place;
    memcpy(&place, s->s + s->len - 12, sizeof place);
    return (size_t)place;
}

static void test_flips(void)
{
    bool seen[N_FRAMES];
    size_t damage;
    folder_clear();
    write_journal(0, N_FRAMES, 0);
    struct text whole = slurp("run-000001.seg");
    check(read_journal(seen, &damage) == N_FRAMES && damage == 0, "all frames of an undisturbed journal");
    size_t seal_at = seal_place(&whole);
    uint64_t place = 88172645463325252u;
    for (int t = 0; t < 1500; t++) {
        place ^= place << 13, place ^= place >> 7, place ^= place << 17;
        size_t at = place % (whole.len * 8);
        whole.s[at / 8] = (char)(whole.s[at / 8] ^ 1 << at % 8);
        spill("run-000001.seg", whole.s, whole.len);
        size_t n = read_journal(seen, &damage);
        bool seal = at / 8 >= seal_at;
        check(n == (seal ? N_FRAMES : N_FRAMES - 1), "bit %zu: %zu frames survive", at, n);
        check(damage > 0, "bit %zu: the damage is named", at);
        whole.s[at / 8] = (char)(whole.s[at / 8] ^ 1 << at % 8);
    }
    text_free(&whole);
}

static void test_segments(void)
{
    bool seen[N_FRAMES];
    size_t damage;
    folder_clear();
    write_journal(0, 25, 400);
    write_journal(25, N_FRAMES, 400);
    char path[512];
    path_of(path, "run-000003.seg");
    check(access(path, F_OK) == 0, "segments rotate");
    check(read_journal(seen, &damage) == N_FRAMES && damage == 0, "frames of many segments, of two sessions");
    /* frames cut out between others: the seal misses them */
    struct text s = slurp("run-000001.seg");
    uint8_t p[512];
    size_t first = JOURNAL_HEADER + payload(0, p);
    spill("run-000001.seg", s.s + first, s.len - first);
    check(read_journal(seen, &damage) == N_FRAMES - 1 && damage == 1, "a cut-out frame is missed by the seal");
    text_free(&s);
}

/* Heads: of sealed segments from the seals, of the others from the frames; and each frame can be fetched from its place. */
static void read_heads(size_t want, const char *what)
{
    struct journal_reader *r = journal_read(folder), *whole = journal_read(folder);
    const void *head, *p, *q;
    size_t n, n_payload, n_fetched, count = 0;
    int more;
    while ((more = journal_next_head(r, &head, &n)) > 0) {
        check(journal_next(whole, &p, &n_payload) == 1, "%s: a frame for head %zu", what, count);
        size_t i = *(const uint8_t *)p;
        struct journal_place a = journal_place(r), b = journal_place(whole);
        check(n == head_of(i, n_payload) && memcmp(head, p, n) == 0, "%s: the head of %zu", what, i);
        check(a.segment == b.segment && a.offset == b.offset && a.n == b.n, "%s: the place of %zu", what, i);
        bool same = journal_fetch(r, a, &q, &n_fetched) == 0 && n_fetched == n_payload && memcmp(p, q, n_payload) == 0;
        check(same, "%s: %zu fetched: %s", what, i, same ? "" : err_text());
        count++;
    }
    check(more == 0 && count == want && journal_next(whole, &p, &n) == 0, "%s: %zu heads of %zu", what, count, want);
    journal_read_close(r);
    journal_read_close(whole);
}

static void test_heads(void)
{
    folder_clear();
    write_journal(0, 25, 400);
    write_journal(25, N_FRAMES, 0);
    read_heads(N_FRAMES, "sealed");
    /* the same when seals are cut off, wherever the cut is: then the frames are read */
    struct text s = slurp("run-000001.seg");
    size_t seal = seal_place(&s);
    check(memcmp(s.s + seal, "CHSL", 4) == 0, "the end of a sealed segment says where its seal is");
    for (size_t cut = seal; cut < s.len; cut++) {
        spill("run-000001.seg", s.s, cut);
        read_heads(N_FRAMES, "without a seal");
    }
    /* a seal with a flipped bit is none */
    for (size_t bit = seal * 8; bit < s.len * 8; bit += 7) {
        s.s[bit / 8] = (char)(s.s[bit / 8] ^ 1 << bit % 8);
        spill("run-000001.seg", s.s, s.len);
        read_heads(N_FRAMES, "with a damaged seal");
        s.s[bit / 8] = (char)(s.s[bit / 8] ^ 1 << bit % 8);
    }
    /* a damaged frame of a sealed segment is believed by heads, found by fetching */
    s.s[JOURNAL_HEADER] ^= 1;
    spill("run-000001.seg", s.s, s.len);
    struct journal_reader *r = journal_read(folder);
    const void *p;
    size_t n;
    check(journal_next_head(r, &p, &n) == 1, "the seal is believed");
    check(journal_fetch(r, journal_place(r), &p, &n) == ERR_DAMAGED && strstr(err_text(), "run-000001.seg"),
          "what it names is not: %s", err_text());
    journal_read_close(r);
    text_free(&s);
}

/* A file of nothing but beginnings of frames, each of which would have to be hashed to the end of the file, is given up in
 * time that grows with its size, not with its square. */
static void test_false_beginnings(void)
{
    static uint8_t bytes[4u << 20];
    folder_clear();
    for (size_t i = 0; i + 32 <= sizeof bytes; i += 32) {
        uint32_t head[3] = { 0x4d524843u, (uint32_t)(sizeof bytes - i - JOURNAL_HEADER), 0 };
        memcpy(bytes + i, head, sizeof head);
    }
    spill("run-000001.seg", bytes, sizeof bytes);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    bool seen[N_FRAMES];
    size_t damage;
    check(read_journal(seen, &damage) == 0 && damage == 1, "no frames, one damage: %zu", damage);
    clock_gettime(CLOCK_MONOTONIC, &to);
    check(to.tv_sec - from.tv_sec < 20, "131072 false beginnings take %ld s", (long)(to.tv_sec - from.tv_sec));
    folder_clear();
}

/* A run folder may come from anywhere: nothing is made where a link in it leads. */
static void test_links(void)
{
    char link[600], target[600];
    folder_clear();
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(target, sizeof target, "%s/target", folder);
    check(mkdir(target, 0777) == 0 && symlink(target, link) == 0, "a link");
    check(!journal_open(link, "run") && err_code() == ERR_DATA &&
              strstr(err_text(), "link: a symbolic link, want a folder"),
          "a journal: %s", err_text());
    check(rmdir(target) == 0, "nothing is in there");
    check(journal_lock(folder, "link") == ERR_DATA && strstr(err_text(), "link: a symbolic link, want a regular file"),
          "a lock: %s", err_text());
    check(access(target, F_OK) < 0, "nothing was made");
    unlink(link);
}

static void test_full_disk(void)
{
    folder_clear();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, small = { 2000, 2000 };
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    struct journal *j = journal_open(folder, "run");
    uint8_t p[512];
    size_t acknowledged = 0;
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = 0;
    for (size_t i = 0; i < N_FRAMES && rc == 0; i++) {
        add(j, i);
        rc = journal_commit(j);
        acknowledged += rc == 0;
    }
    check(rc == ERR_IO && acknowledged > 3, "a full disk is an I/O error (%zu acknowledged): %s", acknowledged,
          err_text());
    check(journal_add(j, p, 1, 0) == ERR_IO, "the journal refuses more");
    journal_close(j);
    setrlimit(RLIMIT_FSIZE, &old);
    bool seen[N_FRAMES];
    size_t damage, n = read_journal(seen, &damage);
    check(n >= acknowledged, "what was acknowledged is there: %zu of %zu", n, acknowledged);
    write_journal(acknowledged, N_FRAMES, 0);
    folder_clear();
}

static void test_lock(void)
{
    int a = journal_lock(folder, "lock"), b = journal_lock(folder, "lock");
    check(a >= 0 && b == ERR_LOCKED, "the second is refused: %s", err_text());
    check(strstr(err_text(), folder) != NULL, "the refusal names the run");
    close(a);
    a = journal_lock_shared(folder, "lock");
    b = journal_lock_shared(folder, "lock");
    check(a >= 0 && b >= 0, "shards share");
    check(journal_lock(folder, "lock") == ERR_LOCKED, "but not with a whole run");
    close(a);
    close(b);
    check(journal_open("/proc/nowhere/journal", "run") == NULL, "no folder, no journal: %s", err_text());
}

int main(void)
{
    if (!mkdtemp(folder))
        check_skip("journal", "no temporary folder");
    test_cut_everywhere();
    test_flips();
    test_segments();
    test_heads();
    test_false_beginnings();
    test_links();
    test_full_disk();
    test_lock();
    folder_clear();
    rmdir(folder);
    return check_done("journal");
}

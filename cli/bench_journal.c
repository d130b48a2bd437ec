#include "cli/bench_journal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/console.h"
#include "experiments/journal.h"
#include "experiments/keymap.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A unit of 300 symbols under two voices, and what a run commits at once. */
enum { SYMBOLS = 300, VOICES = 2, GROUP = 256, PATH_BYTES = 512 };

struct figures {
    uint64_t units, bytes;
    double write, resume, verify, read; /* seconds */
};

/* A hypothesis of SYMBOLS steps, for hyp_fini(). */
static struct hyp hyp_make(void)
{
    struct hyp h = { .n_steps = SYMBOLS, .steps = mem_alloc(SYMBOLS, sizeof *h.steps) };
    for (size_t i = 0; i < SYMBOLS; i++) {
        h.steps[i] = (struct hyp_step){ .symbol = (sym_t)i, .logp = -(float)i, .trace = { .n_voices = VOICES } };
        text_add(&h.text, "abcd");
    }
    return h;
}

static int write_units(const char *folder, uint64_t bytes, struct figures *f)
{
    static const struct symbols prompt;
    struct journal *j = journal_open(folder, "run");
    if (!j)
        return ERR_IO;
    struct hyp h = hyp_make();
    struct text payload = { 0 };
    int rc = 0;
    double from = clock_seconds();
    for (uint64_t written = 0; written < bytes && rc == 0; f->units++, written += payload.len) {
        struct unit_key key = unit_text_key((const char *)&f->units, sizeof f->units);
        text_clear(&payload);
        size_t n_head = unit_write_hyps(&payload, key, &prompt, &h, 1);
        rc = journal_add(j, payload.s, payload.len, n_head);
        if (rc == 0 && f->units % GROUP == GROUP - 1)
            rc = journal_commit(j);
    }
    int closed = journal_close(j);
    f->write = clock_seconds() - from;
    text_free(&payload);
    text_free(&h.text);
    free(h.steps);
    return rc < 0 ? rc : closed;
}

/* What resuming does: the heads of all units into a map of keys. */
static int resume(const char *folder, struct figures *f)
{
    double from = clock_seconds();
    struct journal_reader *r = journal_read(folder);
    struct keymap keys = { 0 };
    struct unit_head h;
    const void *head;
    size_t n;
    int more = ERR_IO;
    while (r && (more = journal_next_head(r, &head, &n)) > 0)
        if (unit_head(head, n, &h))
            keymap_set(&keys, h.key, 1);
    f->resume = clock_seconds() - from;
    if (more == 0 && keys.n != f->units)
        more = err_set(ERR_DAMAGED, "%s: %zu units of %llu were found", folder, keys.n, (unsigned long long)f->units);
    keymap_free(&keys);
    journal_read_close(r);
    return more;
}

static int verify(const char *folder, struct figures *f)
{
    double from = clock_seconds();
    struct journal_reader *r = journal_read(folder);
    const void *payload;
    size_t n;
    int more = ERR_IO;
    while (r && (more = journal_next(r, &payload, &n)) > 0)
        continue;
    f->verify = clock_seconds() - from;
    journal_read_close(r);
    return more;
}

/* The limit: every byte of the segments read once, nothing looked at.  Then the folder goes. */
static int read_and_remove(const char *folder, struct figures *f)
{
    char path[2 * PATH_BYTES];
    char *block = mem_alloc(1u << 20, 1);
    DIR *d = opendir(folder);
    for (int pass = 0; d && pass < 2; pass++, rewinddir(d)) {
        double from = clock_seconds();
        for (struct dirent *e; (e = readdir(d));) {
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            FILE *s = pass == 0 ? fopen(path, "rb") : NULL;
            for (size_t n; s && (n = fread(block, 1, 1u << 20, s)) > 0;)
                f->bytes += n;
            if (s)
                fclose(s);
            if (pass == 1)
                unlink(path);
        }
        f->read = pass == 0 ? clock_seconds() - from : f->read;
    }
    if (d)
        closedir(d);
    free(block);
    return rmdir(folder) == 0 ? 0 : err_set(ERR_IO, "%s: cannot remove the folder", folder);
}

static void print_figures(const struct args *a, const struct figures *f)
{
    if (a->json)
        printf(
            "{\"what\":\"journal\",\"units\":%llu,\"bytes\":%llu,\"write_s\":%.3f,\"resume_s\":%.4f,\"verify_s\":%.3f,"
            "\"read_s\":%.3f}\n",
            (unsigned long long)f->units, (unsigned long long)f->bytes, f->write, f->resume, f->verify, f->read);
    else
        printf(
            "journal: %llu units, %.2f GB: written in %.1f s, resumed from in %.3f s, verified in %.2f s (%.2f x the "
            "%.2f s of reading it)\n",
            (unsigned long long)f->units, (double)f->bytes / 1e9, f->write, f->resume, f->verify, f->verify / f->read,
            f->read);
}

int bench_journal(const struct args *a, int64_t mib)
{
    const char *home = getenv("TMPDIR");
    char folder[PATH_BYTES];
    struct figures f = { 0 };
    int n = snprintf(folder, sizeof folder, "%s/chorale-bench-XXXXXX", home && *home ? home : "/tmp");
    if (n < 0 || (size_t)n >= sizeof folder || !mkdtemp(folder))
        return err_set(ERR_IO, "%s: cannot make a folder for the journal", home && *home ? home : "/tmp");
    int rc = write_units(folder, (uint64_t)mib << 20, &f);
    rc = rc < 0 ? rc : resume(folder, &f);
    rc = rc < 0 ? rc : verify(folder, &f);
    int removed = read_and_remove(folder, &f);
    rc = rc < 0 ? rc : removed;
    if (rc == 0)
        print_figures(a, &f);
    return rc;
}

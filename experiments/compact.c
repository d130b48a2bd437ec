/* Journal to results.h5: written aside, read back, synced, renamed. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results.h"
#include "experiments/results_tables.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? err_set(ERR_IO, "%s: cannot sync: %s", path, strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* What was written must read back: as many records, and the same texts. */
static int verify(const struct tables *t, const char *path)
{
    struct results *r = results_open(path);
    size_t n;
    if (!r)
        return err_add(ERR_DAMAGED, "%s, just written", path);
    const struct results_record *records = results_records(r, &n);
    int rc = n == t->n_records ? 0 : ERR_DAMAGED;
    for (size_t i = 0; i < n && rc == 0; i++)
        if (records[i].n_text != t->records[i].record->n_text ||
            memcmp(records[i].text, t->records[i].record->text, records[i].n_text) != 0)
            rc = ERR_DAMAGED;
    results_close(r);
    return rc == 0 ? 0 : err_set(ERR_DAMAGED, "%s, just written, does not read back", path);
}

static void folder_of(const char *path, struct text *out)
{
    const char *slash = strrchr(path, '/');
    text_addn(out, slash ? path : ".", slash ? (size_t)(slash - path) : 1);
}

static int write_aside(const struct tables *t, const char *to)
{
    struct text aside = { 0 }, folder = { 0 };
    text_addf(&aside, "%s.%ld.tmp", to, (long)getpid());
    folder_of(to, &folder);
    int rc = results_write(t, text_s(&aside));
    rc = rc < 0 ? rc : verify(t, text_s(&aside));
    rc = rc < 0 ? rc : sync_path(text_s(&aside), O_RDONLY);
    if (rc == 0 && rename(text_s(&aside), to) < 0)
        rc = err_set(ERR_IO, "%s: cannot rename: %s", to, strerror(errno));
    rc = rc < 0 ? rc : sync_path(text_s(&folder), O_RDONLY | O_DIRECTORY);
    if (rc < 0)
        unlink(text_s(&aside));
    text_free(&aside);
    text_free(&folder);
    return rc;
}

int run_compact(const char *folder, const char *to, struct run_compacted *out)
{
    struct text plan = { 0 }, journal = { 0 }, results = { 0 };
    struct tables t;
    text_addf(&plan, "%s/plan.json", folder);
    text_addf(&journal, "%s/journal", folder);
    text_addf(&results, "%s/results.h5", folder);
    *out = (struct run_compacted){ 0 };
    struct plan *p = plan_read(text_s(&plan));
    int rc = p ? tables_build(&t, p, text_s(&journal)) : ERR_DATA;
    if (rc == 0)
        rc = write_aside(&t, to ? to : text_s(&results));
    if (p) {
        *out = t.state;
        tables_fini(&t);
    }
    plan_free(p);
    text_free(&plan);
    text_free(&journal);
    text_free(&results);
    return rc;
}

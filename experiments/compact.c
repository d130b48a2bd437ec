/* Journal to results.h5: written aside in a process of its own, read back, synced, renamed. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/apart.h"
#include "experiments/results_write.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

static void folder_of(const char *path, struct text *out)
{
    const char *slash = strrchr(path, '/');
    text_addn(out, slash ? path : ".", slash > path ? (size_t)(slash - path) : 1);
}

struct compaction {
    const char *folder, *to, *aside;
    struct run_compacted state;
};

/* The child's part: results.h5 under another name, whole and on the disk. */
static int write_aside(void *ctx)
{
    struct compaction *c = ctx;
    struct text plan = { 0 }, journal = { 0 };
    struct ledger l;
    text_addf(&plan, "%s/plan.json", c->folder);
    text_addf(&journal, "%s/journal", c->folder);
    struct plan *p = plan_read(text_s(&plan));
    int rc = p ? ledger_build(&l, p, text_s(&journal)) : err_code();
    rc = rc < 0 ? rc : results_write(&l, c->aside);
    rc = rc < 0 ? rc : sync_path(c->aside, O_RDONLY);
    if (p) {
        c->state = l.state;
        ledger_fini(&l);
    }
    plan_free(p);
    text_free(&plan);
    text_free(&journal);
    return rc;
}

static int put_in_place(const struct compaction *c)
{
    struct text folder = { 0 };
    folder_of(c->to, &folder);
    int rc = 0;
    if (rename(c->aside, c->to) < 0)
        rc = err_set(ERR_IO, "%s: cannot rename to '%s': %s", c->aside, c->to, strerror(errno));
    rc = rc < 0 ? rc : sync_path(text_s(&folder), O_RDONLY | O_DIRECTORY);
    text_free(&folder);
    return rc;
}

int run_compact(const char *folder, const char *to, interrupt_t *signal, struct run_compacted *out)
{
    struct text results = { 0 }, aside = { 0 };
    text_addf(&results, "%s/results.h5", folder);
    struct compaction c = { .folder = folder, .to = to ? to : text_s(&results) };
    text_addf(&aside, "%s.tmp", c.to);
    c.aside = text_s(&aside);
    int rc = apart_run(&(struct apart){ .what = "writing results.h5",
                                        .work = write_aside,
                                        .ctx = &c,
                                        .answer = &c.state,
                                        .n_answer = sizeof c.state,
                                        .signal = signal });
    rc = rc < 0 ? rc : put_in_place(&c);
    if (rc < 0)
        unlink(c.aside);
    *out = c.state;
    text_free(&results);
    text_free(&aside);
    return rc;
}

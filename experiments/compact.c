/* Journal to results.h5: written aside in a process of its own, read back, synced, renamed. */
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "experiments/apart.h"
#include "experiments/results_write.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    rc = rc < 0 ? rc : file_sync_path(c->aside, O_RDONLY);
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
    if (rename(c->aside, c->to) < 0)
        return err_set(ERR_IO, "%s: cannot rename to '%s': %s", c->aside, c->to, strerror(errno));
    return folder_sync_of(c->to);
}

/* A name of its own, since shards may compact at the same time. */
static int make_aside(const char *to, struct text *aside)
{
    int fd = file_create_aside(to, ".tmp", aside);
    if (fd < 0)
        return err_set(ERR_IO, "%s: cannot create the file: %s", to, strerror(errno));
    close(fd);
    return 0;
}

/* The results in place, unless more of them are missing than `most`: 1 then. */
static int compact(struct compaction *c, interrupt_t *signal, uint64_t most)
{
    struct text aside = { 0 };
    int rc = make_aside(c->to, &aside);
    c->aside = text_s(&aside);
    if (rc == 0)
        rc = apart_run(&(struct apart){ .what = "writing results.h5",
                                        .work = write_aside,
                                        .ctx = c,
                                        .answer = &c->state,
                                        .n_answer = sizeof c->state,
                                        .signal = signal });
    if (rc == 0 && c->state.missing + c->state.unjudged + c->state.unfitted > most)
        rc = 1;
    rc = rc != 0 ? rc : put_in_place(c);
    if (rc != 0)
        unlink(c->aside);
    text_free(&aside);
    return rc;
}

int run_compact(const char *folder, const char *to, interrupt_t *signal, struct run_compacted *out)
{
    struct text results = { 0 };
    text_addf(&results, "%s/results.h5", folder);
    struct compaction c = { .folder = folder, .to = to ? to : text_s(&results) };
    int rc = compact(&c, signal, UINT64_MAX);
    *out = c.state;
    text_free(&results);
    return rc;
}

int run_compact_whole(const char *folder, interrupt_t *signal, uint64_t most, struct run_compacted *out)
{
    struct text results = { 0 };
    text_addf(&results, "%s/results.h5", folder);
    struct compaction c = { .folder = folder, .to = text_s(&results) };
    int rc = compact(&c, signal, most);
    *out = c.state;
    text_free(&results);
    return rc;
}

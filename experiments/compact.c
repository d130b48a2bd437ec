/* Journal to results.h5: written aside in a process of its own, read back, synced, renamed. */
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "experiments/apart.h"
#include "experiments/results_write.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* A name of its own, since shards may compact at the same time; NULL + ERR_IO. */
static int make_aside(const char *to, struct text *aside)
{
    static const char end[] = ".tmp";
    text_addf(aside, "%s.XXXXXX%s", to, end);
    int fd = mkstemps(aside->s, sizeof end - 1);
    if (fd < 0)
        return err_set(ERR_IO, "%s: cannot create the file: %s", to, strerror(errno));
    fchmod(fd, 0644); /* as other files: a temporary one is for its owner alone */
    close(fd);
    return 0;
}

int run_compact(const char *folder, const char *to, interrupt_t *signal, struct run_compacted *out)
{
    struct text results = { 0 }, aside = { 0 };
    text_addf(&results, "%s/results.h5", folder);
    struct compaction c = { .folder = folder, .to = to ? to : text_s(&results) };
    int rc = make_aside(c.to, &aside);
    c.aside = text_s(&aside);
    if (rc == 0)
        rc = apart_run(&(struct apart){ .what = "writing results.h5",
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

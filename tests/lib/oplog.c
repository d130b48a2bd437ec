#include "tests/lib/oplog.h"
#include "base/text.h"
#include "tests/lib/check.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void oplog_read(struct oplog *l, const char *log, const char *folder)
{
    struct text t = { 0 };
    size_t cap = 0, cut = strlen(folder);
    *l = (struct oplog){ 0 };
    check(access(log, F_OK) != 0 || text_read_file(&t, log, 1 << 28) == 0, "%s can be read", log);
    /* a NUL after each name takes less room than the record before it */
    char *names = malloc(t.len + 64), *next = names;
    for (size_t at = 0; at + sizeof(struct oplog_record) <= t.len;) {
        struct oplog_record r;
        memcpy(&r, t.s + at, sizeof r);
        at += sizeof r;
        if (l->n == cap)
            l->ops = realloc(l->ops, (cap = cap ? cap * 2 : 64) * sizeof *l->ops);
        struct oplog_op *op = &l->ops[l->n++];
        *op = (struct oplog_op){ .kind = r.kind, .path = next, .at = r.at, .n = r.n };
        next += sprintf(next, "%.*s", (int)(r.n_path - cut), t.s + at + cut) + 1;
        at += r.n_path;
        op->to = next;
        next += sprintf(next, "%.*s", r.n_to ? (int)(r.n_to - cut) : 0, t.s + at + (r.n_to ? cut : 0)) + 1;
        at += r.n_to;
        op->data = (const uint8_t *)t.s + at;
        at += r.n;
    }
    void **owned = malloc(2 * sizeof *owned);
    owned[0] = t.s;
    owned[1] = names;
    l->owned = owned;
}

void oplog_free(struct oplog *l)
{
    void **owned = l->owned;
    free(owned[0]);
    free(owned[1]);
    free(owned);
    free(l->ops);
    *l = (struct oplog){ 0 };
}

static void write_at(const char *path, const struct oplog_op *op, uint64_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    check(pwrite(fd, op->data, n, (off_t)op->at) == (ssize_t)n, "write %s again", path);
    close(fd);
}

void oplog_apply(const struct oplog_op *op, uint64_t n, const char *folder)
{
    char path[1024], to[1024];
    snprintf(path, sizeof path, "%s%s", folder, op->path);
    snprintf(to, sizeof to, "%s%s", folder, op->to);
    if (op->lost)
        return;
    int ignored = 0;
    switch (op->kind) {
    case OPLOG_CREATE: ignored = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666); break;
    case OPLOG_WRITE: write_at(path, op, n); break;
    case OPLOG_SYNC: break;
    case OPLOG_RENAME: ignored = rename(path, to); break;
    case OPLOG_UNLINK: ignored = remove(path); break;
    case OPLOG_MKDIR: ignored = mkdir(path, 0777); break;
    case OPLOG_TRUNCATE: ignored = truncate(path, (off_t)op->at); break;
    }
    if (op->kind == OPLOG_CREATE && ignored >= 0)
        close(ignored);
}

/* Whether folder is the one that holds path. */
static bool is_folder_of(const char *folder, const char *path)
{
    size_t n = strlen(folder);
    return strncmp(folder, path, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

/* Backwards: a sync makes durable what the same name saw before it.  Names change by renames; those of the journal do
 * not, and the others are synced before they are renamed, so that a file's name at the time of its sync is enough. */
void oplog_durable(const struct oplog *l, size_t n, bool durable[])
{
    for (size_t i = 0; i < n; i++) {
        const struct oplog_op *op = &l->ops[i];
        bool content = op->kind == OPLOG_WRITE || op->kind == OPLOG_TRUNCATE;
        durable[i] = op->kind == OPLOG_SYNC;
        for (size_t k = i + 1; k < n && !durable[i]; k++)
            if (l->ops[k].kind == OPLOG_SYNC)
                durable[i] = content                    ? strcmp(l->ops[k].path, op->path) == 0
                             : op->kind == OPLOG_RENAME ? is_folder_of(l->ops[k].path, op->to)
                                                        : is_folder_of(l->ops[k].path, op->path);
    }
}

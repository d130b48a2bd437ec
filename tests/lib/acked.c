#include "tests/lib/acked.h"
#include "base/err.h"
#include "base/hash.h"
#include "experiments/journal.h"
#include "tests/lib/check.h"
#include "tests/lib/disk.h"
#include "tests/lib/oplog.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void acked_read(struct acked *a, const char *run)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/journal", run);
    struct journal_reader *r = journal_read(path);
    const void *payload;
    size_t n;
    int more = -1;
    a->n = a->n_damage = 0;
    while (r && (more = journal_next(r, &payload, &n)) > 0 && a->n < ACKED_MAX)
        a->hash[a->n++] = hash_bytes(payload, n, 0);
    check(more == 0, "%s reads to its end: %s", path, err_text());
    if (r)
        journal_damage(r, &a->n_damage);
    journal_read_close(r);
}

size_t acked_lost(const struct acked *was, size_t n, const struct acked *now)
{
    size_t lost = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < now->n && now->hash[k] != was->hash[i])
            k++;
        lost += k == now->n;
    }
    return lost;
}

/* The bytes of the segment at its last sync among the first n operations; false: never synced. */
static bool synced_bytes(const struct oplog *l, const char *path, struct text *out)
{
    size_t n = l->n;
    while (n > 0 && (l->ops[n - 1].kind != OPLOG_SYNC || strcmp(l->ops[n - 1].path, path) != 0))
        n--;
    text_clear(out);
    for (size_t i = 0; i < n; i++) {
        const struct oplog_op *op = &l->ops[i];
        if (op->kind != OPLOG_WRITE || strcmp(op->path, path) != 0)
            continue;
        check(op->at == out->len, "%s is only appended to", path);
        text_addn(out, op->data, op->n);
    }
    return n > 0;
}

void acked_by_log(struct acked *a, const char *log, const char *run, const char *scratch)
{
    struct oplog l;
    struct text bytes = { 0 }, journal = { 0 };
    char names[64][64];
    size_t n = 0;
    text_addf(&journal, "%s/journal", scratch);
    mkdir(scratch, 0777);
    mkdir(text_s(&journal), 0777);
    oplog_read(&l, log, "");
    for (size_t i = 0; i < l.n && n < 64; i++) {
        const char *base = strrchr(l.ops[i].path, '/') + 1, *under = strstr(l.ops[i].path, run);
        if (l.ops[i].kind != OPLOG_CREATE || !strstr(base, ".seg") || !under)
            continue;
        snprintf(names[n++], 64, "%.63s", base);
        if (synced_bytes(&l, l.ops[i].path, &bytes))
            disk_write(text_s(&journal), base, text_s(&bytes), bytes.len);
    }
    acked_read(a, scratch);
    for (size_t i = 0; i < n; i++)
        disk_remove(text_s(&journal), names[i]);
    rmdir(text_s(&journal));
    rmdir(scratch);
    text_free(&bytes);
    text_free(&journal);
    oplog_free(&l);
}

/* The log of libshim_files.so (tests/shim/oplog.h), read, and made again operation by operation. */
#ifndef TESTS_LIB_OPLOG_H
#define TESTS_LIB_OPLOG_H

#include "tests/shim/oplog.h"
#include <stdbool.h>
#include <stddef.h>

struct oplog_op {
    enum oplog_kind kind;
    const char *path, *to; /* below the folder: "/run/plan.json"; to: "" but for RENAME */
    const uint8_t *data;   /* (n,) */
    uint64_t at, n;
    bool lost; /* never reached the disk: oplog_apply() leaves it out */
};

struct oplog {
    struct oplog_op *ops; /* (n,) */
    size_t n;
    void *owned;
};

/* folder: what SHIM_FOLDER was.  An absent log is empty. */
void oplog_read(struct oplog *l, const char *log, const char *folder);
void oplog_free(struct oplog *l);

/* Makes op again under folder; of a write only the first n bytes.  What cannot be done, since something before it was
 * lost, is left out. */
void oplog_apply(const struct oplog_op *op, uint64_t n, const char *folder);

/* Marks durable[i] of the first n operations: whether the disk must have it after a power cut then.  A write when its
 * file was synced after it, a name made, changed or removed when its folder was. */
void oplog_durable(const struct oplog *l, size_t n, bool durable[]);

#endif

/* The log that the files shim writes: one record an operation, in the order in which the kernel made them.
 *
 *   struct oplog_record | path | to | data
 *
 * Only what succeeded is logged; of a short write, what was written. */
#ifndef SHIM_OPLOG_H
#define SHIM_OPLOG_H

#include <stdint.h>

enum oplog_kind { OPLOG_CREATE, OPLOG_WRITE, OPLOG_SYNC, OPLOG_RENAME, OPLOG_UNLINK, OPLOG_MKDIR, OPLOG_TRUNCATE };

struct oplog_record {
    uint32_t kind, pid;
    uint32_t n_path, n_to; /* bytes of the absolute path, and of a rename's new one */
    uint64_t at;           /* WRITE: place in the file; TRUNCATE: the new size */
    uint64_t n;            /* WRITE: bytes of data that follow */
};

#endif

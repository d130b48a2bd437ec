/* libshim_files.so, for LD_PRELOAD: what a program does to the files under one folder is logged, or made to fail.
 *
 *   SHIM_FOLDER  absolute; only calls on paths under it are looked at.  Unset: the shim does nothing.
 *   SHIM_LOG     file to append the log to (oplog.h)
 *   SHIM_FAULT   what happens, see fault.c
 *
 * calls.c stands in for the C library's functions and asks fault.c before a call and tells log.c after it.  Everything
 * goes to the kernel by syscall(), so that nothing here depends on who else stands in for the same functions. */
#ifndef SHIM_FILES_H
#define SHIM_FILES_H

#include "tests/shim/oplog.h"
#include <stdbool.h>
#include <stddef.h>

struct call {
    enum oplog_kind kind;
    const char *path; /* absolute */
    const char *to;   /* RENAME; else "" */
    const void *data; /* WRITE: (n,) */
    size_t n;
    uint64_t at;
};

/* Before the call: how many of its n bytes may go on (n of other calls is 0), or -errno that it fails with. */
long fault_before(const struct call *c);

/* After it succeeded; n is what was written. */
void log_after(const struct call *c);

/* Absolute path of (folder descriptor, path), or of the descriptor when path is NULL, in out; false when it is not under
 * SHIM_FOLDER. */
#define PLACE_MAX 1024
bool place_of(int fd, const char *path, char out[PLACE_MAX]);

#endif

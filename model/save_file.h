/* A file written aside and piece by piece: under its own name it is old or whole, never half. */
#ifndef MODEL_SAVE_FILE_H
#define MODEL_SAVE_FILE_H

#include "base/interrupt.h"
#include <stddef.h>
#include <stdint.h>

struct save_file;

/* signal: fails the next write once it came; NULL: none does.  NULL + ERR_IO. */
struct save_file *save_file_open(const char *path, interrupt_t *signal);

/* The first failure is kept; save_file_close() tells it.  0; ERR_IO; ERR_SIGINT, ERR_SIGTERM, whose message names no file:
 * path may be a part of what the caller writes aside. */
int save_file_write(struct save_file *f, const void *bytes, size_t n);
int save_file_zeros(struct save_file *f, size_t n);
uint64_t save_file_size(const struct save_file *f); /* bytes so far */

/* Syncs, renames, syncs the folder, and frees f.  rc: of what was done with f so far; negative: nothing but what was written
 * aside is removed.  rc, or ERR_IO naming the file and the bytes. */
int save_file_close(struct save_file *f, int rc);

/* A file or folder whose contents are synced gets another name; syncs the folder it is in.  0 or ERR_IO. */
int save_file_rename(const char *from, const char *to);

#endif

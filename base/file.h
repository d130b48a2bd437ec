/* Descriptors: opened, written, synced; calls that a signal interrupted are made again. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/text.h"
#include <stddef.h>

/* Closed on exec, mode 0666.  -1 + errno. */
int file_open(const char *path, int flags);
/* A new file beside PATH for what will be renamed to it: "PATH.XXXXXX" + end, X random, into *name.  -1 + errno. */
int file_create_aside(const char *path, const char *end, struct text *name);
int file_write(int fd, const void *s, size_t n); /* all of it; 0, -1 + errno */
int file_sync(int fd);                           /* fsync: 0, -1 + errno */
int file_sync_data(int fd);                      /* fdatasync */

/* The file of that name is on the disk, as the folder that holds it must be too: 0 or ERR_IO. */
int file_sync_path(const char *path, int flags);

#endif

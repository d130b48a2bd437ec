/* Files mapped read-only: weights are shared with the page cache and never copied.
 *
 * Opening never blocks and has no side effect: what is no regular file (a folder, a pipe, a socket, a device, also at the
 * end of a symbolic link) is refused before it is opened.
 *
 * A mapped file that somebody cuts short meanwhile leaves pages without bytes, and the system answers a read there with
 * SIGBUS.  No check at open can exclude that, and checking before every read cannot either.  map_file_guard() lets cli/
 * turn it into a clean end: one line that names the file, and exit status 3.  What was acknowledged is in the journal then.
 * A file that is overwritten in place is not noticed; its hash is taken when a run begins and again when it resumes. */
#ifndef MODEL_MAP_FILE_H
#define MODEL_MAP_FILE_H

#include <stdint.h>

struct map_file {
    char *path;
    const uint8_t *bytes; /* (size,) aligned to a page; valid until map_file_close() */
    uint64_t size;
    int watched; /* its place in the guard's list; -1: none */
};

/* 0; ERR_IO (cannot open or map); ERR_DATA (no regular file; empty).  Symbolic links are followed: download caches
 * are made of them. */
int map_file_open(struct map_file *m, const char *path);
void map_file_close(struct map_file *m); /* a zeroed or closed one is fine */

/* From here on SIGBUS within a mapped file calls lost() with the file's path; any other SIGBUS, or one behind which lost()
 * returns, ends the process as before.  lost() runs in a signal handler: it may only write and end the process.  For cli/, once, at
 * start: a library takes no signals by itself. */
void map_file_guard(void (*lost)(const char *path));

/* What lost() says behind the path. */
#define MAP_FILE_LOST ": became shorter, or could not be read, while it was in use; want a file that stays as it is"

#endif

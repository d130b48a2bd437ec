/* Files mapped read-only: weights are shared with the page cache and never copied. */
#ifndef MODEL_MAP_FILE_H
#define MODEL_MAP_FILE_H

#include <stdint.h>

struct map_file {
    char *path;
    const uint8_t *bytes; /* (size,) aligned to a page; valid until map_file_close() */
    uint64_t size;
};

/* 0; ERR_IO (cannot open or map); ERR_DATA (a folder, a pipe, a device).  Symbolic links are followed: download caches
 * are made of them.  The file must not shrink while it is mapped. */
int map_file_open(struct map_file *m, const char *path);
void map_file_close(struct map_file *m); /* a zeroed or closed one is fine */

#endif

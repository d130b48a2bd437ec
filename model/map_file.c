#include "model/map_file.h"
#include "base/err.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_descriptor(struct map_file *m, int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(ERR_IO, "%s: cannot stat: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_DATA, "%s: not a regular file", path);
    static const uint8_t nothing[1];
    void *bytes = (void *)(uintptr_t)nothing; /* an empty file cannot be mapped */
    if (st.st_size > 0)
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return err_set(ERR_IO, "%s: cannot map %lld bytes: %s", path, (long long)st.st_size, strerror(errno));
    *m = (struct map_file){ .path = mem_string(path), .bytes = bytes, .size = (uint64_t)st.st_size };
    return 0;
}

int map_file_open(struct map_file *m, const char *path)
{
    /* O_NONBLOCK: opening a pipe that nobody writes would wait for ever */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    int rc = map_descriptor(m, fd, path);
    close(fd);
    return rc;
}

void map_file_close(struct map_file *m)
{
    if (m->size > 0)
        munmap((void *)(uintptr_t)m->bytes, (size_t)m->size);
    free(m->path);
    *m = (struct map_file){ 0 };
}

#include "base/file.h"
#include "base/err.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int file_open(const char *path, int flags)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int file_write(int fd, const void *s, size_t n)
{
    const char *at = s;
    while (n > 0) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

int file_sync(int fd)
{
    int rc;
    do
        rc = fsync(fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

int file_sync_data(int fd)
{
    int rc;
    do
        rc = fdatasync(fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

int file_sync_path(const char *path, int flags)
{
    int fd = file_open(path, flags);
    int rc = fd < 0 || file_sync(fd) < 0 ? err_set(ERR_IO, "%s: cannot sync: %s", path, strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

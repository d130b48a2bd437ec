#include "base/file.h"
#include "base/err.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define TRIES 100 /* names that are taken before it is given up */

int file_open(const char *path, int flags)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int file_create_aside(const char *path, const char *end, struct text *name)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz012345";
    int fd = -1;
    for (int tries = 0; tries < TRIES && fd < 0; tries++) {
        uint8_t random[6];
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return -1;
        text_clear(name);
        text_addf(name, "%s.", path);
        for (size_t i = 0; i < sizeof random; i++)
            text_addn(name, &digits[random[i] % 32], 1);
        text_add(name, end);
        fd = file_open(text_s(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
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

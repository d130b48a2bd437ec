#include "tests/lib/disk.h"
#include "tests/lib/check.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char *path_of(char out[1024], const char *folder, const char *name)
{
    snprintf(out, 1024, "%s/%s", folder, name);
    return out;
}

struct text disk_read(const char *folder, const char *name)
{
    char path[1024];
    struct text t = { 0 };
    check(text_read_file(&t, path_of(path, folder, name), 1 << 28) == 0, "read %s", path);
    return t;
}

void disk_write(const char *folder, const char *name, const void *s, size_t n)
{
    char path[1024];
    int fd = open(path_of(path, folder, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    check(fd >= 0 && write(fd, s, n) == (ssize_t)n, "write %s", path);
    if (fd >= 0)
        close(fd);
}

bool disk_exists(const char *folder, const char *name)
{
    char path[1024];
    return access(path_of(path, folder, name), F_OK) == 0;
}

void disk_remove(const char *folder, const char *name)
{
    char path[1024];
    unlink(path_of(path, folder, name));
}

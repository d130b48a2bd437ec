/* Which file a call is about. */
#include "tests/shim/files.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool descriptor_path(int fd, char out[PLACE_MAX])
{
    char link[32];
    snprintf(link, sizeof link, fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PLACE_MAX - 1);
    if (n < 0)
        return false;
    out[n] = 0;
    return true;
}

bool place_of(int fd, const char *path, char out[PLACE_MAX])
{
    const char *folder = getenv("SHIM_FOLDER");
    if (!folder)
        return false;
    if (path && path[0] == '/') {
        if ((size_t)snprintf(out, PLACE_MAX, "%s", path) >= PLACE_MAX)
            return false;
    } else {
        if (!descriptor_path(fd, out))
            return false;
        size_t n = strlen(out);
        if (path && (size_t)snprintf(out + n, PLACE_MAX - n, "/%s", path) >= PLACE_MAX - n)
            return false;
    }
    size_t n = strlen(folder);
    return strncmp(out, folder, n) == 0 && (out[n] == '/' || out[n] == 0);
}

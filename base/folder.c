#include "base/folder.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void folder_remove(const char *path, int depth)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct text t = { 0 };
        text_addf(&t, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(text_s(&t)) != 0 && depth > 0)
            folder_remove(text_s(&t), depth - 1);
        text_free(&t);
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    rmdir(path);
}

int folder_refuse_link(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return err_set(ERR_DATA, "%s: a symbolic link, want a folder", path);
    return 0;
}

/* Some file systems know no syncing of folders, and a folder may be one to write into but not to read. */
static bool cannot_sync(int error)
{
    return error == EINVAL || error == ENOTSUP || error == EACCES || error == EPERM;
}

int folder_sync(const char *path)
{
    path = *path ? path : ".";
    int fd = file_open(path, O_RDONLY | O_DIRECTORY), rc = 0;
    if ((fd < 0 || file_sync(fd) < 0) && !cannot_sync(errno))
        rc = err_set(ERR_IO, "%s: cannot sync: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

int folder_sync_of(const char *path)
{
    struct text t = { 0 };
    const char *slash = strrchr(path, '/');
    if (slash)
        text_addn(&t, path, slash > path ? (size_t)(slash - path) : 1);
    int rc = folder_sync(text_s(&t));
    text_free(&t);
    return rc;
}

static int make_one(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return folder_sync_of(path);
    return errno == EEXIST ? 0 : err_set(ERR_IO, "%s: cannot create the folder: %s", path, strerror(errno));
}

int folder_make(const char *path)
{
    char *s = mem_string(path);
    size_t n = strlen(s);
    int rc = 0;
    while (n > 1 && s[n - 1] == '/') /* "a/b/": the name is b */
        s[--n] = '\0';
    for (char *slash = n > 0 ? strchr(s + 1, '/') : NULL; slash && rc == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = make_one(s);
        *slash = '/';
    }
    rc = rc < 0 ? rc : make_one(s);
    free(s);
    return rc;
}

static bool is_between(const char *name, const char *begin, const char *end)
{
    size_t n = strlen(name), b = strlen(begin), e = strlen(end);
    return n > b + e && strncmp(name, begin, b) == 0 && strcmp(name + n - e, end) == 0;
}

void folder_sweep(const char *path, const char *begin, const char *end)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_between(e->d_name, begin, end))
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

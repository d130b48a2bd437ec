#include "base/folder.h"
#include "base/text.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
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

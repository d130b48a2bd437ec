#include "tests/lib/temp_folder.h"
#include "base/err.h"
#include "base/text.h"
#include "tests/lib/check.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_MAX (1u << 24)

struct temp_folder temp_folder_make(void)
{
    struct temp_folder f;
    const char *base = getenv("TMPDIR");
    int n = snprintf(f.path, sizeof f.path, "%s/chorale-test-XXXXXX", base && *base ? base : "/tmp");
    check(n > 0 && (size_t)n < sizeof f.path && mkdtemp(f.path) != NULL, "a folder");
    return f;
}

const char *temp_folder_path(const struct temp_folder *f, const char *name)
{
    static _Thread_local char path[512];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return path;
}

void temp_folder_put(const struct temp_folder *f, const char *name, const void *bytes, size_t n)
{
    FILE *out = fopen(temp_folder_path(f, name), "wb");
    check(out && fwrite(bytes, 1, n, out) == n, "%s is written", name);
    if (out)
        fclose(out);
}

void temp_folder_take(const struct temp_folder *f, const char *name)
{
    const char *path = temp_folder_path(f, name);
    if (unlink(path) != 0)
        rmdir(path);
}

void temp_folder_copy(const struct temp_folder *f, const char *name, const char *from)
{
    struct text t = { 0 };
    check(text_read_file(&t, from, COPY_MAX) == 0, "%s", err_text());
    temp_folder_put(f, name, text_s(&t), t.len);
    text_free(&t);
}

void temp_folder_remove(const struct temp_folder *f)
{
    DIR *d = opendir(f->path);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            temp_folder_take(f, e->d_name);
    if (d)
        closedir(d);
    check(rmdir(f->path) == 0, "%s is empty", f->path);
}

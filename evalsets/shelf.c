#include "evalsets/shelf.h"
#include "base/err.h"
#include "base/mem.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_README ((size_t)1 << 20)

/* The one place of bundled evalsets; written by shelf_set_home() alone. */
static struct {
    struct text data; /* home/evalsets/data */
    char **names;     /* (n,) sorted */
    size_t n, cap;
} shelf;

static bool has_file(const char *folder, const char *file)
{
    struct text path = { 0 };
    struct stat st;
    text_addf(&path, "%s/%s", folder, file);
    bool there = stat(text_s(&path), &st) == 0 && S_ISREG(st.st_mode);
    text_free(&path);
    return there;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void shelf_set_home(const char *home)
{
    for (size_t i = 0; i < shelf.n; i++)
        free(shelf.names[i]);
    shelf.n = 0;
    text_clear(&shelf.data);
    text_addf(&shelf.data, "%s/evalsets/data", home);
    DIR *d = opendir(text_s(&shelf.data));
    for (const struct dirent *f; d && (f = readdir(d));) {
        struct text folder = { 0 };
        text_addf(&folder, "%s/%s", text_s(&shelf.data), f->d_name);
        if (f->d_name[0] != '.' && has_file(text_s(&folder), "evalset.json")) {
            mem_grow(&shelf.names, &shelf.cap, shelf.n + 1, sizeof *shelf.names);
            shelf.names[shelf.n++] = mem_string(f->d_name);
        }
        text_free(&folder);
    }
    if (d)
        closedir(d);
    if (shelf.n > 0)
        qsort(shelf.names, shelf.n, sizeof *shelf.names, by_name);
}

const char *const *shelf_names(size_t *n)
{
    *n = shelf.n;
    return (const char *const *)shelf.names;
}

/* A bundled evalset's folder, else a folder with an evalset.json. */
static bool resolve(const char *name, struct text *path)
{
    text_clear(path);
    for (size_t i = 0; i < shelf.n; i++)
        if (strcmp(shelf.names[i], name) == 0) {
            text_addf(path, "%s/%s", text_s(&shelf.data), name);
            return true;
        }
    text_add(path, name);
    return *name && has_file(name, "evalset.json");
}

int shelf_find(const char *name, struct text *path, struct text *split)
{
    text_clear(split);
    if (resolve(name, path))
        return 0;
    const char *slash = strrchr(name, '/');
    if (slash && slash[1]) {
        char *folder = mem_string(name);
        folder[slash - name] = '\0';
        bool found = resolve(folder, path);
        free(folder);
        if (found) {
            text_add(split, slash + 1);
            return 0;
        }
    }
    struct stat st;
    if (stat(name, &st) == 0)
        return err_set(
            ERR_DATA,
            S_ISDIR(st.st_mode)
                ? "evalset '%s': no evalset.json in this folder"
                : "evalset '%s': a file, want a folder with evalset.json and items.jsonl (evalsets/README.md)",
            name);
    return err_unknown(ERR_DATA, "evalset", name, (const char *const *)shelf.names, shelf.n);
}

int shelf_readme(const char *path, struct text *first)
{
    struct text file = { 0 }, all = { 0 };
    text_clear(first);
    text_addf(&file, "%s/README.md", path);
    struct stat st;
    int rc = lstat(text_s(&file), &st) == 0 ? text_read_regular(&all, text_s(&file), MAX_README) : 0;
    const char *s = text_s(&all);
    while (rc == 0 && *s) {
        size_t n = strcspn(s, "\n");
        bool blank = strspn(s, " \t\r") >= n;
        if (blank && first->len > 0)
            break;
        if (!blank && *s != '#') {
            if (first->len > 0)
                text_add(first, " ");
            text_addn(first, s, n - (s[n - 1] == '\r'));
        }
        s += n + (s[n] == '\n');
    }
    text_free(&file);
    text_free(&all);
    return rc;
}

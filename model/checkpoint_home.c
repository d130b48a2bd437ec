/* Bundled checkpoints: the folders of model/zoo below the home that have a config.json. */
#include "base/err.h"
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The home is set once before anything is opened; the list is what the last checkpoint_names() found. */
static char *home;
static struct {
    char **name; /* (n,) */
    size_t n, cap;
} known;

void checkpoint_set_home(const char *path)
{
    free(home);
    home = mem_string(path);
}

static const char *home_or_none(void)
{
    const char *set = home ? home : getenv("CHORALE_HOME");
    return set && *set ? set : NULL;
}

static void add_if_checkpoint(const char *zoo, const char *name)
{
    struct text config = { 0 };
    text_addf(&config, "%s/%s/config.json", zoo, name);
    if (name[0] != '.' && access(text_s(&config), R_OK) == 0) {
        struct text full = { 0 };
        text_addf(&full, "zoo:%s", name);
        mem_grow(&known.name, &known.cap, known.n + 1, sizeof *known.name);
        known.name[known.n++] = full.s;
    }
    text_free(&config);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *const *checkpoint_names(size_t *n)
{
    struct text zoo = { 0 };
    while (known.n > 0)
        free(known.name[--known.n]);
    text_addf(&zoo, "%s/model/zoo", home_or_none() ? home_or_none() : "");
    DIR *folder = home_or_none() ? opendir(text_s(&zoo)) : NULL;
    for (const struct dirent *e; folder && (e = readdir(folder));)
        add_if_checkpoint(text_s(&zoo), e->d_name);
    if (folder)
        closedir(folder);
    text_free(&zoo);
    if (known.n > 0)
        qsort(known.name, known.n, sizeof *known.name, by_name);
    *n = known.n;
    return (const char *const *)known.name;
}

char *checkpoint_zoo_path(const char *name)
{
    size_t n;
    const char *const *names = checkpoint_names(&n);
    struct text path = { 0 };
    if (!home_or_none()) {
        err_set(ERR_DATA, "checkpoint '%s': where the bundled ones are is not known; set CHORALE_HOME", name);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) {
            text_addf(&path, "%s/model/zoo/%s", home_or_none(), name + strlen("zoo:"));
            return path.s;
        }
    err_unknown(ERR_DATA, "checkpoint", name, names, n);
    return NULL;
}

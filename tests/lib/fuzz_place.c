#include "tests/lib/fuzz_place.h"
#include "model/core.h"
#include "model/transformer.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static const char *const *file;
static size_t n_files;

const char *fuzz_place_folder(void)
{
    return folder;
}

const char *fuzz_place_path(size_t i)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, file[i]);
    return path;
}

void fuzz_place_clean(void)
{
    for (size_t i = 0; i < n_files; i++)
        unlink(fuzz_place_path(i));
}

static void finish(void)
{
    fuzz_place_clean();
    rmdir(folder);
}

void fuzz_place_open(const char *const names[], size_t n)
{
    if (*folder)
        return;
    file = names;
    n_files = n;
    snprintf(folder, sizeof folder, "%s/chorale-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    atexit(finish);
}

void fuzz_place_write(size_t i, const uint8_t *bytes, size_t n)
{
    int fd = open(fuzz_place_path(i), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        abort();
    close(fd);
}

void fuzz_place_step(struct checkpoint *c)
{
    struct threads *threads = threads_alloc(1);
    struct core *core = core_alloc();
    struct lm *lm =
        transformer_open(c, &(struct transformer_options){ .threads = threads, .kernels = "reference", .chunk = 2 });
    sym_t s[3] = { 0, 0, 0 };
    if (lm && lm->max_length >= 3 && c->config.n_layers < 8) {
        s[1] = lm->space->n - 1;
        struct want w = { .lm = lm, .slot = lm_fork(lm, LM_EMPTY, 0), .n_rows = 1, .tap = LM_TAP_FINAL };
        struct row row;
        if (lm_push(lm, w.slot, s, 3, NULL) == 0 && core_run(core, &w, 1) == 0 && lm_rows(&w, &row) == 0 &&
            row.n != lm->space->n)
            abort();
    }
    lm_free(lm);
    core_free(core);
    threads_free(threads);
}

/* GGUF files in parts: the input is the lengths of the first two parts in 2 bytes each, then three parts.  What opens has
 * tensors within its files, and computes a step. */
#include "base/err.h"
#include "model/core.h"
#include "model/transformer.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = { "m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf" };
#define N_NAMES (sizeof names / sizeof *names)

static char folder[64];

static const char *path_of(size_t i)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    return path;
}

static void finish(void)
{
    for (size_t i = 0; i < N_NAMES; i++)
        unlink(path_of(i));
    rmdir(folder);
}

static void make_folder(void)
{
    if (*folder)
        return;
    snprintf(folder, sizeof folder, "%s/chorale-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    atexit(finish);
}

static void write_file(size_t i, const uint8_t *bytes, size_t n)
{
    int fd = open(path_of(i), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        abort();
    close(fd);
}

static void step(struct checkpoint *c)
{
    struct threads *threads = threads_alloc(1);
    struct core *core = core_alloc();
    struct lm *lm =
        transformer_open(c, &(struct transformer_options){ .threads = threads, .kernels = "reference", .chunk = 2 });
    sym_t s[2] = { 0, 0 };
    if (lm && lm->max_length >= 2 && c->config.n_layers < 8) {
        struct want w = { .lm = lm, .slot = lm_fork(lm, LM_EMPTY, 0), .n_rows = 1, .tap = LM_TAP_FINAL };
        struct row row;
        if (lm_push(lm, w.slot, s, 2, NULL) == 0 && core_run(core, &w, 1) == 0 && lm_rows(&w, &row) == 0 &&
            row.n != lm->space->n)
            abort();
    }
    lm_free(lm);
    core_free(core);
    threads_free(threads);
}

/* Every byte of every tensor can be read. */
static void read_tensors(const struct checkpoint *c)
{
    unsigned sum = 0;
    for (size_t i = 0; i < c->n_tensors; i++)
        for (uint64_t k = 0; k < c->tensors[i].bytes; k++)
            sum += ((const uint8_t *)c->tensors[i].data)[k];
    if (sum == UINT32_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint16_t length[2];
    if (n < sizeof length)
        return 0;
    memcpy(length, data, sizeof length);
    data += sizeof length;
    n -= sizeof length;
    size_t first = length[0] < n ? length[0] : n, second = length[1] < n - first ? length[1] : n - first;
    make_folder();
    write_file(0, data, first);
    write_file(1, data + first, second);
    write_file(2, data + first + second, n - first - second);
    struct checkpoint *c = checkpoint_open_weights(path_of(0));
    if (!c && err_code() != ERR_DATA && err_code() != ERR_IO)
        abort();
    if (c) {
        read_tensors(c);
        step(c);
    }
    checkpoint_close(c);
    return 0;
}

/* llama2.c files of any bytes with any tokenizer: the input is the length of the weights in 4 bytes, the weights, the
 * tokenizer.  What opens encodes a text and computes a step. */
#include "base/err.h"
#include "model/core.h"
#include "model/transformer.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = { "m.bin", "tokenizer.bin" };
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

static void encode(struct vocab *v)
{
    static const char text[] = "ab 12\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x99\x82\xff z";
    struct symbols out = { 0 };
    if (vocab_encode(v, text, sizeof text - 1, &out) == 0)
        for (size_t i = 0; i < out.n; i++)
            if (out.s[i] >= vocab_space(v)->n)
                abort();
    free(out.s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint32_t weights;
    if (n < sizeof weights)
        return 0;
    memcpy(&weights, data, sizeof weights);
    data += sizeof weights;
    n -= sizeof weights;
    weights = weights < n ? weights : (uint32_t)n;
    make_folder();
    write_file(0, data, weights);
    write_file(1, data + weights, n - weights);
    struct checkpoint *c = checkpoint_open(path_of(0));
    if (!c && err_code() != ERR_DATA && err_code() != ERR_IO)
        abort();
    if (c) {
        encode(c->vocab);
        step(c);
    }
    checkpoint_close(c);
    return 0;
}

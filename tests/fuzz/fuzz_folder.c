/* Checkpoint folders of any files: the input is cut into files, the folder is opened, and what opens computes a step.
 *
 * A file begins with a line "\n=== N\n", N a digit that names it; what is before the first such line is config.json. */
#include "base/err.h"
#include "model/core.h"
#include "model/transformer.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = { "config.json",       "generation_config.json", "tokenizer_config.json",
                                     "tokenizer.json",    "chat_template.jinja",    "model.safetensors.index.json",
                                     "model.safetensors", "a.safetensors",          "b.safetensors",
                                     "model.gguf" };
#define N_NAMES (sizeof names / sizeof *names)

static char folder[64];

static const char *path_of(size_t i)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    return path;
}

static void clean(void)
{
    for (size_t i = 0; i < N_NAMES; i++)
        unlink(path_of(i));
}

static void finish(void)
{
    clean();
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

/* Where the line that begins the next file is; its digit in *name; the end when there is none. */
static size_t next_file(const uint8_t *data, size_t from, size_t n, size_t *name)
{
    static const char line[] = "\n=== ";
    for (; from + sizeof line + 1 <= n; from++)
        if (memcmp(data + from, line, sizeof line - 1) == 0 && data[from + 5] >= '0' && data[from + 5] <= '9' &&
            data[from + 6] == '\n') {
            *name = (size_t)(data[from + 5] - '0');
            return from;
        }
    return n;
}

static void write_files(const uint8_t *data, size_t n)
{
    for (size_t from = 0, name = 0, next_name = 0; from < n; name = next_name) {
        size_t to = next_file(data, from, n, &next_name);
        write_file(name, data + from, to - from);
        from = to + sizeof "\n=== 0\n" - 1;
    }
}

static void step(struct checkpoint *c)
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

/* Opened in each way. */
static void open_all(const char *path)
{
    struct checkpoint *(*const ways[])(const char *) = { checkpoint_open, checkpoint_open_vocab,
                                                         checkpoint_open_weights };
    for (size_t i = 0; i < 3; i++) {
        struct checkpoint *c = ways[i](path);
        if (c && i != 1)
            step(c);
        if (c && (checkpoint_hash(c) != 0 || strlen(c->hash) != 64))
            abort();
        if (!c && err_code() != ERR_DATA && err_code() != ERR_IO)
            abort();
        checkpoint_close(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    make_folder();
    clean();
    write_files(data, n);
    open_all(folder);
    if (access(path_of(9), F_OK) == 0)
        open_all(path_of(9));
    return 0;
}

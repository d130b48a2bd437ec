/* Checkpoint folders of any files: the input is cut into files, the folder is opened, and what opens computes a step.
 *
 * A file begins with a line "\n=== N\n", N a digit that names it; what is before the first such line is config.json. */
#include "base/err.h"
#include "tests/lib/fuzz_place.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = { "config.json",       "generation_config.json", "tokenizer_config.json",
                                     "tokenizer.json",    "chat_template.jinja",    "model.safetensors.index.json",
                                     "model.safetensors", "a.safetensors",          "b.safetensors",
                                     "model.gguf" };
#define N_NAMES (sizeof names / sizeof *names)

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
        fuzz_place_write(name, data + from, to - from);
        from = to + sizeof "\n=== 0\n" - 1;
    }
}

/* Opened in each way. */
static void open_all(const char *path)
{
    struct checkpoint *(*const ways[])(const char *) = { checkpoint_open, checkpoint_open_vocab,
                                                         checkpoint_open_weights };
    for (size_t i = 0; i < 3; i++) {
        struct checkpoint *c = ways[i](path);
        if (c && i != 1)
            fuzz_place_step(c);
        if (c && (checkpoint_hash(c) != 0 || strlen(c->hash) != 64))
            abort();
        if (!c && err_code() != ERR_DATA && err_code() != ERR_IO)
            abort();
        checkpoint_close(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_place_open(names, N_NAMES);
    fuzz_place_clean();
    write_files(data, n);
    open_all(fuzz_place_folder());
    if (access(fuzz_place_path(9), F_OK) == 0)
        open_all(fuzz_place_path(9));
    return 0;
}

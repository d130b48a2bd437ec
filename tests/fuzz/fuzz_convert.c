/* Conversions of any files: the input is cut into files as fuzz_folder.c does it; the folder becomes GGUF and a folder again, the
 * GGUF file among them a folder.  What computes must compute when it comes out.
 *
 * A file begins with a line "\n=== N\n", N a hexadecimal digit that names it. */
#include "base/err.h"
#include "base/folder.h"
#include "model/convert.h"
#include "model/weights.h"
#include "tests/lib/fuzz_place.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The first ten are those of fuzz_folder.c. */
static const char *const names[] = { "config.json",
                                     "generation_config.json",
                                     "tokenizer_config.json",
                                     "tokenizer.json",
                                     "chat_template.jinja",
                                     "model.safetensors.index.json",
                                     "model.safetensors",
                                     "a.safetensors",
                                     "b.safetensors",
                                     "model.gguf",
                                     "tokenizer.model",
                                     "added_tokens.json",
                                     "special_tokens_map.json",
                                     "out.gguf" };
#define N_NAMES (sizeof names / sizeof *names)
#define GGUF    9
#define OUT     (N_NAMES - 1)

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'c' ? c - 'a' + 10 : -1;
}

static size_t next_file(const uint8_t *data, size_t from, size_t n, size_t *name)
{
    static const char line[] = "\n=== ";
    for (; from + sizeof line + 1 <= n; from++)
        if (memcmp(data + from, line, sizeof line - 1) == 0 && digit_of(data[from + 5]) >= 0 &&
            data[from + 6] == '\n') {
            *name = (size_t)digit_of(data[from + 5]);
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

/* Whether its weights are those of a decoder. */
static bool computes(const char *path)
{
    struct checkpoint *c = checkpoint_open_weights(path);
    struct weights *w = c ? weights_open(c) : NULL;
    bool fine = w != NULL;
    weights_close(w);
    checkpoint_close(c);
    return fine;
}

static int convert(const char *from, const char *to, const char *type)
{
    struct convert_options o = { .type = type, .seed = 1 };
    struct text remarks = { 0 };
    int rc = convert_checkpoint(from, to, &o, &remarks);
    if (rc != 0 && rc != ERR_DATA && rc != ERR_IO)
        abort();
    if (rc == 0 && computes(from) && !computes(to))
        abort();
    text_free(&remarks);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char out[128], gguf[128], back[160];
    fuzz_place_open(names, N_NAMES);
    fuzz_place_clean();
    snprintf(out, sizeof out, "%s", fuzz_place_path(OUT));
    snprintf(gguf, sizeof gguf, "%s", fuzz_place_path(GGUF));
    snprintf(back, sizeof back, "%s/back", fuzz_place_folder());
    write_files(data, n);
    if (convert(fuzz_place_folder(), out, n % 3 == 0 ? "q8_0" : NULL) == 0)
        convert(out, back, NULL);
    folder_remove(back, 0);
    if (access(gguf, F_OK) == 0)
        convert(gguf, back, n % 3 == 0 ? "f16" : NULL);
    folder_remove(back, 0);
    return 0;
}

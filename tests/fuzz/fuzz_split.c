/* GGUF files in parts: the input is the lengths of the first two parts in 2 bytes each, then three parts.  What opens has
 * tensors within its files, and computes a step. */
#include "base/err.h"
#include "tests/lib/fuzz_place.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = { "m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf" };
#define N_NAMES (sizeof names / sizeof *names)

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
    fuzz_place_open(names, N_NAMES);
    fuzz_place_write(0, data, first);
    fuzz_place_write(1, data + first, second);
    fuzz_place_write(2, data + first + second, n - first - second);
    struct checkpoint *c = checkpoint_open_weights(fuzz_place_path(0));
    if (!c && err_code() != ERR_DATA && err_code() != ERR_IO)
        abort();
    if (c) {
        read_tensors(c);
        fuzz_place_step(c);
    }
    checkpoint_close(c);
    return 0;
}

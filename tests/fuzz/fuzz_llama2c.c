/* llama2.c files of any bytes with any tokenizer: the input is the length of the weights in 4 bytes, the weights, the
 * tokenizer.  What opens encodes a text and computes a step. */
#include "base/err.h"
#include "tests/lib/fuzz_place.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = { "m.bin", "tokenizer.bin" };
#define N_NAMES (sizeof names / sizeof *names)

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
    fuzz_place_open(names, N_NAMES);
    fuzz_place_write(0, data, weights);
    fuzz_place_write(1, data + weights, n - weights);
    struct checkpoint *c = checkpoint_open(fuzz_place_path(0));
    if (!c && err_code() != ERR_DATA && err_code() != ERR_IO)
        abort();
    if (c) {
        encode(c->vocab);
        fuzz_place_step(c);
    }
    checkpoint_close(c);
    return 0;
}

/* GGUF files of any bytes: what is accepted can be read to its last byte; keys of every type, and the strings of arrays. */
#include "base/mem.h"
#include "model/gguf.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_value(const struct gguf *g, const struct gguf_pair *p, const uint8_t *end)
{
    uint32_t u = 0;
    float f = 0;
    bool b = false;
    char *s = NULL;
    gguf_maybe_u32(g, p->key, &u);
    gguf_maybe_real(g, p->key, &f);
    gguf_maybe_bool(g, p->key, &b);
    gguf_maybe_string(g, p->key, &s);
    free(s);
    const struct gguf_value *a;
    if (gguf_array(g, p->key, GGUF_STRING, &a) < 0)
        return;
    const uint8_t *at = a->data;
    for (uint64_t i = 0; i < a->n; i++) {
        uint64_t length;
        const char *text = gguf_next_string(&at, &length);
        if ((const uint8_t *)text + length != at || at > end)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *bytes = aligned_alloc(4096, (n / 4096 + 1) * 4096);
    memcpy(bytes, data, n);
    struct gguf *g = gguf_read("input", bytes, n);
    for (size_t i = 0; g && i < g->n_pairs; i++)
        read_value(g, &g->pairs[i], bytes + n);
    for (size_t i = 0; g && i < g->tensors.n; i++) {
        const struct tensor *t = &g->tensors.t[i];
        if ((const uint8_t *)t->data < bytes || t->bytes > (uint64_t)(bytes + n - (const uint8_t *)t->data))
            abort();
    }
    gguf_free(g);
    free(bytes);
    return 0;
}

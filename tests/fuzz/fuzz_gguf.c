/* GGUF files of any bytes: what is accepted can be read to its last byte; keys of every type, the strings of
 * arrays, the tokenizer (as tokenizer.json too), and the values of tensors. */
#include "base/mem.h"
#include "model/vocab_gguf.h"
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

/* A text of all lengths of characters, also through a tokenizer that the file made up. */
static void encode(const struct gguf *g)
{
    static const char text[] = "ab 12\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x99\x82\xff z";
    struct vocab *v = vocab_read_gguf(g);
    struct symbols out = { 0 };
    if (v && vocab_encode(v, text, sizeof text - 1, &out) == 0)
        for (size_t i = 0; i < out.n; i++)
            if (out.s[i] >= vocab_space(v)->n)
                abort();
    free(out.s);
    vocab_free(v);
}

static void widen(const struct tensor *t)
{
    size_t n = (size_t)t->dims[t->n_dims - 1];
    if (t->bytes > 1 << 16)
        return;
    float *row = mem_alloc(n, sizeof *row);
    for (uint64_t at = 0; at < t->bytes; at += dtype_row_bytes(t->type, n))
        dtype_to_f32(t->type, (const char *)t->data + at, n, row);
    free(row);
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
        widen(t);
    }
    if (g)
        encode(g);
    gguf_free(g);
    free(bytes);
    return 0;
}

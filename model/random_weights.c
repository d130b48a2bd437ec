#include "model/random_weights.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/threads.h"
#include "model/convert_inside.h"
#include "model/kernel.h"
#include "model/quant_pack.h"
#include "model/vocab.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGN 64u

struct random_weights {
    struct checkpoint *c;
    void *slab; /* (bytes,) all tensors */
    size_t bytes;
};

/* Shapes of stories15M, stories110M, TinyLlama, Llama 2 7B, Llama 3.1 8B and 70B. */
static const struct {
    const char *name, *shape;
} known[] = {
    { "15M", "llama(dim=288, layers=6, heads=6, ffn=768, vocab=32000)" },
    { "110M", "llama(dim=768, layers=12, heads=12, ffn=2048, vocab=32000)" },
    { "1.1B", "llama(dim=2048, layers=22, heads=32, kv_heads=4, ffn=5632, vocab=32000)" },
    { "7B", "llama(dim=4096, layers=32, heads=32, ffn=11008, vocab=32000, context=4096)" },
    { "8B", "llama(dim=4096, layers=32, heads=32, kv_heads=8, ffn=14336, vocab=128256, context=8192)" },
    { "70B", "llama(dim=8192, layers=80, heads=64, kv_heads=8, ffn=28672, vocab=128256, context=8192)" },
};

/* What a block's scales must be for values that spread as those of a uniform distribution in +-1 do: the first, and the
 * second in units of it. */
static const struct {
    float first, second;
} scales[DTYPE_COUNT] = {
    [DTYPE_Q8_0] = { 1.0f / 128, 0 },  [DTYPE_Q4_0] = { 1.0f / 8, 0 },       [DTYPE_Q4_1] = { 1.0f / 8, -7.5f },
    [DTYPE_Q5_0] = { 1.0f / 16, 0 },   [DTYPE_Q5_1] = { 1.0f / 16, -15.5f }, [DTYPE_Q2_K] = { 1.0f / 24, 1.5f },
    [DTYPE_Q3_K] = { 1.0f / 76, 0 },   [DTYPE_Q4_K] = { 1.0f / 480, 7.5f },  [DTYPE_Q5_K] = { 1.0f / 960, 15.5f },
    [DTYPE_Q6_K] = { 1.0f / 2368, 0 },
};

/* The finaliser of splitmix64 (Steele, Lea and Flood 2014): of numbers in a row, numbers that are not. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* `from`: where in the one sequence of random numbers a tensor's begin. */
static void fill_blocks(enum dtype type, uint8_t *data, uint64_t bytes, float size, uint64_t from)
{
    uint16_t first = quant_to_f16(size * scales[type].first);
    uint16_t second = quant_to_f16(size * scales[type].first * scales[type].second);
    for (uint64_t i = 0; i < bytes; i += sizeof i) {
        uint64_t x = mix(from + i);
        memcpy(data + i, &x, bytes - i < sizeof x ? bytes - i : sizeof x);
    }
    for (uint64_t at = 0; at < bytes; at += dtype_block_bytes(type))
        for (size_t i = 0; dtype_scale_at(type, i) >= 0; i++)
            memcpy(data + at + dtype_scale_at(type, i), i == 0 ? &first : &second, sizeof first);
}

static void fill_values(enum dtype type, void *data, uint64_t n, float size, uint64_t from)
{
    for (uint64_t i = 0; i < n; i++) {
        float x = size * ((float)(mix(from + i) >> 40) * 0x1p-23f - 1);
        uint16_t half = type == DTYPE_F16 ? quant_to_f16(x) : kernel_to_bf16(x);
        if (type == DTYPE_F32)
            memcpy((float *)data + i, &x, sizeof x);
        else
            memcpy((uint16_t *)data + i, &half, sizeof half);
    }
}

/* The tensors of a checkpoint differ: queries that are the keys would make attention a matter of last bits. */
static void fill_tensor(const struct tensor *t, uint64_t number, void *data)
{
    uint64_t from = (number + 1) << 40;
    uint64_t k = t->dims[t->n_dims - 1], n = t->n_dims > 1 ? t->dims[0] * k : k;
    float size = sqrtf(3.0f / (float)k);
    if (t->n_dims == 1)
        for (uint64_t i = 0; i < n; i++)
            memcpy((float *)data + i, &(float){ 1 }, sizeof(float));
    else if (dtype_block(t->type) > 1)
        fill_blocks(t->type, data, t->bytes, size, from);
    else
        fill_values(t->type, data, n, size, from);
}

static enum dtype type_of(const struct tensor *t, enum dtype type)
{
    uint64_t k = t->dims[t->n_dims - 1];
    if (t->n_dims == 1)
        return DTYPE_F32;
    if (k % dtype_block(type) == 0)
        return type;
    return k % dtype_block(DTYPE_Q8_0) == 0 ? DTYPE_Q8_0 : DTYPE_BF16;
}

/* Types and sizes; the bytes of all, in *total. */
static int lay_out(struct tensor *t, size_t n, enum dtype type, uint64_t *total)
{
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        t[i].type = type_of(&t[i], type);
        TRY(tensor_measure("random", &t[i], &t[i].bytes));
        *total += (t[i].bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    return 0;
}

static void fill_part(void *ctx, size_t i, size_t worker)
{
    const struct tensor *t = (const struct tensor *)ctx + i;
    (void)worker;
    fill_tensor(t, i, (void *)(uintptr_t)t->data); /* the slab is ours to write */
}

static int fill(struct random_weights *r, enum dtype type)
{
    struct tensor *t = (struct tensor *)(uintptr_t)r->c->tensors; /* its list is ours */
    size_t n = r->c->n_tensors;
    uint64_t total;
    TRY(lay_out(t, n, type, &total));
    r->slab = mmap(NULL, (size_t)total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->slab == MAP_FAILED) {
        r->slab = NULL;
        return err_set(ERR_MEMORY, "random weights: no %llu bytes of memory", (unsigned long long)total);
    }
    r->bytes = (size_t)total;
    madvise(r->slab, r->bytes, MADV_HUGEPAGE); /* 2 MB pages where there are any: fewer address lookups */
    uint8_t *at = r->slab;
    for (size_t i = 0; i < n; i++) {
        t[i].data = at;
        at += (t[i].bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    struct threads *threads = threads_alloc(threads_cores());
    threads_run(threads, n, fill_part, t);
    threads_free(threads);
    return 0;
}

/* Bytes, and tokens that no text becomes; the second symbol ends a text. */
static int give_tokenizer(struct checkpoint *c)
{
    static const sym_t ends[] = { 1 };
    char *text = convert_random_tokenizer(c->config.n_vocab);
    c->vocab = vocab_read_json(c->name, text, strlen(text), ends, 1);
    free(text);
    return c->vocab ? 0 : err_code();
}

struct random_weights *random_weights_open(const char *shape, enum dtype type)
{
    struct random_weights *r = mem_alloc(1, sizeof *r);
    const char *text = shape;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(shape, known[i].name) == 0)
            text = known[i].shape;
    r->c = convert_open_random(text);
    if (!r->c || fill(r, type) < 0) {
        random_weights_close(r);
        return NULL;
    }
    r->c->name = "random";
    if (give_tokenizer(r->c) < 0) {
        random_weights_close(r);
        return NULL;
    }
    hash_sha256(text, strlen(text), r->c->hash);
    return r;
}

void random_weights_close(struct random_weights *r)
{
    if (!r)
        return;
    if (r->c) {
        vocab_free(r->c->vocab);
        convert_close_random(r->c);
    }
    if (r->slab)
        munmap(r->slab, r->bytes);
    free(r);
}

struct checkpoint *random_weights_checkpoint(struct random_weights *r)
{
    return r->c;
}

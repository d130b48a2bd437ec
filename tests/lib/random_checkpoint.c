#include "tests/lib/random_checkpoint.h"
#include "base/doc.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/byte_level.h"
#include "model/kernel.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct tensor *tensors;
    size_t n, cap;
    enum dtype type;
    uint64_t seed;
};

static float uniform(uint64_t i, uint64_t seed)
{
    return (float)((double)(hash_bytes(&i, sizeof i, seed) >> 11) * 0x1p-52 - 1);
}

static uint16_t to_f16(float x) /* |x| in 2^-14 .. 1 or so; truncates */
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 23 & 0xff) - 127 + 15; /* below: 0 */
    return (uint16_t)((bits >> 16 & 0x8000u) | (exponent <= 0 ? 0u : (uint32_t)exponent << 10 | (bits >> 13 & 0x3ffu)));
}

static void put(enum dtype type, void *data, size_t i, float x)
{
    uint16_t half = type == DTYPE_F16 ? to_f16(x) : kernel_to_bf16(x);
    if (type == DTYPE_F32) {
        memcpy((float *)data + i, &x, sizeof x);
    } else {
        memcpy((uint16_t *)data + i, &half, sizeof half);
    }
}

/* The largest multiples of the scales of block types, and what the second is in units of the first. */
static const struct {
    float range, second;
} ranges[DTYPE_COUNT] = {
    [DTYPE_Q8_0] = { 128, 0 },  [DTYPE_Q4_0] = { 8, 0 },       [DTYPE_Q4_1] = { 8, -7.5f },
    [DTYPE_Q5_0] = { 16, 0 },   [DTYPE_Q5_1] = { 16, -15.5f }, [DTYPE_Q2_K] = { 24, 1.5f },
    [DTYPE_Q3_K] = { 128, 0 },  [DTYPE_Q4_K] = { 480, 7.5f },  [DTYPE_Q5_K] = { 960, 15.5f },
    [DTYPE_Q6_K] = { 1500, 0 },
};

/* Blocks of random bytes, their scales such that values are of about that size. */
static void put_blocks(enum dtype type, uint8_t *data, uint64_t bytes, uint64_t seed, float size)
{
    float first = size / ranges[type].range;
    for (uint64_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)hash_bytes(&i, sizeof i, seed);
    for (uint64_t at = 0; at < bytes; at += dtype_block_bytes(type))
        for (size_t i = 0; dtype_scale_at(type, i) >= 0; i++) {
            uint16_t scale = to_f16(i == 0 ? first : first * ranges[type].second);
            memcpy(data + at + dtype_scale_at(type, i), &scale, sizeof scale);
        }
}

/* Uniform weights with the variance 1 / k of common initialisations; norms between 0.5 and 1.5, biases around 0. */
static void add(struct builder *b, const struct config *c, const struct architecture_place *p)
{
    char name[ARCHITECTURE_NAME_BYTES];
    size_t n, k;
    architecture_name(p, name);
    architecture_shape(c, p, &n, &k);
    enum dtype type = k > 0 ? b->type : DTYPE_F32;
    size_t width = k > 0 ? k : n, rows = k > 0 ? n : 1;
    float size = k > 0 ? sqrtf(3.0f / (float)k) : 0.5f;
    float centre = architecture_is_norm(p->tensor->role) && !p->bias ? 1 - c->norm_offset : 0;
    uint64_t seed = hash_bytes(name, strlen(name), b->seed);
    mem_grow(&b->tensors, &b->cap, b->n + 1, sizeof *b->tensors);
    struct tensor *t = &b->tensors[b->n++];
    bool turn = c->transposed && k > 0 && !architecture_is_top(p->tensor->role);
    *t = (struct tensor){ .name = mem_string(name), .type = type, .n_dims = k > 0 ? 2 : 1, .dims = { n, k } };
    if (turn) {
        t->dims[0] = k;
        t->dims[1] = n;
    }
    t->bytes = rows * dtype_row_bytes(type, width);
    void *data = mem_aligned((size_t)t->bytes, 1);
    if (dtype_block(type) > 1)
        put_blocks(type, data, t->bytes, seed, size);
    for (size_t i = 0; dtype_block(type) == 1 && i < rows * width; i++)
        put(type, data, i, uniform(i, seed) * size + centre);
    t->data = data;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

struct checkpoint *random_checkpoint(const struct config *config, enum dtype type, uint64_t seed)
{
    struct builder b = { .type = type, .seed = seed };
    struct checkpoint *c = mem_alloc(1, sizeof *c);
    for (struct architecture_place p = { 0 }; architecture_next(config, &p);)
        add(&b, config, &p);
    qsort(b.tensors, b.n, sizeof *b.tensors, by_name);
    *c = (struct checkpoint){
        .name = "random", .path = "", .format = "memory", .config = *config, .tensors = b.tensors, .n_tensors = b.n
    };
    hash_sha256(&seed, sizeof seed, c->hash);
    return c;
}

void random_checkpoint_free(struct checkpoint *c)
{
    for (size_t i = 0; i < c->n_tensors; i++) {
        free((void *)(uintptr_t)c->tensors[i].data);
        free((void *)(uintptr_t)c->tensors[i].name);
    }
    free((void *)(uintptr_t)c->tensors);
    free(c);
}

void *random_checkpoint_data(struct checkpoint *c, const char *tensor)
{
    const struct tensor *t = c->tensors;
    while (strcmp(t->name, tensor) != 0)
        t++;
    assert(t < c->tensors + c->n_tensors);
    return (void *)(uintptr_t)t->data;
}

static void add_config(struct text *t, const struct config *c)
{
    json_t *o = json_pack("{s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:f,s:f,s:b}", "model_type", "llama", "vocab_size",
                          (int)c->n_vocab, "hidden_size", (int)c->dim, "num_hidden_layers", (int)c->n_layers,
                          "num_attention_heads", (int)c->n_heads, "num_key_value_heads", (int)c->n_kv_heads, "head_dim",
                          (int)c->head_dim, "intermediate_size", (int)c->ffn, "max_position_embeddings",
                          (int)c->max_positions, "rms_norm_eps", (double)c->norm_eps, "rope_theta",
                          (double)c->rope_theta, "tie_word_embeddings", (int)c->tied_head);
    assert(o);
    doc_pretty(t, o);
    json_decref(o);
}

static void add_tensors(struct text *t, const struct checkpoint *c)
{
    static const char *const types[] = { [DTYPE_F32] = "F32", [DTYPE_F16] = "F16", [DTYPE_BF16] = "BF16" };
    struct text header = { 0 };
    uint64_t at = 0;
    text_add(&header, "{");
    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct tensor *x = &c->tensors[i];
        text_addf(&header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu", i > 0 ? "," : "", x->name, types[x->type],
                  (unsigned long long)x->dims[0]);
        if (x->n_dims > 1)
            text_addf(&header, ",%llu", (unsigned long long)x->dims[1]);
        text_addf(&header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                  (unsigned long long)(at + x->bytes));
        at += x->bytes;
    }
    text_add(&header, "}");
    while (header.len % 8 != 0)
        text_add(&header, " ");
    uint64_t length = header.len;
    text_addn(t, &length, sizeof length);
    text_addn(t, header.s, header.len);
    for (size_t i = 0; i < c->n_tensors; i++)
        text_addn(t, c->tensors[i].data, (size_t)c->tensors[i].bytes);
    text_free(&header);
}

static int write_part(const char *folder, const char *name, const struct text *t)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", folder, name);
    int rc = text_write_file(text_s(&path), text_s(t), t->len);
    text_free(&path);
    return rc;
}

int random_checkpoint_save(const struct checkpoint *c, const char *folder, const char *tokenizer)
{
    struct text t = { 0 };
    add_config(&t, &c->config);
    int rc = write_part(folder, "config.json", &t);
    text_clear(&t);
    add_tensors(&t, c);
    if (rc == 0)
        rc = write_part(folder, "model.safetensors", &t);
    text_clear(&t);
    if (tokenizer)
        text_add(&t, tokenizer);
    if (rc == 0 && tokenizer)
        rc = write_part(folder, "tokenizer.json", &t);
    text_free(&t);
    return rc;
}

char *random_checkpoint_tokenizer(uint32_t n)
{
    struct text t = { 0 }, piece = { 0 };
    text_add(&t, "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"model\":{\"type\":\"BPE\","
                 "\"merges\":[],\"vocab\":{");
    for (uint32_t i = 0; i < n; i++) {
        text_clear(&piece);
        if (i < 256)
            byte_level_add(&piece, (uint8_t)('a' + i));
        else
            text_addf(&piece, "\xc4\xa0%u", i);
        text_add(&t, i > 0 ? "," : "");
        text_add_json(&t, piece.s, piece.len);
        text_addf(&t, ":%u", i);
    }
    text_add(&t, "}}}");
    text_free(&piece);
    return t.s;
}

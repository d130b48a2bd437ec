/* Checkpoints of llama2.c, version 0 (https://github.com/karpathy/llama2.c, export.py, legacy_export()): seven 32-bit numbers
 * (dim, hidden dim, layers, heads, key-value heads, vocabulary, positions; the vocabulary negative where the head is not the
 * embedding), then float32 tensors, those of a kind for all layers together.  There is no magic: the size must fit. */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/checkpoint_files.h"
#include "model/vocab_llama2c.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, VOCAB, POSITIONS, NUMBERS };
#define HEAD_BYTES (4u * NUMBERS)
#define NAME_BYTES 96

static const char *const number_names[NUMBERS] = { "dim",        "hidden_dim", "n_layers", "n_heads",
                                                   "n_kv_heads", "vocab_size", "seq_len" };

/* A tensor, or one for each layer, in the order of the file; n rows, k > 0 columns. */
struct kind {
    const char *name; /* with %u for the layer; NULL: what nothing needs, the tables of rotary positions */
    bool layers;
    uint64_t n, k;
};
#define KINDS 14

static int read_numbers(struct checkpoint *c, int32_t x[NUMBERS])
{
    const struct map_file *m = &c->files->part[0].map;
    if (m->size < HEAD_BYTES)
        return err_set(ERR_DATA, "%s: %llu bytes, want the %u of llama2.c's head at least", m->path,
                       (unsigned long long)m->size, HEAD_BYTES);
    memcpy(x, m->bytes, HEAD_BYTES);
    if (memcmp(m->bytes, "24ka", 4) == 0)
        return err_set(ERR_DATA, "%s: llama2.c's version %d, which is not supported; want its version 0", m->path,
                       (int)x[1]);
    for (int i = 0; i < NUMBERS; i++) {
        int64_t size = i == VOCAB && x[i] < 0 ? -(int64_t)x[i] : x[i];
        if (size < 1 || size > CONFIG_DIM_MAX)
            return err_set(ERR_DATA, "%s: no llama2.c file: '%s' is %d, want 1 .. %u", m->path, number_names[i],
                           (int)x[i], CONFIG_DIM_MAX);
    }
    return 0;
}

static int read_config(struct checkpoint *c, const int32_t x[NUMBERS])
{
    struct config k = { .architecture = "llama", .norm_eps = 1e-5f, .rope_theta = 10000, .rope_interleaved = true };
    k.dim = (uint32_t)x[DIM];
    k.ffn = (uint32_t)x[HIDDEN];
    k.n_layers = (uint32_t)x[LAYERS];
    k.n_heads = (uint32_t)x[HEADS];
    k.n_kv_heads = (uint32_t)x[KV_HEADS];
    k.n_vocab = (uint32_t)(x[VOCAB] < 0 ? -x[VOCAB] : x[VOCAB]);
    k.max_positions = (uint32_t)x[POSITIONS];
    k.tied_head = x[VOCAB] > 0;
    k.head_dim = k.dim / k.n_heads;
    if (k.dim % k.n_heads != 0)
        return err_set(ERR_DATA, "%s: 'dim' is %u, want a multiple of 'n_heads', %u", c->path, k.dim, k.n_heads);
    TRY(config_check(&k, c->path));
    c->config = k;
    return 0;
}

static void list_kinds(const struct config *g, struct kind kinds[KINDS])
{
    uint64_t kv = (uint64_t)g->n_kv_heads * g->head_dim;
    const struct kind all[KINDS] = {
        { "model.embed_tokens.weight", false, g->n_vocab, g->dim },
        { "model.layers.%u.input_layernorm.weight", true, g->dim, 0 },
        { "model.layers.%u.self_attn.q_proj.weight", true, g->dim, g->dim },
        { "model.layers.%u.self_attn.k_proj.weight", true, kv, g->dim },
        { "model.layers.%u.self_attn.v_proj.weight", true, kv, g->dim },
        { "model.layers.%u.self_attn.o_proj.weight", true, g->dim, g->dim },
        { "model.layers.%u.post_attention_layernorm.weight", true, g->dim, 0 },
        { "model.layers.%u.mlp.gate_proj.weight", true, g->ffn, g->dim },
        { "model.layers.%u.mlp.down_proj.weight", true, g->dim, g->ffn },
        { "model.layers.%u.mlp.up_proj.weight", true, g->ffn, g->dim },
        { "model.norm.weight", false, g->dim, 0 },
        { NULL, false, g->max_positions, g->head_dim / 2 },
        { NULL, false, g->max_positions, g->head_dim / 2 },
        { "lm_head.weight", false, g->tied_head ? 0 : g->n_vocab, g->dim },
    };
    memcpy(kinds, all, sizeof all);
}

/* Bytes of one tensor of a kind; dimensions are at most CONFIG_DIM_MAX, so that products of two fit. */
static uint64_t kind_bytes(const struct kind *k)
{
    return 4 * k->n * (k->k > 0 ? k->k : 1);
}

static int check_size(const struct checkpoint *c, const struct kind kinds[KINDS])
{
    const struct map_file *m = &c->files->part[0].map;
    uint64_t want = HEAD_BYTES, bytes;
    bool fits = true;
    for (size_t i = 0; i < KINDS; i++)
        fits = fits && num_mul(kind_bytes(&kinds[i]), kinds[i].layers ? c->config.n_layers : 1, &bytes) &&
               num_add(want, bytes, &want);
    if (!fits || want != m->size)
        return err_set(ERR_DATA, "%s: %llu bytes, the numbers at its start want %s%llu of a llama2.c file", m->path,
                       (unsigned long long)m->size, fits ? "" : "more than ", (unsigned long long)want);
    return 0;
}

static int add_kind(struct checkpoint *c, const struct kind *k, uint64_t *at)
{
    uint32_t times = k->layers ? c->config.n_layers : 1;
    for (uint32_t layer = 0; layer < times && k->n > 0; layer++) {
        char name[NAME_BYTES];
        uint32_t n_dims = k->k > 0 ? 2 : 1;
        struct tensor t = { .name = name, .type = DTYPE_F32, .n_dims = n_dims, .dims = { k->n, k->k } };
        t.data = c->files->part[0].map.bytes + *at;
        t.bytes = kind_bytes(k);
        *at += t.bytes;
        if (!k->name)
            continue;
        if (k->layers)
            snprintf(name, sizeof name, k->name, layer);
        else
            snprintf(name, sizeof name, "%s", k->name);
        TRY(tensor_list_add(&c->files->tensors, c->path, &t));
    }
    return 0;
}

static int read_tensors(struct checkpoint *c)
{
    struct kind kinds[KINDS];
    uint64_t at = HEAD_BYTES;
    list_kinds(&c->config, kinds);
    TRY(check_size(c, kinds));
    for (size_t i = 0; i < KINDS; i++)
        TRY(add_kind(c, &kinds[i], &at));
    return 0;
}

/* The tokenizer's path: as named, or tok<N>.bin or tokenizer.bin beside the weights. */
static void find_tokenizer(const struct checkpoint *c, struct text *path)
{
    const char *slash = strrchr(c->path, '/');
    int folder = slash ? (int)(slash + 1 - c->path) : 0;
    if (c->files->tokenizer) {
        text_add(path, c->files->tokenizer);
        return;
    }
    text_addf(path, "%.*stok%u.bin", folder, c->path, c->config.n_vocab);
    if (access(text_s(path), F_OK) == 0)
        return;
    text_clear(path);
    text_addf(path, "%.*stokenizer.bin", folder, c->path);
}

static int read_vocab(struct checkpoint *c)
{
    struct checkpoint_files *f = c->files;
    struct text path = { 0 };
    find_tokenizer(c, &path);
    mem_grow(&f->part, &f->cap_parts, f->n_parts + 1, sizeof *f->part);
    int rc = map_file_open(&f->part[f->n_parts].map, text_s(&path));
    text_free(&path);
    if (rc < 0)
        return err_add(rc, "%s: its tokenizer", c->path);
    struct checkpoint_part *p = &f->part[f->n_parts++];
    p->role = "tokenizer";
    c->vocab = vocab_read_llama2c(p->map.path, p->map.bytes, p->map.size, c->config.n_vocab);
    return c->vocab ? 0 : ERR_DATA;
}

int checkpoint_read_llama2c(struct checkpoint *c, const struct checkpoint_want *want)
{
    int32_t numbers[NUMBERS];
    c->format = "llama2c";
    TRY(read_numbers(c, numbers));
    TRY(read_config(c, numbers));
    TRY(read_tensors(c)); /* also for the vocabulary alone: the size is all that tells such a file */
    return want->vocab ? read_vocab(c) : 0;
}

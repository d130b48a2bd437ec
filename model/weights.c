#include "model/weights.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/tensor.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tensor (n,) or, k > 0, (n, k).  Checkpoints that were built in memory have no files: only the list is read. */
static const struct tensor *tensor_of(const struct checkpoint *c, size_t n, size_t k, const char *name)
{
    const struct tensor_list list = { .t = (struct tensor *)(uintptr_t)c->tensors, .n = c->n_tensors };
    const struct tensor *t = tensor_list_find(&list, name);
    if (!t) {
        err_set(ERR_DATA, "%s: tensor '%s' is missing", c->name, name);
        return NULL;
    }
    bool vector = k == 0 && t->n_dims == 1 && t->dims[0] == n;
    bool matrix = k > 0 && t->n_dims == 2 && t->dims[0] == n && t->dims[1] == k;
    if (vector || matrix)
        return t;
    struct text seen = { 0 };
    for (uint32_t i = 0; i < t->n_dims; i++)
        text_addf(&seen, "%s%" PRIu64, i > 0 ? " x " : "", t->dims[i]);
    if (k == 0)
        err_set(ERR_DATA, "%s: tensor '%s' is %s, want %zu", c->name, name, text_s(&seen), n);
    else
        err_set(ERR_DATA, "%s: tensor '%s' is %s, want %zu x %zu", c->name, name, text_s(&seen), n, k);
    text_free(&seen);
    return NULL;
}

static int bind(const struct checkpoint *c, struct weight *w, size_t n, size_t k, const char *name)
{
    const struct tensor *t = tensor_of(c, n, k, name);
    if (!t)
        return ERR_DATA;
    if (k % dtype_block(t->type) != 0)
        return err_set(ERR_DATA, "%s: tensor '%s' has rows of %zu values, want a multiple of %zu for %s", c->name, name,
                       k, dtype_block(t->type), dtype_name(t->type));
    *w = (struct weight){ t->name, t->type, t->data, n, k, dtype_row_bytes(t->type, k) };
    return 0;
}

static int bind_norm(const struct checkpoint *c, float **norm, size_t n, const char *name)
{
    const struct tensor *t = tensor_of(c, n, 0, name);
    if (!t)
        return ERR_DATA;
    *norm = mem_aligned(kernel_pad(n), sizeof **norm);
    kernel_widen(t->type, t->data, n, *norm);
    return 0;
}

struct wanted {
    const char *suffix;
    struct weight *weight;
    size_t n, k;
};

static int bind_layer(const struct checkpoint *c, struct layer_weights *l, size_t layer)
{
    const struct config *g = &c->config;
    size_t q = (size_t)g->n_heads * g->head_dim, kv = (size_t)g->n_kv_heads * g->head_dim;
    const struct wanted wanted[] = {
        { "self_attn.q_proj", &l->q, q, g->dim },      { "self_attn.k_proj", &l->k, kv, g->dim },
        { "self_attn.v_proj", &l->v, kv, g->dim },     { "self_attn.o_proj", &l->o, g->dim, q },
        { "mlp.gate_proj", &l->gate, g->ffn, g->dim }, { "mlp.up_proj", &l->up, g->ffn, g->dim },
        { "mlp.down_proj", &l->down, g->dim, g->ffn },
    };
    char name[128];
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(name, sizeof name, "model.layers.%zu.%s.weight", layer, wanted[i].suffix);
        TRY(bind(c, wanted[i].weight, wanted[i].n, wanted[i].k, name));
    }
    snprintf(name, sizeof name, "model.layers.%zu.input_layernorm.weight", layer);
    TRY(bind_norm(c, &l->attention_norm, g->dim, name));
    snprintf(name, sizeof name, "model.layers.%zu.post_attention_layernorm.weight", layer);
    return bind_norm(c, &l->mlp_norm, g->dim, name);
}

/* Hyperparameters come from files: what the forward pass divides by and multiplies with is checked here. */
static int check_config(const struct checkpoint *c)
{
    const struct config *g = &c->config;
    if (g->dim == 0 || g->n_layers == 0 || g->n_heads == 0 || g->n_kv_heads == 0 || g->head_dim == 0 || g->ffn == 0 ||
        g->n_vocab == 0 || g->max_positions == 0)
        return err_set(ERR_DATA, "%s: a size in its configuration is zero", c->name);
    if (g->n_heads % g->n_kv_heads != 0)
        return err_set(ERR_DATA, "%s: %u attention heads do not share %u key-value heads evenly", c->name, g->n_heads,
                       g->n_kv_heads);
    if (g->head_dim % 2 != 0)
        return err_set(ERR_DATA, "%s: head_dim is %u, want an even number for rotary positions", c->name, g->head_dim);
    if (!(g->norm_eps >= 0) || !(g->rope_theta > 0))
        return err_set(ERR_DATA, "%s: norm_eps is %g and rope_theta %g, want >= 0 and > 0", c->name,
                       (double)g->norm_eps, (double)g->rope_theta);
    return 0;
}

/* Old writers stored the frequencies of rotary positions, which follow from rope_theta. */
static bool is_idle(const char *name)
{
    static const char end[] = "rotary_emb.inv_freq";
    size_t n = strlen(name);
    return n >= sizeof end - 1 && strcmp(name + n - (sizeof end - 1), end) == 0;
}

static bool has_place(const struct config *g, const char *name)
{
    static const char *const top[] = { "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight" };
    static const char *const parts[] = { "self_attn.q_proj.weight",        "self_attn.k_proj.weight",
                                         "self_attn.v_proj.weight",        "self_attn.o_proj.weight",
                                         "mlp.gate_proj.weight",           "mlp.up_proj.weight",
                                         "mlp.down_proj.weight",           "input_layernorm.weight",
                                         "post_attention_layernorm.weight" };
    static const char layers[] = "model.layers.";
    for (size_t i = 0; i < sizeof top / sizeof *top; i++)
        if (strcmp(name, top[i]) == 0)
            return true;
    if (strncmp(name, layers, sizeof layers - 1) != 0)
        return false;
    const char *number = name + sizeof layers - 1;
    size_t n = strspn(number, "0123456789");
    char digits[12] = "";
    uint64_t layer;
    if (n >= sizeof digits || number[n] != '.' || (number[0] == '0' && n > 1))
        return false;
    memcpy(digits, number, n);
    if (!text_u64(digits, &layer) || layer >= g->n_layers)
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(number + n + 1, parts[i]) == 0)
            return true;
    return false;
}

static int check_places(const struct checkpoint *c)
{
    for (size_t i = 0; i < c->n_tensors; i++) {
        const char *name = c->tensors[i].name;
        if (!has_place(&c->config, name) && !is_idle(name))
            return err_set(ERR_DATA, "%s: tensor '%s' has no place in a llama decoder of %u layers", c->name, name,
                           c->config.n_layers);
    }
    return 0;
}

static int bind_all(const struct checkpoint *c, struct weights *w)
{
    const struct config *g = &c->config;
    TRY(check_config(c));
    TRY(bind(c, &w->embedding, g->n_vocab, g->dim, "model.embed_tokens.weight"));
    w->head = w->embedding;
    if (!g->tied_head)
        TRY(bind(c, &w->head, g->n_vocab, g->dim, "lm_head.weight"));
    TRY(bind_norm(c, &w->final_norm, g->dim, "model.norm.weight"));
    for (size_t i = 0; i < g->n_layers; i++) {
        if (i == 0 || i % 64 == 0) { /* grows with what is really there: n_layers is a number from a file */
            size_t cap = w->n_layers;
            mem_grow(&w->layers, &cap, i + 64, sizeof *w->layers);
            w->n_layers = cap;
        }
        TRY(bind_layer(c, &w->layers[i], i));
    }
    return check_places(c);
}

struct weights *weights_open(const struct checkpoint *c)
{
    struct weights *w = mem_alloc(1, sizeof *w);
    if (bind_all(c, w) < 0) {
        weights_close(w);
        return NULL;
    }
    return w;
}

void weights_close(struct weights *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n_layers; i++) {
        free(w->layers[i].attention_norm);
        free(w->layers[i].mlp_norm);
    }
    free(w->layers);
    free(w->final_norm);
    free(w);
}

/* The first row of t with a value that is not finite; its number of rows when all are. */
static uint64_t bad_row(const struct tensor *t)
{
    uint64_t rows = t->n_dims > 1 ? t->dims[0] : 1;
    size_t n = (size_t)(t->n_dims > 1 ? t->dims[1] : t->dims[0]);
    float *row = mem_alloc(n, sizeof *row);
    uint64_t r = 0;
    for (; r < rows; r++) {
        kernel_widen(t->type, (const char *)t->data + r * dtype_row_bytes(t->type, n), n, row);
        if (!kernel_reference.finite(row, n))
            break;
    }
    free(row);
    return r;
}

/* Whether a layer (n_layers: the head) computes with the tensor; the embedding may be in both. */
static bool is_suspect(const struct config *c, const char *name, size_t layer)
{
    char prefix[48];
    int n = snprintf(prefix, sizeof prefix, "model.layers.%zu.", layer);
    bool head = strcmp(name, "lm_head.weight") == 0 || strcmp(name, "model.norm.weight") == 0;
    bool own = layer < c->n_layers ? strncmp(name, prefix, (size_t)n) == 0 : head;
    return own || strcmp(name, "model.embed_tokens.weight") == 0;
}

int weights_blame(const struct checkpoint *c, size_t layer)
{
    char where[48] = "the head's output";
    if (layer < c->config.n_layers)
        snprintf(where, sizeof where, "layer %zu", layer);
    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct tensor *t = &c->tensors[i];
        if (!is_suspect(&c->config, t->name, layer) || t->n_dims > 2)
            continue;
        uint64_t row = bad_row(t);
        if (row < (t->n_dims > 1 ? t->dims[0] : 1))
            return err_set(ERR_DATA, "%s: %s is not finite: tensor '%s' holds a NaN or an infinity in row %" PRIu64,
                           c->name, where, t->name, row);
    }
    return err_set(ERR_DATA, "%s: %s is not finite: its weights are, the activations overflow float32", c->name, where);
}

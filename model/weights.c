#include "model/weights.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/tensor.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one binding knows. */
struct binder {
    const struct checkpoint *c;
    const struct architecture *a;
    struct weights *w;
};

/* The fused parts of a layer until they are taken apart. */
struct fused {
    struct weight qkv, gate_up;
};

/* Checkpoints that were built in memory have no files: only the list is read. */
static const struct tensor *find(const struct checkpoint *c, const char *name)
{
    const struct tensor_list list = { .t = (struct tensor *)(uintptr_t)c->tensors, .n = c->n_tensors };
    return tensor_list_find(&list, name);
}

/* The tensor (n,) or, k > 0, (n, k). */
static const struct tensor *tensor_of(const struct checkpoint *c, size_t n, size_t k, const char *name)
{
    const struct tensor *t = find(c, name);
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

static void *own(struct binder *b, size_t n, size_t size)
{
    mem_grow(&b->w->owned, &b->w->owned_cap, b->w->n_owned + 1, sizeof *b->w->owned);
    return b->w->owned[b->w->n_owned++] = mem_aligned(n, size);
}

/* A vector as floats, pad zero, offset added to each value. */
static float *bind_vector(struct binder *b, const struct architecture_place *p, float offset)
{
    char name[ARCHITECTURE_NAME_BYTES];
    size_t n, k;
    architecture_name(p, name);
    architecture_shape(&b->c->config, p, &n, &k);
    const struct tensor *t = tensor_of(b->c, n, 0, name);
    if (!t)
        return NULL;
    float *x = own(b, kernel_pad(n), sizeof *x);
    kernel_widen(t->type, t->data, n, x);
    for (size_t i = 0; i < n; i++)
        x[i] += offset;
    return x;
}

/* A file's (k, n) as (n, k). */
static const void *turned(struct binder *b, const struct tensor *t, size_t n, size_t k)
{
    size_t bytes = dtype_block_bytes(t->type);
    const char *from = t->data;
    char *to = own(b, n * k, bytes);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < n; j++)
            memcpy(to + (j * k + i) * bytes, from + (i * n + j) * bytes, bytes);
    return to;
}

static int bind_matrix(struct binder *b, struct architecture_place p, struct weight *w)
{
    char name[ARCHITECTURE_NAME_BYTES];
    size_t n, k;
    bool turn = b->c->config.transposed && !architecture_is_top(p.tensor->role);
    architecture_name(&p, name);
    architecture_shape(&b->c->config, &p, &n, &k);
    const struct tensor *t = tensor_of(b->c, turn ? k : n, turn ? n : k, name);
    if (!t)
        return ERR_DATA;
    if (k % dtype_block(t->type) != 0 || (turn && dtype_block(t->type) > 1))
        return err_set(ERR_DATA, "%s: tensor '%s' has rows of %zu values, want a multiple of %zu for %s", b->c->name,
                       name, turn ? n : k, dtype_block(t->type), dtype_name(t->type));
    *w =
        (struct weight){ t->name, t->type, turn ? turned(b, t, n, k) : t->data, n, k, dtype_row_bytes(t->type, k), NULL,
                         0,       0 };
    if (!architecture_has_bias(&b->c->config, p.tensor))
        return 0;
    p.bias = true;
    w->bias = bind_vector(b, &p, 0);
    return w->bias ? 0 : ERR_DATA;
}

static int bind_norm(struct binder *b, struct architecture_place p, struct norm_weights *norm)
{
    norm->weight = bind_vector(b, &p, b->c->config.norm_offset);
    if (!norm->weight)
        return ERR_DATA;
    if (!architecture_has_bias(&b->c->config, p.tensor))
        return 0;
    p.bias = true;
    norm->bias = bind_vector(b, &p, 0);
    return norm->bias ? 0 : ERR_DATA;
}

/* Rows from + [0, n) of w. */
static struct weight rows_of(const struct weight *w, size_t from, size_t n)
{
    struct weight part = *w;
    part.data = kernel_row(w, from);
    part.n = n;
    part.bias = w->bias ? w->bias + from : NULL;
    return part;
}

/* Rows [head][q, k, v][head_dim] of w: those of one of the three. */
static struct weight heads_of(struct binder *b, const struct weight *w, size_t which)
{
    size_t dim = b->c->config.head_dim, n = w->n / 3;
    struct weight part = rows_of(w, which * dim, n);
    part.group = dim;
    part.gap = 2 * dim;
    if (w->bias) {
        float *bias = own(b, n, sizeof *bias);
        for (size_t i = 0; i < n; i++)
            bias[i] = w->bias[(i / dim * 3 + which) * dim + i % dim];
        part.bias = bias;
    }
    return part;
}

static void part_fused(struct binder *b, const struct fused *f, struct layer_weights *l)
{
    const struct config *g = &b->c->config;
    size_t q = (size_t)g->n_heads * g->head_dim, kv = (size_t)g->n_kv_heads * g->head_dim;
    struct weight *const parts[] = { &l->q, &l->k, &l->v };
    const size_t from[] = { 0, q, q + kv }, n[] = { q, kv, kv };
    for (size_t i = 0; f->qkv.data && i < 3; i++)
        *parts[i] = g->qkv_by_head ? heads_of(b, &f->qkv, i) : rows_of(&f->qkv, from[i], n[i]);
    if (f->gate_up.data) {
        l->gate = rows_of(&f->gate_up, 0, g->ffn);
        l->up = rows_of(&f->gate_up, g->ffn, g->ffn);
    }
}

static struct weight *matrix_of(struct layer_weights *l, struct fused *f, const struct architecture_place *p)
{
    switch (p->tensor->role) {
    case ROLE_Q: return &l->q;
    case ROLE_K: return &l->k;
    case ROLE_V: return &l->v;
    case ROLE_QKV: return &f->qkv;
    case ROLE_O: return &l->o;
    case ROLE_GATE: return &l->gate;
    case ROLE_UP: return &l->up;
    case ROLE_GATE_UP: return &f->gate_up;
    case ROLE_DOWN: return &l->down;
    case ROLE_ROUTER: return &l->router;
    case ROLE_EXPERT_GATE: return &l->experts[p->expert].gate;
    case ROLE_EXPERT_UP: return &l->experts[p->expert].up;
    default: return &l->experts[p->expert].down;
    }
}

static struct norm_weights *norm_of(struct layer_weights *l, enum architecture_role role)
{
    switch (role) {
    case ROLE_ATTENTION_NORM: return &l->attention_norm;
    case ROLE_Q_NORM: return &l->q_norm;
    case ROLE_K_NORM: return &l->k_norm;
    case ROLE_ATTENTION_POST: return &l->attention_post;
    case ROLE_MLP_NORM: return &l->mlp_norm;
    default: return &l->mlp_post;
    }
}

static int bind_layer(struct binder *b, struct layer_weights *l, uint32_t layer)
{
    const struct config *g = &b->c->config;
    struct fused fused = { 0 };
    if (config_has_experts(g, layer))
        l->experts = own(b, g->n_experts, sizeof *l->experts);
    for (size_t i = 0; i < b->a->n_tensors; i++) {
        struct architecture_place p = { .tensor = &b->a->tensors[i], .layer = layer };
        enum architecture_role role = p.tensor->role;
        if (architecture_is_top(role) || !architecture_in_layer(g, role, layer))
            continue;
        if (architecture_is_norm(role)) {
            TRY(bind_norm(b, p, norm_of(l, role)));
            continue;
        }
        for (; p.expert < (architecture_is_expert(role) ? g->n_experts : 1); p.expert++)
            TRY(bind_matrix(b, p, matrix_of(l, &fused, &p)));
    }
    part_fused(b, &fused, l);
    return 0;
}

/* A head under either spelling; the embedding when tied. */
static int bind_head(struct binder *b, struct architecture_place p)
{
    struct weights *w = b->w;
    char name[ARCHITECTURE_NAME_BYTES];
    architecture_name(&p, name);
    if (b->c->config.tied_head)
        w->head = w->embedding;
    else if (!w->head.data && (find(b->c, name) || p.tensor[1].role != ROLE_HEAD))
        return bind_matrix(b, p, &w->head);
    return 0;
}

static int bind_top(struct binder *b)
{
    struct weights *w = b->w;
    for (size_t i = 0; i < b->a->n_tensors; i++) {
        struct architecture_place p = { .tensor = &b->a->tensors[i] };
        switch (p.tensor->role) {
        case ROLE_EMBEDDING: TRY(bind_matrix(b, p, &w->embedding)); break;
        case ROLE_POSITIONS: TRY(bind_matrix(b, p, &w->positions)); break;
        case ROLE_EMBEDDING_NORM: TRY(bind_norm(b, p, &w->embedding_norm)); break;
        case ROLE_FINAL_NORM: TRY(bind_norm(b, p, &w->final_norm)); break;
        case ROLE_HEAD: TRY(bind_head(b, p)); break;
        default: break;
        }
    }
    return 0;
}

static int check_places(const struct checkpoint *c)
{
    for (size_t i = 0; i < c->n_tensors; i++) {
        struct architecture_place p;
        const char *name = c->tensors[i].name;
        if (!architecture_place(&c->config, name, &p) && !architecture_idle(&c->config, name))
            return err_set(ERR_DATA, "%s: tensor '%s' has no place in a %s decoder of %u layers", c->name, name,
                           architecture_of(&c->config)->name, c->config.n_layers);
    }
    return 0;
}

static int bind_all(struct binder *b)
{
    struct weights *w = b->w;
    const struct config *g = &b->c->config;
    TRY(config_check(g, b->c->name));
    TRY(bind_top(b));
    for (uint32_t i = 0; i < g->n_layers; i++) {
        if (i % 64 == 0) { /* grows with what is really there: n_layers is a number from a file */
            size_t cap = w->n_layers;
            mem_grow(&w->layers, &cap, i + 64, sizeof *w->layers);
            w->n_layers = cap;
        }
        TRY(bind_layer(b, &w->layers[i], i));
    }
    return check_places(b->c);
}

struct weights *weights_open(const struct checkpoint *c)
{
    struct weights *w = mem_alloc(1, sizeof *w);
    struct binder b = { c, architecture_of(&c->config), w };
    if (bind_all(&b) < 0) {
        weights_close(w);
        return NULL;
    }
    return w;
}

void weights_close(struct weights *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n_owned; i++)
        free(w->owned[i]);
    free(w->owned);
    free(w->layers);
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

/* Whether a layer (n_layers: the head) computes with the tensor; the embedding may be in both, what is added to it in
 * layer 0. */
static bool is_suspect(const struct config *c, const char *name, size_t layer)
{
    struct architecture_place p;
    if (!architecture_place(c, name, &p))
        return false;
    enum architecture_role role = p.tensor->role;
    if (!architecture_is_top(role))
        return p.layer == layer;
    if (role == ROLE_HEAD || role == ROLE_FINAL_NORM)
        return layer == c->n_layers;
    return role == ROLE_EMBEDDING || layer == 0;
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

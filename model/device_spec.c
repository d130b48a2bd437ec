#include "model/device_spec.h"
#include "base/mem.h"
#include "model/architecture.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

static_assert((int)DEVICE_F32 == DTYPE_F32 && (int)DEVICE_F16 == DTYPE_F16 && (int)DEVICE_BF16 == DTYPE_BF16, "types");
static_assert((int)DEVICE_Q8_0 == DTYPE_Q8_0 && (int)DEVICE_Q4_K == DTYPE_Q4_K && (int)DEVICE_Q6_K == DTYPE_Q6_K,
              "types");
static_assert((int)DEVICE_TYPES == DTYPE_COUNT && (int)DEVICE_Q5_1 == DTYPE_Q5_1 && (int)DEVICE_Q2_K == DTYPE_Q2_K,
              "types");
static_assert((int)DEVICE_KV_BF16 == KERNEL_KV_BF16 && (int)DEVICE_KV_Q8 == KERNEL_KV_Q8, "types of keys and values");
static_assert((int)DEVICE_GELU_TANH == ACTIVATION_GELU_TANH && (int)DEVICE_GELU == ACTIVATION_GELU, "activations");
static_assert(DEVICE_PAGE == KERNEL_PAGE, "pages");

static struct device_matrix matrix(const struct weight *w)
{
    return (struct device_matrix){ w->data, w->n, w->k, w->row_bytes, w->group, w->gap, w->bias, w->type };
}

static struct device_norm norm(const struct norm_weights *w)
{
    return (struct device_norm){ w->weight, w->bias };
}

static void fill_layer(struct device_layer *to, const struct layer_weights *w, const struct config *c, size_t layer)
{
    *to = (struct device_layer){
        .q = matrix(&w->q),
        .k = matrix(&w->k),
        .v = matrix(&w->v),
        .o = matrix(&w->o),
        .gate = matrix(&w->gate),
        .up = matrix(&w->up),
        .down = matrix(&w->down),
        .router = matrix(&w->router),
        .attention_norm = norm(&w->attention_norm),
        .mlp_norm = norm(&w->mlp_norm),
        .q_norm = norm(&w->q_norm),
        .k_norm = norm(&w->k_norm),
        .attention_post = norm(&w->attention_post),
        .mlp_post = norm(&w->mlp_post),
        .window = config_window(c, layer),
    };
    to->table = c->local_theta > 0 && to->window > 0;
}

static void fill_experts(struct device_spec_parts *s, const struct forward_parts *p)
{
    const struct config *c = &p->checkpoint->config;
    size_t used = 0;
    s->experts = mem_alloc((size_t)c->n_layers * c->n_experts + 1, sizeof *s->experts);
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct layer_weights *w = &p->weights->layers[i];
        if (!w->experts)
            continue;
        s->layers[i].experts = s->experts + used;
        for (uint32_t e = 0; e < c->n_experts; e++)
            s->experts[used++] = (struct device_expert){ matrix(&w->experts[e].gate), matrix(&w->experts[e].up),
                                                         matrix(&w->experts[e].down) };
    }
}

static void fill_sizes(struct device_spec *s, const struct config *c)
{
    s->n_layers = c->n_layers;
    s->dim = c->dim;
    s->n_heads = c->n_heads;
    s->n_kv_heads = c->n_kv_heads;
    s->head_dim = c->head_dim;
    s->ffn = c->ffn;
    s->n_experts = c->n_experts;
    s->n_chosen = c->n_chosen;
    s->expert_ffn = c->expert_ffn;
    s->expert_share = c->expert_share;
    s->norm_eps = c->norm_eps;
    s->embedding_scale = c->embedding_scale;
    s->query_scale = c->query_scale > 0 ? c->query_scale : (float)(1 / sqrt((double)c->head_dim));
    s->attention_cap = c->attention_cap;
    s->score_cap = c->score_cap;
    s->interleaved = c->rope_interleaved;
    s->parallel = c->parallel;
    s->activation = c->activation;
}

void device_spec_fill(struct device_spec_parts *s, const struct forward_parts *p)
{
    const struct config *c = &p->checkpoint->config;
    *s = (struct device_spec_parts){ 0 };
    fill_sizes(&s->spec, c);
    s->layers = mem_alloc(c->n_layers, sizeof *s->layers);
    for (size_t i = 0; i < c->n_layers; i++)
        fill_layer(&s->layers[i], &p->weights->layers[i], c, i);
    fill_experts(s, p);
    s->spec.layers = s->layers;
    s->spec.embedding = matrix(&p->weights->embedding);
    s->spec.head = matrix(&p->weights->head);
    s->spec.head.n = p->n_scores;
    s->spec.positions = matrix(&p->weights->positions);
    s->spec.embedding_norm = norm(&p->weights->embedding_norm);
    s->spec.final_norm = norm(&p->weights->final_norm);
    if (architecture_of(c)->positions == POSITIONS_ALIBI) {
        s->slope = mem_alloc(c->n_heads, sizeof *s->slope);
        forward_slopes(s->slope, c->n_heads);
        s->spec.slope = s->slope;
    }
    s->spec.kv = p->kv_type;
    s->spec.exact = p->mode == KERNEL_F32;
    s->spec.max_tokens = (uint32_t)p->max_tokens;
    s->spec.weight_bytes = p->weight_bytes;
}

void device_spec_free(struct device_spec_parts *s)
{
    free(s->layers);
    free(s->experts);
    free(s->slope);
    *s = (struct device_spec_parts){ 0 };
}

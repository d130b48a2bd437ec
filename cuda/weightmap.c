#include "cuda/weightmap.h"
#include "cuda/layout.h"
#include <string.h>

static uint64_t round_up(uint64_t n)
{
    return (n + WEIGHTMAP_ALIGN - 1) / WEIGHTMAP_ALIGN * WEIGHTMAP_ALIGN;
}

static struct weightmap_vector place_vector(const float *x, uint64_t n, uint64_t *at)
{
    struct weightmap_vector v = { .at = *at };
    if (!x)
        return v;
    v.n = (uint32_t)n;
    *at += round_up(n * sizeof(float));
    return v;
}

static struct weightmap_norm place_norm(const struct device_norm *x, uint64_t n, uint64_t *at)
{
    struct weightmap_norm norm;
    norm.weight = place_vector(x->weight, n, at);
    norm.bias = place_vector(x->bias, n, at);
    return norm;
}

/* n_side of them side by side.  Rows are a multiple of 16 bytes and so matrices follow each other without a gap. */
static struct weightmap_matrix place(const struct device_spec *s, const struct device_matrix *x, uint64_t n_side,
                                     uint64_t *at)
{
    struct weightmap_matrix m;
    memset(&m, 0, sizeof m);
    if (!x->data)
        return m;
    m.type = s->exact ? CUDA_F32 : x->type;
    m.n = (uint32_t)x->n;
    m.k = (uint32_t)x->k;
    m.row_bytes = layout_row_bytes(m.type, x->k);
    m.bytes = m.n * m.row_bytes;
    m.at = *at;
    *at += n_side * m.bytes;
    return m;
}

/* What is not read together with the next. */
static struct weightmap_matrix place_alone(const struct device_spec *s, const struct device_matrix *x, uint64_t *at)
{
    struct weightmap_matrix m = place(s, x, 1, at);
    *at = round_up(*at);
    m.bias = place_vector(x->data ? x->bias : NULL, x->n, at);
    return m;
}

static void place_biases(struct weightmap_matrix *const to[], const struct device_matrix *const from[], size_t n,
                         uint64_t *at)
{
    *at = round_up(*at);
    for (size_t i = 0; i < n; i++)
        to[i]->bias = place_vector(from[i]->data ? from[i]->bias : NULL, from[i]->n, at);
}

static void place_experts(const struct device_spec *s, const struct device_layer *l, struct weightmap_layer *out,
                          uint64_t *at)
{
    if (!l->experts)
        return;
    out->expert_gate = place(s, &l->experts[0].gate, s->n_experts, at);
    *at = round_up(*at);
    out->expert_up = place(s, &l->experts[0].up, s->n_experts, at);
    *at = round_up(*at);
    out->expert_down = place(s, &l->experts[0].down, s->n_experts, at);
    *at = round_up(*at);
}

void weightmap_layer(const struct device_spec *s, uint32_t layer, struct weightmap_layer *out)
{
    const struct device_layer *l = &s->layers[layer];
    uint64_t at = 0;
    memset(out, 0, sizeof *out);
    out->q = place(s, &l->q, 1, &at);
    out->k = place(s, &l->k, 1, &at);
    out->v = place(s, &l->v, 1, &at);
    place_biases((struct weightmap_matrix *[]){ &out->q, &out->k, &out->v },
                 (const struct device_matrix *[]){ &l->q, &l->k, &l->v }, 3, &at);
    out->o = place_alone(s, &l->o, &at);
    out->gate = place(s, &l->gate, 1, &at);
    out->up = place(s, &l->up, 1, &at);
    place_biases((struct weightmap_matrix *[]){ &out->gate, &out->up },
                 (const struct device_matrix *[]){ &l->gate, &l->up }, 2, &at);
    out->down = place_alone(s, &l->down, &at);
    out->router = place_alone(s, &l->router, &at);
    place_experts(s, l, out, &at);
    out->attention_norm = place_norm(&l->attention_norm, s->dim, &at);
    out->mlp_norm = place_norm(&l->mlp_norm, s->dim, &at);
    out->q_norm = place_norm(&l->q_norm, s->head_dim, &at);
    out->k_norm = place_norm(&l->k_norm, s->head_dim, &at);
    out->attention_post = place_norm(&l->attention_post, s->dim, &at);
    out->mlp_post = place_norm(&l->mlp_post, s->dim, &at);
    out->bytes = round_up(at);
}

void weightmap_top(const struct device_spec *s, struct weightmap_top *out)
{
    uint64_t at = 0;
    memset(out, 0, sizeof *out);
    out->embedding = place_alone(s, &s->embedding, &at);
    if (s->head.data == s->embedding.data) {
        out->head = out->embedding;
        out->head.n = (uint32_t)s->head.n;
    } else {
        out->head = place_alone(s, &s->head, &at);
    }
    out->positions = place_alone(s, &s->positions, &at);
    out->embedding_norm = place_norm(&s->embedding_norm, s->dim, &at);
    out->final_norm = place_norm(&s->final_norm, s->dim, &at);
    out->slope = place_vector(s->slope, s->n_heads, &at);
    out->bytes = round_up(at);
}

int weightmap_follows(const struct weightmap_matrix *a, const struct weightmap_matrix *b)
{
    return a->n > 0 && b->n > 0 && a->type == b->type && a->k == b->k && a->at + a->bytes == b->at;
}

void weightmap_sizes(const struct device_spec *s, struct weightmap_sizes *out)
{
    struct weightmap_top top;
    struct weightmap_layer layer;
    uint64_t used;
    memset(out, 0, sizeof *out);
    weightmap_top(s, &top);
    out->top = out->all = top.bytes;
    for (uint32_t i = 0; i < s->n_layers; i++) {
        weightmap_layer(s, i, &layer);
        out->all += layer.bytes;
        out->largest = layer.bytes > out->largest ? layer.bytes : out->largest;
    }
    out->n_resident = s->n_layers;
    if (s->weight_bytes == 0 || out->all <= s->weight_bytes)
        return;
    used = top.bytes + 2 * out->largest;
    for (out->n_resident = 0; out->n_resident < s->n_layers; out->n_resident++) {
        weightmap_layer(s, out->n_resident, &layer);
        if (used + layer.bytes > s->weight_bytes)
            break;
        used += layer.bytes;
    }
    for (uint32_t i = out->n_resident; i < s->n_layers; i++) {
        weightmap_layer(s, i, &layer);
        out->swapped += layer.bytes;
    }
}

/* The blocks that a pass computes in: one slab, laid out from the sizes. */
#include "cuda/model.h"
#include "cuda/products.h"

static uint32_t pad(uint64_t n)
{
    return (uint32_t)((n + 31) / 32 * 32);
}

/* The next part of the slab; base NULL: only counted. */
static void *part(char *base, uint64_t *at, uint64_t n, uint64_t bytes)
{
    void *here = base ? base + *at : NULL;
    *at += (n * bytes + WEIGHTMAP_ALIGN - 1) / WEIGHTMAP_ALIGN * WEIGHTMAP_ALIGN;
    return here;
}

static void lay_experts(const struct device_spec *s, struct model_experts *e, char *base, uint64_t *at)
{
    uint64_t n = s->max_tokens, chosen = n * s->n_chosen;
    if (s->n_experts == 0)
        return;
    e->stride = pad(s->n_experts);
    e->ffn = pad(s->expert_ffn);
    e->scores = part(base, at, n * e->stride, sizeof(float));
    e->choices = part(base, at, chosen, sizeof *e->choices);
    e->first = part(base, at, s->n_experts + 1, sizeof *e->first);
    e->row = part(base, at, chosen, sizeof *e->row);
    e->packed = part(base, at, chosen * pad(s->dim), sizeof(float));
    e->gate = part(base, at, chosen * e->ffn, sizeof(float));
    e->up = part(base, at, chosen * e->ffn, sizeof(float));
    e->active = part(base, at, chosen * e->ffn, sizeof(float));
    e->back = part(base, at, chosen * pad(s->dim), sizeof(float));
}

/* What is widened of a matrix at a time: all of it, MODEL_TILE bytes, or a row that takes more. */
static uint64_t tile_of(const struct device_spec *s, const struct device_matrix *m)
{
    uint64_t row = 2 * (uint64_t)pad(m->k), all = m->n * row;
    if (!m->data || s->exact || m->type <= DEVICE_BF16)
        return 0;
    return all < MODEL_TILE ? all : row < MODEL_TILE ? MODEL_TILE : row;
}

/* Of the matrix that wants most; 0 where none has blocks of values. */
static uint64_t tile_bytes(const struct device_spec *s)
{
    uint64_t most = tile_of(s, &s->head);
    for (uint32_t i = 0; i < s->n_layers; i++) {
        const struct device_layer *l = &s->layers[i];
        const struct device_matrix *of[] = { &l->q,
                                             &l->k,
                                             &l->v,
                                             &l->o,
                                             &l->gate,
                                             &l->up,
                                             &l->down,
                                             &l->router,
                                             l->experts ? &l->experts->gate : &l->q,
                                             l->experts ? &l->experts->up : &l->q,
                                             l->experts ? &l->experts->down : &l->q };
        uint64_t fused =
            tile_of(s, &l->q) + tile_of(s, &l->k) + tile_of(s, &l->v) + tile_of(s, &l->gate) + tile_of(s, &l->up);
        for (size_t k = 0; k < sizeof of / sizeof *of; k++)
            most = tile_of(s, of[k]) > most ? tile_of(s, of[k]) : most;
        fused = fused < MODEL_TILE ? fused : MODEL_TILE; /* one product of several */
        most = fused > most ? fused : most;
    }
    return most;
}

uint64_t model_blocks_lay(const struct device_spec *s, struct model_blocks *b, struct model_experts *e, char *base)
{
    uint64_t n = s->max_tokens, at = 0;
    b->dim = pad(s->dim);
    b->q = pad((uint64_t)s->n_heads * s->head_dim);
    b->qkv_width = pad(((uint64_t)s->n_heads + 2 * (uint64_t)s->n_kv_heads) * s->head_dim);
    b->ffn = pad(s->ffn);
    b->scores_stride = pad(s->head.n);
    b->rows = s->max_tokens < MODEL_ROWS ? s->max_tokens : MODEL_ROWS;
    b->x = part(base, &at, n * b->dim, sizeof(float));
    for (int type = 0; type < 3; type++) {
        uint64_t size = type == CUDA_F32 ? 4 : 2;
        b->normed[type] = part(base, &at, n * b->dim, size);
        b->beside[type] = s->parallel ? part(base, &at, n * b->dim, size) : NULL;
    }
    b->qkv = part(base, &at, n * b->qkv_width, sizeof(float));
    b->attended = part(base, &at, n * b->q, sizeof(float));
    b->gate_up = part(base, &at, n * 2 * b->ffn, sizeof(float));
    b->active = part(base, &at, n * b->ffn, sizeof(float));
    b->back = part(base, &at, n * b->dim, sizeof(float));
    b->head = part(base, &at, (uint64_t)b->rows * b->dim, sizeof(float));
    b->scores =
        part(base, &at, (uint64_t)b->rows * (b->scores_stride > b->dim ? b->scores_stride : b->dim), sizeof(float));
    b->tile_bytes = tile_bytes(s);
    b->tile = part(base, &at, b->tile_bytes, 1);
    lay_experts(s, e, base, &at);
    return at;
}

void model_need(const struct device_spec *s, struct device_need *out)
{
    struct model_blocks b;
    struct model_experts e;
    struct weightmap_sizes w;
    uint64_t attention = (uint64_t)s->max_tokens * s->n_heads * (s->head_dim + 2u) * sizeof(float) * 4;
    weightmap_sizes(s, &w);
    *out =
        (struct device_need){ .weights = w.all,
                              .least = w.top + 2 * w.largest < w.all ? w.top + 2 * w.largest : w.all,
                              .activations = model_blocks_lay(s, &b, &e, NULL) + attention + batch_bytes(s->max_tokens),
                              .swapped = w.swapped };
}

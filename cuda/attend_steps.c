#include "cuda/attend_steps.h"
#include "cuda/products.h"

static int launched(struct steps *s, cudaError_t e, const char *what)
{
    return card_ok(s->m->c, e, what, s->error);
}

/* head_dim is at most 4096, layers and heads what the weights prove: no product here wraps. */
static struct cuda_kv_place kv_place(const struct device_spec *s, uint32_t layer)
{
    uint64_t each = s->kv == DEVICE_KV_F32 ? 4 : s->kv == DEVICE_KV_BF16 ? 2 : 1;
    uint64_t block = DEVICE_PAGE * (each * s->head_dim + (s->kv == DEVICE_KV_Q8 ? sizeof(float) : 0));
    return (struct cuda_kv_place){ .keys_at = 2 * layer * (uint64_t)s->n_kv_heads * block,
                                   .values_at = s->n_kv_heads * block,
                                   .block_bytes = block,
                                   .type = s->kv,
                                   .n_kv_heads = s->n_kv_heads,
                                   .head_dim = s->head_dim };
}

static struct cuda_place_args place_args(const struct steps *s, const struct weightmap_layer *l)
{
    const struct device_model *m = s->m;
    const uint32_t table = m->tables[s->layer];
    return (struct cuda_place_args){ .q = m->b.qkv,
                                     .k = m->b.qkv + l->q.n,
                                     .v = m->b.qkv + l->q.n + l->k.n,
                                     .q_bias = products_vector(&l->q.bias, s->base),
                                     .k_bias = products_vector(&l->k.bias, s->base),
                                     .v_bias = products_vector(&l->v.bias, s->base),
                                     .tokens = m->batch->tokens,
                                     .q_norm = products_norm(&l->q_norm, s->base),
                                     .k_norm = products_norm(&l->k_norm, s->base),
                                     .cos = m->table[table][0],
                                     .sin = m->table[table][1],
                                     .flag = m->flags + s->layer,
                                     .kv = kv_place(&m->s, s->layer),
                                     .n_tokens = s->n,
                                     .n_queries = s->full,
                                     .n_heads = m->s.n_heads,
                                     .q_stride = m->b.qkv_width,
                                     .kv_stride = m->b.qkv_width,
                                     .half = m->s.n_turning,
                                     .interleaved = m->s.interleaved,
                                     .eps = m->s.norm_eps };
}

/* Keys and values into pages, in a launch of its own: other blocks than those that make them read them. */
static int place(struct steps *s, const struct cuda_place_args *a)
{
    const struct device_model *m = s->m;
    const struct cuda_copy_args copies = { m->batch->copies, a->kv, (uint32_t)s->d->n_copies };
    CARD_TRY(launched(s, launch_place(a, m->on), "placing keys and values"));
    return launched(s, launch_copies(&copies, m->on), "copying pages");
}

static struct cuda_attend_args attend_args(const struct steps *s, const struct weightmap_layer *l)
{
    const struct device_model *m = s->m;
    return (struct cuda_attend_args){ .q = m->b.qkv,
                                      .out = m->b.attended,
                                      .tokens = m->batch->tokens,
                                      .pages = m->batch->pages,
                                      .spans = m->batch->spans,
                                      .slope = products_vector(&m->top.slope, m->top_base),
                                      .partial = m->b.partial,
                                      .kv = kv_place(&m->s, s->layer),
                                      .n_tokens = s->full,
                                      .n_heads = m->s.n_heads,
                                      .q_stride = m->b.qkv_width,
                                      .out_stride = m->b.q,
                                      .type = products_wants(m, l->o.type, s->full),
                                      .window = m->windows[s->layer],
                                      .split_pages = MODEL_SPLIT,
                                      .scale = m->s.query_scale,
                                      .cap = m->s.attention_cap };
}

/* Scratch grows with the positions that are reached.  What is recorded never comes here with less than it had. */
static int reserve_partial(struct steps *s, uint64_t bytes)
{
    struct model_blocks *b = &s->m->b;
    uint64_t ample = bytes + bytes / 2;
    if (bytes <= b->partial_bytes)
        return DEVICE_OK;
    CARD_TRY(card_wait(s->m->c, "attention", s->error));
    cudaFree(b->partial);
    b->partial = NULL;
    b->partial_bytes = 0;
    s->m->batch->moved++;
    int rc = card_ok(s->m->c, cudaMalloc((void **)&b->partial, ample), "memory for attention", s->error);
    if (rc == DEVICE_NO_MEMORY) {
        ample = bytes;
        rc = card_ok(s->m->c, cudaMalloc((void **)&b->partial, ample), "memory for attention", s->error);
    }
    if (rc != DEVICE_OK)
        b->partial = NULL;
    else
        b->partial_bytes = ample;
    return rc;
}

int attend_steps_run(struct steps *s, const struct weightmap_layer *l)
{
    const struct device_model *m = s->m;
    const uint32_t n_spans = s->full == s->n ? m->batch->n_spans : m->batch->n_full_spans;
    const struct launch_attend shape = { n_spans, m->batch->most_tokens, s->most_positions };
    struct cuda_attend_args a = attend_args(s, l);
    const struct cuda_place_args own = place_args(s, l);
    if (s->n == 1 && s->full == 1 && s->d->n_copies == 0 && launch_attend_places(&own.kv))
        a.own = own;
    else
        CARD_TRY(place(s, &own));
    if (s->full == 0)
        return DEVICE_OK;
    if (!m->c->deterministic)
        launch_attend_split(&a, &shape, m->c->n_multiprocessors);
    CARD_TRY(reserve_partial(s, launch_attend_bytes(&a, &shape)));
    a.partial = m->b.partial;
    return launched(s, launch_attend(&a, &shape, m->on), "attention");
}

#include "cuda/fused_steps.h"
#include "cuda/attend_steps.h"
#include "cuda/products.h"

/* Products without blocks hold the normed row as their weights want it; those with blocks norm it as they read.  Four
 * values are normed at a time. */
static int row_fits(const struct device_model *m, const struct weightmap_matrix *w)
{
    uint64_t bytes = w->type == CUDA_F32 ? 4 : 2;
    return m->s.dim % 4 == 0 && (w->type > CUDA_BF16 || m->b.dim * bytes <= LAUNCH_NORM_BYTES);
}

/* Feed-forward parts with a gate of up's type, nothing between a half layer and its sum. */
int fused_steps_fit(const struct steps *s, const struct weightmap_layer *l)
{
    const struct device_model *m = s->m;
    return !m->c->deterministic && s->n <= FUSED_TOKENS && s->full == s->n && !m->s.parallel && l->gate.n > 0 &&
           l->gate.type == l->up.type && l->attention_post.weight.n == 0 && l->mlp_post.weight.n == 0 &&
           weightmap_follows(&l->q, &l->k) && weightmap_follows(&l->k, &l->v) && row_fits(m, &l->q) &&
           row_fits(m, &l->up);
}

static int launched(struct steps *s, const struct cuda_product_args *a)
{
    return card_ok(s->m->c, launch_product(a, s->m->on), "a fused product", s->error);
}

/* From x, normed on the way into what the weights want. */
static struct cuda_product_args from_x(const struct steps *s, const struct weightmap_matrix *w,
                                       const struct weightmap_norm *norm)
{
    const struct device_model *m = s->m;
    return (struct cuda_product_args){ .w = products_matrix(w, s->base),
                                       .x = m->b.x,
                                       .norm = products_norm(norm, s->base),
                                       .flag = m->flags + s->layer,
                                       .m = s->n,
                                       .x_stride = m->b.dim,
                                       .per = 1,
                                       .eps = m->s.norm_eps };
}

/* Onto x. */
static int add_to_x(struct steps *s, const struct weightmap_matrix *w, const void *x, uint32_t x_stride)
{
    const struct device_model *m = s->m;
    const struct cuda_product_args a = { .w = products_matrix(w, s->base),
                                         .x = x,
                                         .bias = products_vector(&w->bias, s->base),
                                         .add = m->b.x,
                                         .out = m->b.x,
                                         .flag = m->flags + s->layer,
                                         .m = s->n,
                                         .x_stride = x_stride,
                                         .out_type = CUDA_F32,
                                         .out_stride = m->b.dim,
                                         .per = 1 };
    return launched(s, &a);
}

int fused_steps_run(struct steps *s, const struct weightmap_layer *l)
{
    const struct model_blocks *b = &s->m->b;
    struct weightmap_matrix all = l->q;
    all.n += l->k.n + l->v.n;
    struct cuda_product_args a = from_x(s, &all, &l->attention_norm);
    a.out = b->qkv;
    a.out_type = CUDA_F32;
    a.out_stride = b->qkv_width;
    CARD_TRY(launched(s, &a));
    CARD_TRY(attend_steps_run(s, l));
    CARD_TRY(add_to_x(s, &l->o, b->attended, b->q));
    a = from_x(s, &l->up, &l->mlp_norm);
    a.gate = products_matrix(&l->gate, s->base);
    a.bias = products_vector(&l->up.bias, s->base);
    a.gate_bias = products_vector(&l->gate.bias, s->base);
    a.activation = s->m->s.activation;
    a.out = b->active;
    a.out_type = products_wants(s->m, l->down.type, s->n);
    a.out_stride = b->ffn;
    CARD_TRY(launched(s, &a));
    return add_to_x(s, &l->down, b->active, b->ffn);
}

int fused_steps_fit_head(const struct steps *s)
{
    const struct device_model *m = s->m;
    return !m->c->deterministic && s->n == 1 && s->full == 1 && m->s.score_cap == 0 && row_fits(m, &m->top.head);
}

int fused_steps_head(struct steps *s)
{
    const struct device_model *m = s->m;
    const struct weightmap_matrix *w = &m->top.head;
    const struct cuda_product_args a = { .w = products_matrix(w, m->top_base),
                                         .x = m->b.x,
                                         .bias = products_vector(&w->bias, m->top_base),
                                         .norm = products_norm(&m->top.final_norm, m->top_base),
                                         .out = m->b.scores,
                                         .flag = m->flags + m->s.n_layers,
                                         .m = 1,
                                         .x_stride = m->b.dim,
                                         .out_type = CUDA_F32,
                                         .out_stride = m->b.scores_stride,
                                         .per = 1,
                                         .eps = m->s.norm_eps };
    return launched(s, &a);
}

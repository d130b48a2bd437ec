#include "cuda/steps.h"
#include "cuda/attend_steps.h"
#include "cuda/expert_steps.h"
#include "cuda/fused_steps.h"
#include "cuda/products.h"

/* What a norm is asked for: rows of x, normed into a block of each type that the weights behind it want. */
struct normed {
    const struct weightmap_norm *norm;
    void *const *out;     /* model_blocks.normed or .beside */
    uint32_t rows, wants; /* wants: bit of each type */
};

static int launched(struct steps *s, cudaError_t e, const char *what)
{
    return card_ok(s->m->c, e, what, s->error);
}

static uint32_t *flag(const struct steps *s, uint32_t layer)
{
    return s->m->flags + layer;
}

static struct cuda_norm_args norm_args(const struct steps *s)
{
    const struct device_model *m = s->m;
    return (struct cuda_norm_args){ .x = m->b.x,
                                    .flag = flag(s, s->layer < m->s.n_layers ? s->layer : m->s.n_layers - 1),
                                    .dim = m->s.dim,
                                    .stride = m->b.dim,
                                    .type = CUDA_F32,
                                    .eps = m->s.norm_eps };
}

/* Adds what is still to be added to the first n rows of x. */
static void add_back(struct steps *s, struct cuda_norm_args *a)
{
    if (s->back)
        a->flag = flag(s, s->back_layer);
    a->back = s->back;
    a->bias = s->back_bias;
    a->post = s->post;
    s->back = s->back_bias = NULL;
    s->post = (struct cuda_norm){ NULL, NULL };
}

static int settle(struct steps *s, uint32_t rows)
{
    struct cuda_norm_args a = norm_args(s);
    if (!s->back)
        return DEVICE_OK;
    add_back(s, &a);
    return launched(s, launch_norm(&a, rows, s->m->on), "adding a half layer");
}

static int norm(struct steps *s, const struct normed *n)
{
    for (uint32_t type = CUDA_F32; type <= CUDA_BF16; type++) {
        struct cuda_norm_args a = norm_args(s);
        if ((n->wants >> type & 1) == 0)
            continue;
        add_back(s, &a); /* with the first of them */
        a.norm = products_norm(n->norm, s->base);
        a.out = n->out[type];
        a.type = type;
        CARD_TRY(launched(s, launch_norm(&a, n->rows, s->m->on), "a norm"));
    }
    return DEVICE_OK;
}

static uint32_t wants_of(const struct steps *s, const struct weightmap_matrix *w, uint32_t rows)
{
    return w->n > 0 ? 1u << products_wants(s->m, w->type, rows) : 0;
}

static int embed(struct steps *s)
{
    const struct device_model *m = s->m;
    struct cuda_embed_args a = { .tokens = m->batch->tokens,
                                 .embedding = products_matrix(&m->top.embedding, m->top_base),
                                 .positions = products_matrix(&m->top.positions, m->top_base),
                                 .x = m->b.x,
                                 .stride = m->b.dim,
                                 .scale = m->s.embedding_scale };
    /* nothing of a pass begins before what it is told in has come */
    CARD_TRY(launched(s, launch_embed(&a, s->n, (struct launch_on){ .stream = m->c->stream }), "embedding"));
    if (m->top.embedding_norm.weight.n == 0)
        return DEVICE_OK;
    struct cuda_norm_args norm = norm_args(s);
    norm.norm = products_norm(&m->top.embedding_norm, m->top_base);
    norm.out = m->b.x;
    return launched(s, launch_norm(&norm, s->n, m->on), "the embedding's norm");
}

/* Rows [from, from + w->n) of the output of products that share their input. */
static int product_at(struct steps *s, const struct weightmap_matrix *w, void *const in[], struct products p)
{
    const struct cuda_matrix there = products_matrix(w, s->base);
    p.x_type = products_wants(s->m, w->type, p.m);
    p.x = in[p.x_type];
    p.x_stride = s->m->b.dim;
    return products_run(s->m, &there, &p, s->error);
}

/* Queries, keys and values side by side: one product where their rows follow each other. */
static int project(struct steps *s, const struct weightmap_layer *l)
{
    const struct model_blocks *b = &s->m->b;
    struct weightmap_matrix all = l->q;
    struct products p = { .out = b->qkv, .m = s->n, .out_stride = b->qkv_width };
    if (weightmap_follows(&l->q, &l->k) && weightmap_follows(&l->k, &l->v)) {
        all.n += l->k.n + l->v.n;
        return product_at(s, &all, b->normed, p);
    }
    CARD_TRY(product_at(s, &l->q, b->normed, p));
    p.out = b->qkv + l->q.n;
    CARD_TRY(product_at(s, &l->k, b->normed, p));
    p.out = b->qkv + l->q.n + l->k.n;
    return product_at(s, &l->v, b->normed, p);
}

/* What a half layer gives is added to x by the norm that comes next. */
static void leave_back(struct steps *s, const struct weightmap_matrix *w, const struct weightmap_norm *post)
{
    s->back = s->m->b.back;
    s->back_bias = w ? products_vector(&w->bias, s->base) : NULL;
    s->back_layer = s->layer;
    s->post = products_norm(post, s->base);
}

static int attention(struct steps *s, const struct weightmap_layer *l)
{
    const struct model_blocks *b = &s->m->b;
    const struct cuda_matrix o = products_matrix(&l->o, s->base);
    CARD_TRY(project(s, l));
    CARD_TRY(attend_steps_run(s, l));
    CARD_TRY(products_run(
        s->m, &o,
        &(struct products){ b->attended, b->back, s->full, products_wants(s->m, l->o.type, s->full), b->q, b->dim },
        s->error));
    leave_back(s, &l->o, &l->attention_post);
    return DEVICE_OK;
}

static int activate(struct steps *s, const struct weightmap_layer *l)
{
    const struct model_blocks *b = &s->m->b;
    const int gated = l->gate.n > 0;
    struct cuda_activate_args a = { .gate = b->gate_up,
                                    .up = gated ? b->gate_up + l->gate.n : NULL,
                                    .gate_bias = products_vector(gated ? &l->gate.bias : &l->up.bias, s->base),
                                    .up_bias = gated ? products_vector(&l->up.bias, s->base) : NULL,
                                    .out = b->active,
                                    .width = s->m->s.ffn,
                                    .stride = 2 * b->ffn,
                                    .out_stride = b->ffn,
                                    .type = products_wants(s->m, l->down.type, s->full),
                                    .activation = s->m->s.activation };
    return launched(s, launch_activate(&a, s->full, s->m->on), "an activation");
}

static int mlp(struct steps *s, const struct weightmap_layer *l, void *const in[])
{
    const struct model_blocks *b = &s->m->b;
    const struct cuda_matrix down = products_matrix(&l->down, s->base);
    struct weightmap_matrix both = l->gate;
    struct products p = { .out = b->gate_up, .m = s->full, .out_stride = 2 * b->ffn };
    if (weightmap_follows(&l->gate, &l->up)) {
        both.n += l->up.n;
        CARD_TRY(product_at(s, &both, in, p));
    } else {
        if (l->gate.n > 0)
            CARD_TRY(product_at(s, &l->gate, in, p));
        p.out = b->gate_up + l->gate.n;
        CARD_TRY(product_at(s, &l->up, in, p));
    }
    CARD_TRY(activate(s, l));
    CARD_TRY(products_run(
        s->m, &down,
        &(struct products){ b->active, b->back, s->full, products_wants(s->m, l->down.type, s->full), b->ffn, b->dim },
        s->error));
    leave_back(s, &l->down, &l->mlp_post);
    return DEVICE_OK;
}

static int feed_forward(struct steps *s, const struct weightmap_layer *l, void *const in[])
{
    if (l->expert_down.n == 0)
        return mlp(s, l, in);
    CARD_TRY(expert_steps_run(s, l, in));
    leave_back(s, NULL, &l->mlp_post);
    return DEVICE_OK;
}

/* On the way in, what the layer before gives is still to be added; the first `full` tokens leave. */
static int layer(struct steps *s)
{
    const struct device_model *m = s->m;
    const struct weightmap_layer *l = &m->layers[s->layer];
    const uint32_t attends = wants_of(s, &l->q, s->n) | wants_of(s, &l->k, s->n) | wants_of(s, &l->v, s->n);
    const uint32_t feeds = wants_of(s, &l->gate, s->full) | wants_of(s, &l->up, s->full) |
                           wants_of(s, &l->router, s->full) | wants_of(s, &l->expert_gate, s->full) |
                           wants_of(s, &l->expert_up, s->full);
    if (fused_steps_fit(s, l)) {
        CARD_TRY(settle(s, s->n));
        return fused_steps_run(s, l);
    }
    CARD_TRY(norm(s, &(struct normed){ &l->attention_norm, m->b.normed, s->n, attends }));
    if (m->s.parallel)
        CARD_TRY(norm(s, &(struct normed){ &l->mlp_norm, m->b.beside, s->full, feeds }));
    CARD_TRY(attention(s, l));
    if (m->s.parallel) {
        CARD_TRY(settle(s, s->full));
        return feed_forward(s, l, m->b.beside);
    }
    CARD_TRY(norm(s, &(struct normed){ &l->mlp_norm, m->b.normed, s->full, feeds }));
    return feed_forward(s, l, m->b.normed);
}

/* Rows [first, first + n) of the batch's order, all after as many layers and of one kind. */
static int head(struct steps *s, uint64_t first, uint32_t n, uint32_t tap)
{
    const struct device_model *m = s->m;
    const struct weightmap_matrix *w = &m->top.head;
    const struct cuda_matrix there = products_matrix(w, m->top_base);
    struct cuda_norm_args a = norm_args(s);
    if (tap == DEVICE_SCORES && n == 1 && fused_steps_fit_head(s))
        return fused_steps_head(s);
    a.norm = products_norm(&m->top.final_norm, m->top_base);
    a.index = m->batch->index + first;
    a.out = tap == DEVICE_HIDDEN ? (void *)m->b.scores : m->b.head;
    a.type = tap == DEVICE_HIDDEN ? CUDA_F32 : products_wants(m, w->type, n);
    CARD_TRY(launched(s, launch_norm(&a, n, m->on), "the last norm"));
    if (tap == DEVICE_SCORES)
        CARD_TRY(products_run(s->m, &there,
                              &(struct products){ m->b.head, m->b.scores, n, a.type, m->b.dim, m->b.scores_stride },
                              s->error));
    struct cuda_scores_args scores = { .rows = m->b.scores,
                                       .bias = tap == DEVICE_HIDDEN ? NULL : products_vector(&w->bias, m->top_base),
                                       .flag = flag(s, m->s.n_layers),
                                       .width = tap == DEVICE_HIDDEN ? m->s.dim : w->n,
                                       .stride = tap == DEVICE_HIDDEN ? m->b.dim : m->b.scores_stride,
                                       .cap = tap == DEVICE_HIDDEN ? 0 : m->s.score_cap };
    return launched(s, launch_scores(&scores, n, m->on), "scores");
}

/* The rows after so many layers. */
static int rows_after(struct steps *s, uint32_t after, uint64_t *next, const struct steps_rows *rows)
{
    const struct device_model *m = s->m;
    while (*next < s->d->n_rows && batch_row(m->batch, s->d, *next)->after == after) {
        const uint32_t tap = batch_row(m->batch, s->d, *next)->tap;
        uint64_t end = *next + 1;
        CARD_TRY(settle(s, after < m->s.n_layers ? s->n : s->full));
        while (end < s->d->n_rows && end - *next < m->b.rows && batch_row(m->batch, s->d, end)->after == after &&
               batch_row(m->batch, s->d, end)->tap == tap)
            end++;
        CARD_TRY(head(s, *next, (uint32_t)(end - *next), tap));
        if (rows->deliver)
            CARD_TRY(
                rows->deliver(rows->ctx, *next, end - *next, tap == DEVICE_HIDDEN ? m->b.dim : m->b.scores_stride));
        *next = end;
    }
    return DEVICE_OK;
}

int steps_run(struct steps *s, const struct steps_rows *rows)
{
    struct device_model *m = s->m;
    const uint32_t n_layers = m->s.n_layers;
    uint64_t next = 0;
    s->n = s->full = (uint32_t)s->d->n_tokens;
    s->layer = 0;
    s->back = NULL;
    CARD_TRY(swap_begin(m->swap, s->error));
    CARD_TRY(embed(s));
    for (; s->layer < n_layers; s->layer++) {
        CARD_TRY(swap_layer(m->swap, s->layer, &s->base, s->error));
        s->full = s->layer + 1 < n_layers ? s->n : (uint32_t)s->d->n_full;
        CARD_TRY(layer(s));
        if (!swap_is_whole(m->swap)) /* the next layer may come to where this one's vectors are */
            CARD_TRY(settle(s, s->full));
        if (s->layer + 1 < n_layers)
            CARD_TRY(rows_after(s, s->layer + 1, &next, rows));
    }
    CARD_TRY(settle(s, s->full));
    CARD_TRY(rows_after(s, n_layers, &next, rows));
    return swap_end(m->swap, s->error);
}

#include "model/forward_cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/experts.h"
#include "model/lm.h"
#include "model/multiply.h"
#include "model/rope.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cpu {
    struct forward_parts p;
    const struct config *config;
    const struct architecture *row;
    struct multiplier *mul;
    struct rope *rope,
        *local; /* of layers without and with a window, where these differ; NULL without such positions */
    struct experts *experts;
    struct weight head;    /* its first n_scores rows */
    struct block x;        /* (max_tokens, dim) the residual stream */
    struct block norm;     /* (max_tokens, dim) */
    struct block q, k, v;  /* (max_tokens, heads * head_dim) */
    struct block attended; /* (max_tokens, n_heads * head_dim) */
    struct block gate, up; /* (max_tokens, ffn); gate alone is used where nothing is gated */
    struct block back;     /* (max_tokens, dim) what a half layer adds */
    float **out;           /* (max_tokens,) the rows of the head */
    float *slope;          /* (n_heads,) of ALiBi; zero without it */
    float *score;          /* (n_threads, KERNEL_HEADS, score_stride) grows with the positions */
    size_t score_stride;
};

/* One loop over tokens or heads in flight. */
struct loop {
    struct cpu *f;
    const struct forward_batch *b;
    size_t layer, m; /* the first m tokens leave the layer */
    const struct norm_weights *norm;
    const struct block *from, *to;
};

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void alloc_blocks(struct cpu *f)
{
    const struct config *c = f->config;
    size_t n = f->p.max_tokens, q = (size_t)c->n_heads * c->head_dim, kv = (size_t)c->n_kv_heads * c->head_dim;
    f->x = block_alloc(n, c->dim);
    f->norm = block_alloc(n, c->dim);
    f->q = block_alloc(n, q);
    f->k = block_alloc(n, kv);
    f->v = block_alloc(n, kv);
    f->attended = block_alloc(n, q);
    f->gate = block_alloc(n, c->ffn);
    f->up = block_alloc(n, c->ffn);
    f->back = block_alloc(n, c->dim);
    f->out = mem_alloc(n, sizeof *f->out);
    f->slope = mem_alloc(c->n_heads, sizeof *f->slope);
}

static int cpu_open(const struct forward_parts *p, void **self)
{
    struct cpu *f = mem_alloc(1, sizeof *f);
    const struct config *c = &p->checkpoint->config;
    size_t width = largest(largest((size_t)c->n_heads * c->head_dim, c->dim), largest(c->ffn, c->expert_ffn));
    f->p = *p;
    f->config = c;
    f->row = architecture_of(c);
    f->head = p->weights->head;
    f->head.n = p->n_scores;
    f->mul = multiplier_alloc(p->kernels, p->mode, p->threads, p->max_tokens, width);
    if (f->row->positions == POSITIONS_ROPE)
        f->rope = rope_alloc(c, p->planned);
    if (f->rope && c->local_theta > 0)
        f->local = rope_alloc_local(c);
    f->experts = experts_alloc(c, p->kernels, f->mul, p->max_tokens);
    alloc_blocks(f);
    if (f->row->positions == POSITIONS_ALIBI)
        forward_slopes(f->slope, c->n_heads);
    *self = f;
    return 0;
}

static size_t cpu_token_bytes(const struct config *c)
{
    size_t q = (size_t)c->n_heads * c->head_dim, kv = (size_t)c->n_kv_heads * c->head_dim;
    return (3 * kernel_pad(c->dim) + 2 * kernel_pad(q) + 2 * kernel_pad(kv) + 2 * kernel_pad(c->ffn)) * sizeof(float) +
           experts_token_bytes(c);
}

/* Scores of attention grow with the positions that are really reached: the context limit is a number from a file. */
static void reserve_scores(struct cpu *f, size_t n_positions)
{
    if (n_positions <= f->score_stride)
        return;
    f->score_stride = largest(2 * f->score_stride, (n_positions + KERNEL_PAGE - 1) / KERNEL_PAGE * KERNEL_PAGE);
    free(f->score);
    f->score = mem_aligned(threads_count(f->p.threads) * KERNEL_HEADS * f->score_stride, sizeof *f->score);
}

static void cpu_free(void *self)
{
    struct cpu *f = self;
    struct block *blocks[] = { &f->x, &f->norm, &f->q, &f->k, &f->v, &f->attended, &f->gate, &f->up, &f->back };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        block_free(blocks[i]);
    experts_free(f->experts);
    multiplier_free(f->mul);
    rope_free(f->rope);
    rope_free(f->local);
    free(f->out);
    free(f->slope);
    free(f->score);
    free(f);
}

/* One norm of a row, in place or not. */
static void norm_row(const struct cpu *f, const float *x, const struct norm_weights *w, size_t n, float *out)
{
    if (w->bias)
        f->p.kernels->layer_norm(x, &(struct kernel_norm){ w->weight, w->bias }, n, f->config->norm_eps, out);
    else
        f->p.kernels->rms_norm(x, w->weight, n, f->config->norm_eps, out);
}

static const void *weight_row(const struct weight *w, size_t j)
{
    return (const char *)w->data + j * w->row_bytes;
}

static void embed(struct cpu *f, const struct forward_batch *b)
{
    const struct weights *w = f->p.weights;
    float scale = f->config->embedding_scale;
    for (size_t i = 0; i < b->n_tokens; i++) {
        const struct forward_token *t = &b->tokens[i];
        float *x = f->x.row[i], *position = f->back.row[i];
        kernel_widen(w->embedding.type, weight_row(&w->embedding, t->symbol), w->embedding.k, x);
        for (size_t d = 0; scale > 0 && d < f->x.width; d++)
            x[d] *= scale;
        if (w->positions.data)
            kernel_widen(w->positions.type, weight_row(&w->positions, t->position), w->positions.k, position);
        for (size_t d = 0; w->positions.data && d < f->x.width; d++)
            x[d] += position[d];
        if (w->embedding_norm.weight)
            norm_row(f, x, &w->embedding_norm, f->x.width, x);
    }
}

static void norm_token(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    (void)worker;
    norm_row(l->f, l->from->row[i], l->norm, l->from->width, l->to->row[i]);
}

static void run_norm(struct cpu *f, const struct norm_weights *w, const struct block *from, const struct block *to,
                     size_t m)
{
    struct loop loop = { .f = f, .norm = w, .from = from, .to = to };
    multiply_each(f->mul, m, m * from->width, norm_token, &loop);
}

/* What a half layer adds has a norm of its own in some architectures. */
static void add_back(struct cpu *f, const struct norm_weights *w, size_t m)
{
    if (w->weight)
        run_norm(f, w, &f->back, &f->back, m);
    for (size_t i = 0; i < m; i++)
        for (size_t d = 0; d < f->x.width; d++)
            f->x.row[i][d] += f->back.row[i][d];
}

/* Norm and rotation of the heads of a query or of keys. */
static void place_heads(const struct loop *l, const struct norm_weights *norm, size_t position, float *heads, size_t n)
{
    struct cpu *f = l->f;
    size_t dim = f->config->head_dim;
    bool local = f->local && config_window(f->config, l->layer) > 0;
    for (size_t h = 0; norm->weight && h < n; h++)
        norm_row(f, heads + h * dim, norm, dim, heads + h * dim);
    if (f->rope)
        rope_turn(local ? f->local : f->rope, position, heads, n);
}

/* Queries and keys as attention wants them; puts keys and values into the token's page. */
static void place_token(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    struct cpu *f = l->f;
    const struct forward_token *t = &l->b->tokens[i];
    const struct layer_weights *w = &f->p.weights->layers[l->layer];
    size_t dim = f->config->head_dim, at = t->position % KERNEL_PAGE;
    (void)worker;
    if (i < l->m)
        place_heads(l, &w->q_norm, t->position, f->q.row[i], f->config->n_heads);
    if (!t->own)
        return;
    place_heads(l, &w->k_norm, t->position, f->k.row[i], f->config->n_kv_heads);
    for (size_t h = 0; h < f->config->n_kv_heads; h++) {
        char *keys = (char *)t->own + kv_keys_at(f->p.kv, l->layer, h);
        kernel_kv_put(f->p.kv_type, f->k.row[i] + h * dim, dim, at, keys);
        kernel_kv_put(f->p.kv_type, f->v.row[i] + h * dim, dim, at, keys + kv_values_at(f->p.kv));
    }
}

static void copy_pages(struct cpu *f, const struct forward_batch *b, size_t layer)
{
    for (size_t i = 0; i < b->n_copies; i++)
        for (size_t h = 0; h < f->config->n_kv_heads; h++) {
            const struct forward_copy *c = &b->copies[i];
            const char *from = (const char *)c->from + kv_keys_at(f->p.kv, layer, h);
            char *to = (char *)c->to + kv_keys_at(f->p.kv, layer, h);
            size_t values = kv_values_at(f->p.kv);
            kernel_kv_copy(f->p.kv_type, f->config->head_dim, c->n, from, to);
            kernel_kv_copy(f->p.kv_type, f->config->head_dim, c->n, from + values, to + values);
        }
}

/* The query heads that share one key-value head of one token. */
static void attend_group(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    struct cpu *f = l->f;
    const struct config *c = f->config;
    size_t n_kv = c->n_kv_heads, token = i / n_kv, kv_head = i % n_kv, dim = c->head_dim, group = c->n_heads / n_kv;
    const struct forward_token *t = &l->b->tokens[token];
    size_t n = t->position + (size_t)1, window = config_window(c, l->layer);
    struct attention a = { .q = f->q.row[token] + kv_head * group * dim,
                           .n_heads = group,
                           .pages = t->pages,
                           .kv = f->p.kv_type,
                           .k_at = kv_keys_at(f->p.kv, l->layer, kv_head),
                           .first = window > 0 && window < n ? n - window : 0,
                           .n = n,
                           .head_dim = dim,
                           .scale = c->query_scale > 0 ? c->query_scale : (float)(1 / sqrt((double)dim)),
                           .cap = c->attention_cap,
                           .slope = f->slope + kv_head * group,
                           .out = f->attended.row[token] + kv_head * group * dim,
                           .score = f->score + worker * KERNEL_HEADS * f->score_stride };
    a.v_at = a.k_at + kv_values_at(f->p.kv);
    f->p.kernels->attend(&a);
}

static void activate_token(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    struct cpu *f = l->f;
    (void)worker;
    f->p.kernels->activate[f->config->activation](f->gate.row[i], f->gate.width);
    if (f->p.weights->layers[l->layer].gate.data)
        f->p.kernels->times(f->gate.row[i], f->up.row[i], f->gate.width);
}

/* layer: n_layers is the head. */
static int check_rows(const struct cpu *f, float *const row[], size_t m, size_t width, size_t layer)
{
    for (size_t i = 0; i < m; i++)
        if (!f->p.kernels->finite(row[i], width))
            return weights_blame(f->p.checkpoint, layer);
    return 0;
}

static int check_layer(const struct cpu *f, const struct block *x, size_t m, size_t layer)
{
    return check_rows(f, x->row, m, x->width, layer);
}

/* Leaves what attention adds in back. */
static int run_attention(struct cpu *f, const struct forward_batch *b, size_t layer, size_t m)
{
    const struct layer_weights *w = &f->p.weights->layers[layer];
    struct loop loop = { .f = f, .b = b, .layer = layer, .m = m };
    size_t n = b->n_tokens, cost = 0;
    multiply(f->mul, &f->norm,
             (struct product[]){ { &w->q, f->q.row, m }, { &w->k, f->k.row, n }, { &w->v, f->v.row, n } }, 3);
    TRY(check_layer(f, &f->q, m, layer)); /* a softmax could hide what is wrong with a query or a key */
    TRY(check_layer(f, &f->k, n, layer));
    TRY(check_layer(f, &f->v, n, layer));
    multiply_each(f->mul, n, 2 * n * f->q.width, place_token, &loop);
    copy_pages(f, b, layer);
    for (size_t i = 0; i < m; i++)
        cost += 2 * ((size_t)b->tokens[i].position + 1) * f->q.width;
    multiply_each(f->mul, m * f->config->n_kv_heads, cost, attend_group, &loop);
    multiply(f->mul, &f->attended, &(struct product){ &w->o, f->back.row, m }, 1);
    return 0;
}

/* Leaves what the feed-forward part adds in back. */
static int run_mlp(struct cpu *f, size_t layer, size_t m)
{
    const struct layer_weights *w = &f->p.weights->layers[layer];
    struct loop loop = { .f = f, .layer = layer };
    if (w->experts)
        return experts_run(f->experts, w, &f->norm, f->back.row, m) ? 0 : weights_blame(f->p.checkpoint, layer);
    if (w->gate.data)
        multiply(f->mul, &f->norm, (struct product[]){ { &w->gate, f->gate.row, m }, { &w->up, f->up.row, m } }, 2);
    else
        multiply(f->mul, &f->norm, &(struct product){ &w->up, f->gate.row, m }, 1);
    multiply_each(f->mul, m, 8 * m * f->gate.width, activate_token, &loop);
    multiply(f->mul, &f->gate, &(struct product){ &w->down, f->back.row, m }, 1);
    return 0;
}

/* The first m tokens of the batch leave the layer; all leave their keys and values in it. */
static int run_layer(struct cpu *f, const struct forward_batch *b, size_t layer, size_t m)
{
    const struct layer_weights *w = &f->p.weights->layers[layer];
    run_norm(f, &w->attention_norm, &f->x, &f->norm, b->n_tokens);
    TRY(run_attention(f, b, layer, m));
    if (f->config->parallel)
        run_norm(f, &w->mlp_norm, &f->x, &f->norm, m);
    add_back(f, &w->attention_post, m);
    if (!f->config->parallel)
        run_norm(f, &w->mlp_norm, &f->x, &f->norm, m);
    TRY(run_mlp(f, layer, m));
    add_back(f, &w->mlp_post, m);
    return check_layer(f, &f->x, m, layer);
}

/* The rows of one tap, from the residual stream as it is now. */
static int run_head(struct cpu *f, const struct forward_batch *b, uint32_t tap)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct forward_row *r = &b->rows[i];
        if (r->tap != tap)
            continue;
        norm_row(f, f->x.row[r->token], &f->p.weights->final_norm, f->x.width, f->norm.row[n]);
        f->out[n++] = r->out;
    }
    if (n == 0)
        return 0;
    if (tap == LM_TAP_HIDDEN)
        for (size_t i = 0; i < n; i++)
            memcpy(f->out[i], f->norm.row[i], f->x.width * sizeof(float));
    else
        multiply(f->mul, &f->norm, &(struct product){ &f->head, f->out, n }, 1);
    TRY(check_rows(f, f->out, n, tap == LM_TAP_HIDDEN ? f->x.width : f->head.n, f->config->n_layers));
    for (size_t i = 0; i < n && tap != LM_TAP_HIDDEN && f->config->score_cap > 0; i++)
        f->p.kernels->cap(f->out[i], f->head.n, f->config->score_cap);
    return 0;
}

static void reserve(struct cpu *f, const struct forward_batch *b)
{
    size_t reach = 0;
    for (size_t i = 0; i < b->n_tokens; i++)
        reach = largest(reach, b->tokens[i].position);
    if (f->rope)
        rope_reserve(f->rope, reach + 1);
    if (f->local)
        rope_reserve(f->local, reach + 1);
    reserve_scores(f, reach + 1);
}

static int cpu_run(void *self, const struct forward_batch *b)
{
    struct cpu *f = self;
    size_t n_layers = f->config->n_layers;
    reserve(f, b);
    embed(f, b);
    for (size_t layer = 0; layer < n_layers; layer++) {
        TRY(run_layer(f, b, layer, layer + 1 < n_layers ? b->n_tokens : b->n_full));
        if (layer + 1 < n_layers)
            TRY(run_head(f, b, (uint32_t)layer + 1));
    }
    TRY(run_head(f, b, LM_TAP_HIDDEN));
    return run_head(f, b, LM_TAP_FINAL);
}

const struct forward_type forward_cpu = { cpu_open, cpu_run, cpu_token_bytes, cpu_free };

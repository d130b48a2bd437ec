#include "model/forward.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/lm.h"
#include "model/multiply.h"
#include "model/rope.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct forward {
    struct forward_parts p;
    const struct config *config;
    struct multiplier *mul;
    struct rope *rope;
    struct weight head;    /* its first n_scores rows */
    struct block x;        /* (max_tokens, dim) the residual stream */
    struct block norm;     /* (max_tokens, dim) */
    struct block q, k, v;  /* (max_tokens, heads * head_dim) */
    struct block attended; /* (max_tokens, n_heads * head_dim) */
    struct block gate, up; /* (max_tokens, ffn) */
    struct block back;     /* (max_tokens, dim) what a half layer adds */
    float **out;           /* (max_tokens,) the rows of the head */
    float *score;          /* (n_threads, score_stride) grows with the positions */
    size_t score_stride;
};

/* One loop over tokens or heads in flight. */
struct loop {
    struct forward *f;
    const struct forward_batch *b;
    size_t layer, m;   /* the first m tokens leave the layer */
    const float *norm; /* weights of a norm */
};

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

struct forward *forward_alloc(const struct forward_parts *p)
{
    struct forward *f = mem_alloc(1, sizeof *f);
    const struct config *c = &p->checkpoint->config;
    size_t n = p->max_tokens, q = (size_t)c->n_heads * c->head_dim, kv = (size_t)c->n_kv_heads * c->head_dim;
    f->p = *p;
    f->config = c;
    f->head = p->weights->head;
    f->head.n = p->n_scores;
    f->mul = multiplier_alloc(p->kernels, p->mode, p->threads, n, largest(largest(q, c->dim), c->ffn));
    f->rope = rope_alloc(c);
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
    return f;
}

size_t forward_token_bytes(const struct config *c)
{
    size_t q = (size_t)c->n_heads * c->head_dim, kv = (size_t)c->n_kv_heads * c->head_dim;
    return (3 * kernel_pad(c->dim) + 2 * kernel_pad(q) + 2 * kernel_pad(kv) + 2 * kernel_pad(c->ffn)) * sizeof(float);
}

/* Scores of attention grow with the positions that are really reached: the context limit is a number from a file. */
static void reserve_scores(struct forward *f, size_t n_positions)
{
    if (n_positions <= f->score_stride)
        return;
    f->score_stride = largest(2 * f->score_stride, (n_positions + KERNEL_PAGE - 1) / KERNEL_PAGE * KERNEL_PAGE);
    free(f->score);
    f->score = mem_aligned(threads_count(f->p.threads) * f->score_stride, sizeof *f->score);
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    struct block *blocks[] = { &f->x, &f->norm, &f->q, &f->k, &f->v, &f->attended, &f->gate, &f->up, &f->back };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        block_free(blocks[i]);
    multiplier_free(f->mul);
    rope_free(f->rope);
    free(f->out);
    free(f->score);
    free(f);
}

static void embed(struct forward *f, const struct forward_batch *b)
{
    const struct weight *e = &f->p.weights->embedding;
    for (size_t i = 0; i < b->n_tokens; i++)
        kernel_widen(e->type, (const char *)e->data + b->tokens[i].symbol * e->row_bytes, e->k, f->x.row[i]);
}

static void norm_token(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    struct forward *f = l->f;
    (void)worker;
    f->p.kernels->rms_norm(f->x.row[i], l->norm, f->x.width, f->config->norm_eps, f->norm.row[i]);
}

/* Rotates queries and keys; puts keys and values into the token's page. */
static void place_token(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    struct forward *f = l->f;
    const struct forward_token *t = &l->b->tokens[i];
    size_t dim = f->config->head_dim, at = t->position % KERNEL_PAGE * dim;
    (void)worker;
    if (i < l->m)
        rope_turn(f->rope, t->position, f->q.row[i], f->config->n_heads);
    if (!t->own)
        return;
    rope_turn(f->rope, t->position, f->k.row[i], f->config->n_kv_heads);
    for (size_t h = 0; h < f->config->n_kv_heads; h++) {
        float *keys = t->own + kv_keys_at(f->p.kv, l->layer, h) + at;
        memcpy(keys, f->k.row[i] + h * dim, dim * sizeof *keys);
        memcpy(keys + kv_values_at(f->p.kv), f->v.row[i] + h * dim, dim * sizeof *keys);
    }
}

static void copy_pages(struct forward *f, const struct forward_batch *b, size_t layer)
{
    for (size_t i = 0; i < b->n_copies; i++)
        for (size_t h = 0; h < f->config->n_kv_heads; h++) {
            size_t keys = kv_keys_at(f->p.kv, layer, h), values = keys + kv_values_at(f->p.kv);
            size_t bytes = b->copies[i].n * f->config->head_dim * sizeof(float);
            memcpy(b->copies[i].to + keys, b->copies[i].from + keys, bytes);
            memcpy(b->copies[i].to + values, b->copies[i].from + values, bytes);
        }
}

/* The query heads that share one key-value head of one token. */
static void attend_group(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    struct forward *f = l->f;
    size_t n_kv = f->config->n_kv_heads, token = i / n_kv, kv_head = i % n_kv, dim = f->config->head_dim;
    size_t group = f->config->n_heads / n_kv;
    const struct forward_token *t = &l->b->tokens[token];
    struct attention a = { .pages = t->pages,
                           .k_at = kv_keys_at(f->p.kv, l->layer, kv_head),
                           .n = t->position + (size_t)1,
                           .head_dim = dim,
                           .scale = (float)(1 / sqrt((double)dim)),
                           .score = f->score + worker * f->score_stride };
    a.v_at = a.k_at + kv_values_at(f->p.kv);
    for (size_t h = kv_head * group; h < (kv_head + 1) * group; h++) {
        a.q = f->q.row[token] + h * dim;
        a.out = f->attended.row[token] + h * dim;
        f->p.kernels->attend(&a);
    }
}

static void silu_token(void *ctx, size_t i, size_t worker)
{
    const struct loop *l = ctx;
    (void)worker;
    l->f->p.kernels->silu_mul(l->f->gate.row[i], l->f->up.row[i], l->f->gate.width);
}

static void add_back(struct forward *f, size_t m)
{
    for (size_t i = 0; i < m; i++)
        for (size_t d = 0; d < f->x.width; d++)
            f->x.row[i][d] += f->back.row[i][d];
}

/* layer: n_layers is the head. */
static int check_rows(const struct forward *f, float *const row[], size_t m, size_t width, size_t layer)
{
    for (size_t i = 0; i < m; i++)
        if (!f->p.kernels->finite(row[i], width))
            return weights_blame(f->p.checkpoint, layer);
    return 0;
}

static int check_layer(const struct forward *f, const struct block *x, size_t m, size_t layer)
{
    return check_rows(f, x->row, m, x->width, layer);
}

static void run_attention(struct forward *f, const struct forward_batch *b, size_t layer, size_t m)
{
    struct loop loop = { f, b, layer, m, NULL };
    size_t cost = 0;
    for (size_t i = 0; i < m; i++)
        cost += 2 * ((size_t)b->tokens[i].position + 1) * f->q.width;
    multiply_each(f->mul, m * f->config->n_kv_heads, cost, attend_group, &loop);
}

/* The first m tokens of the batch leave the layer; all leave their keys and values in it. */
static int run_layer(struct forward *f, const struct forward_batch *b, size_t layer, size_t m)
{
    const struct layer_weights *w = &f->p.weights->layers[layer];
    struct loop loop = { f, b, layer, m, w->attention_norm };
    size_t n = b->n_tokens;
    multiply_each(f->mul, n, n * f->x.width, norm_token, &loop);
    multiply(f->mul, &f->norm,
             (struct product[]){ { &w->q, f->q.row, m }, { &w->k, f->k.row, n }, { &w->v, f->v.row, n } }, 3);
    TRY(check_layer(f, &f->q, m, layer)); /* a softmax could hide what is wrong with a query or a key */
    TRY(check_layer(f, &f->k, n, layer));
    TRY(check_layer(f, &f->v, n, layer));
    multiply_each(f->mul, n, 2 * n * f->q.width, place_token, &loop);
    copy_pages(f, b, layer);
    run_attention(f, b, layer, m);
    multiply(f->mul, &f->attended, &(struct product){ &w->o, f->back.row, m }, 1);
    add_back(f, m);
    loop.norm = w->mlp_norm;
    multiply_each(f->mul, m, m * f->x.width, norm_token, &loop);
    multiply(f->mul, &f->norm, (struct product[]){ { &w->gate, f->gate.row, m }, { &w->up, f->up.row, m } }, 2);
    multiply_each(f->mul, m, 8 * m * f->gate.width, silu_token, &loop);
    multiply(f->mul, &f->gate, &(struct product){ &w->down, f->back.row, m }, 1);
    add_back(f, m);
    return check_layer(f, &f->x, m, layer);
}

/* The rows of one tap, from the residual stream as it is now. */
static int run_head(struct forward *f, const struct forward_batch *b, uint32_t tap)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct forward_row *r = &b->rows[i];
        if (r->tap != tap)
            continue;
        f->p.kernels->rms_norm(f->x.row[r->token], f->p.weights->final_norm, f->x.width, f->config->norm_eps,
                               f->norm.row[n]);
        f->out[n++] = r->out;
    }
    if (n == 0)
        return 0;
    if (tap == LM_TAP_HIDDEN)
        for (size_t i = 0; i < n; i++)
            memcpy(f->out[i], f->norm.row[i], f->x.width * sizeof(float));
    else
        multiply(f->mul, &f->norm, &(struct product){ &f->head, f->out, n }, 1);
    return check_rows(f, f->out, n, tap == LM_TAP_HIDDEN ? f->x.width : f->head.n, f->config->n_layers);
}

int forward_run(struct forward *f, const struct forward_batch *b)
{
    size_t n_layers = f->config->n_layers, reach = 0;
    for (size_t i = 0; i < b->n_tokens; i++)
        reach = largest(reach, b->tokens[i].position);
    rope_reserve(f->rope, reach + 1);
    reserve_scores(f, reach + 1);
    embed(f, b);
    for (size_t layer = 0; layer < n_layers; layer++) {
        TRY(run_layer(f, b, layer, layer + 1 < n_layers ? b->n_tokens : b->n_full));
        if (layer + 1 < n_layers)
            TRY(run_head(f, b, (uint32_t)layer + 1));
    }
    TRY(run_head(f, b, LM_TAP_HIDDEN));
    return run_head(f, b, LM_TAP_FINAL);
}

#include "model/multiply.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define MAX_PRODUCTS 3
#define TILE_COST    (1u << 17) /* multiply-adds of one part: some microseconds */

struct multiplier {
    const struct kernels *k;
    enum kernel_mode mode;
    struct threads *threads;
    float *scratch; /* (n_threads, KERNEL_ROWS, max_width) */
    size_t scratch_stride;
    uint16_t *half; /* (max_rows, stride of the block) x rounded to bf16, or NULL */
};

/* One multiply() in flight. */
struct job {
    struct multiplier *mul;
    struct matmul matmul[MAX_PRODUCTS];
    size_t tile[MAX_PRODUCTS], n_tiles[MAX_PRODUCTS], n;
};

struct multiplier *multiplier_alloc(const struct kernels *k, enum kernel_mode mode, struct threads *threads,
                                    size_t max_rows, size_t max_width)
{
    struct multiplier *mul = mem_alloc(1, sizeof *mul);
    size_t stride = KERNEL_ROWS * kernel_pad(max_width);
    *mul = (struct multiplier){ .k = k, .mode = mode, .threads = threads, .scratch_stride = stride };
    mul->scratch = mem_aligned(threads_count(threads) * stride, sizeof *mul->scratch);
    if (mode == KERNEL_NATIVE && k->dot_bf16)
        mul->half = mem_aligned(max_rows * kernel_pad(max_width), sizeof *mul->half);
    return mul;
}

void multiplier_free(struct multiplier *mul)
{
    if (!mul)
        return;
    free(mul->scratch);
    free(mul->half);
    free(mul);
}

void multiply_each(struct multiplier *mul, size_t n, size_t cost, void (*part)(void *, size_t, size_t), void *ctx)
{
    if (cost >= MULTIPLY_INLINE && threads_count(mul->threads) > 1) {
        threads_run(mul->threads, n, part, ctx);
        return;
    }
    for (size_t i = 0; i < n; i++)
        part(ctx, i, 0);
}

static bool as_bf16(const struct multiplier *mul, const struct weight *w)
{
    return mul->half && w->type == DTYPE_BF16;
}

static void add_bias(const struct matmul *m, size_t from, size_t to)
{
    for (size_t i = 0; i < m->m; i++)
        for (size_t j = from; j < to; j++)
            m->out[i][j] += m->w->bias[j];
}

static void multiply_tile(void *ctx, size_t i, size_t worker)
{
    struct job *job = ctx;
    const struct multiplier *mul = job->mul;
    size_t p = 0;
    while (i >= job->n_tiles[p])
        i -= job->n_tiles[p++];
    const struct matmul *m = &job->matmul[p];
    size_t from = i * job->tile[p], to = from + job->tile[p];
    to = to < m->w->n ? to : m->w->n;
    if (m->x == mul->half)
        mul->k->dot_bf16(m, from, to);
    else
        mul->k->matmul(m, from, to, mul->scratch + worker * mul->scratch_stride);
    if (m->w->bias)
        add_bias(m, from, to);
}

struct rounding {
    struct multiplier *mul;
    const struct block *x;
};

static void round_row(void *ctx, size_t i, size_t worker)
{
    const struct rounding *r = ctx;
    (void)worker;
    r->mul->k->round_bf16(r->x->row[i], r->x->stride, r->mul->half + i * r->x->stride);
}

void multiply(struct multiplier *mul, const struct block *x, const struct product products[], size_t n)
{
    struct job job = { .mul = mul, .n = n };
    size_t cost = 0, n_tiles = 0, half_rows = 0;
    assert(n <= MAX_PRODUCTS);
    for (size_t p = 0; p < n; p++) {
        const struct weight *w = products[p].w;
        size_t row_cost = products[p].m * w->k + 1, tile = TILE_COST / row_cost / KERNEL_ROWS * KERNEL_ROWS;
        bool half = as_bf16(mul, w);
        job.matmul[p] =
            (struct matmul){ w, half ? (const void *)mul->half : x->data, x->stride, products[p].m, products[p].out };
        job.tile[p] = tile > 0 ? tile : KERNEL_ROWS;
        job.n_tiles[p] = products[p].m > 0 ? (w->n + job.tile[p] - 1) / job.tile[p] : 0;
        n_tiles += job.n_tiles[p];
        cost += row_cost * w->n;
        if (half && products[p].m > half_rows)
            half_rows = products[p].m;
    }
    struct rounding rounding = { mul, x };
    multiply_each(mul, half_rows, half_rows * x->stride, round_row, &rounding);
    multiply_each(mul, n_tiles, cost, multiply_tile, &job);
}

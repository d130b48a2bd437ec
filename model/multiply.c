#include "model/multiply.h"
#include "base/mem.h"
#include "model/kernel_int8.h"
#include <assert.h>
#include <stdlib.h>

#define MAX_PRODUCTS 3
#define TILE_COST    (1u << 17) /* multiply-adds of one part: some microseconds */
#define MANY         16u        /* rows from which on activations are read from L2: tiles that use them more often */
#define MANY_LEAST   64u        /* rows of such a tile */
#define MANY_MOST    256u
#define SHARE        4u /* such tiles a thread, where they do not become too small */

struct multiplier {
    const struct kernels *k;
    struct threads *threads;
    float *scratch; /* (n_threads, KERNEL_ROWS, max_width) */
    size_t scratch_stride;
    uint16_t *half;            /* (max_rows, stride of the block) x rounded to bf16, or NULL */
    struct kernel_int8 *whole; /* (max_rows, stride of the block / KERNEL_INT8) x rounded to integers, or NULL */
};

/* One multiply() in flight. */
struct job {
    struct multiplier *mul;
    struct matmul matmul[MAX_PRODUCTS];
    size_t tile[MAX_PRODUCTS], n_tiles[MAX_PRODUCTS];
};

struct multiplier *multiplier_alloc(const struct kernels *k, enum kernel_mode mode, struct threads *threads,
                                    size_t max_rows, size_t max_width)
{
    struct multiplier *mul = mem_alloc(1, sizeof *mul);
    size_t stride = KERNEL_ROWS * kernel_pad(max_width);
    *mul = (struct multiplier){ .k = k, .threads = threads, .scratch_stride = stride };
    mul->scratch = mem_aligned(threads_count(threads) * stride, sizeof *mul->scratch);
    size_t half_rows = (max_rows + k->bf16_rows - 1) / k->bf16_rows * k->bf16_rows;
    if (mode == KERNEL_NATIVE && k->dot_bf16)
        mul->half = mem_aligned(half_rows * kernel_pad(max_width), sizeof *mul->half);
    if (mode == KERNEL_NATIVE)
        mul->whole = mem_aligned(max_rows * kernel_pad(max_width) / KERNEL_INT8, sizeof *mul->whole);
    return mul;
}

void multiplier_free(struct multiplier *mul)
{
    if (!mul)
        return;
    free(mul->scratch);
    free(mul->half);
    free(mul->whole);
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
    if (m->x == mul->whole)
        mul->k->dot_int8(m, from, to);
    else if (m->x == mul->half)
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
    r->mul->k->round_bf16(r->x->row[i], r->x->stride, i, r->mul->half);
}

static void pack_row(void *ctx, size_t i, size_t worker)
{
    const struct rounding *r = ctx;
    (void)worker;
    r->mul->k->pack_int8(r->x->row[i], r->x->stride, r->mul->whole + i * (r->x->stride / KERNEL_INT8));
}

/* Activations as the weights call for them. */
static struct matmul matmul_of(const struct multiplier *mul, const struct block *x, const struct product *p)
{
    struct matmul m = { p->w, x->data, x->stride, p->m, p->out };
    if (mul->whole && kernel_has_int8(p->w->type)) {
        m.x = mul->whole;
        m.stride = x->stride / KERNEL_INT8;
    } else if (mul->half && p->w->type == DTYPE_BF16) {
        m.x = mul->half;
    }
    return m;
}

static size_t tile_rows(const struct matmul *m, size_t n_threads)
{
    size_t rows = TILE_COST / (m->m * m->w->k + 1) / KERNEL_TILE * KERNEL_TILE;
    if (m->m < MANY)
        return rows > KERNEL_TILE ? rows : KERNEL_TILE;
    rows = m->w->n / (SHARE * n_threads) / MANY_LEAST * MANY_LEAST;
    rows = rows < MANY_MOST ? rows : MANY_MOST;
    return rows > MANY_LEAST ? rows : MANY_LEAST;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void multiply(struct multiplier *mul, const struct block *x, const struct product products[], size_t n)
{
    struct job job = { .mul = mul };
    struct rounding rounding = { mul, x };
    size_t cost = 0, n_tiles = 0, half_rows = 0, whole_rows = 0;
    assert(n <= MAX_PRODUCTS);
    for (size_t p = 0; p < n; p++) {
        struct matmul *m = &job.matmul[p];
        *m = matmul_of(mul, x, &products[p]);
        job.tile[p] = tile_rows(m, threads_count(mul->threads));
        job.n_tiles[p] = m->m > 0 ? (m->w->n + job.tile[p] - 1) / job.tile[p] : 0;
        n_tiles += job.n_tiles[p];
        cost += (m->m * m->w->k + 1) * m->w->n;
        half_rows = m->x == mul->half ? larger(half_rows, m->m) : half_rows;
        whole_rows = m->x == mul->whole ? larger(whole_rows, m->m) : whole_rows;
    }
    multiply_each(mul, half_rows, half_rows * x->stride, round_row, &rounding);
    multiply_each(mul, whole_rows, whole_rows * x->stride, pack_row, &rounding);
    multiply_each(mul, n_tiles, cost, multiply_tile, &job);
}

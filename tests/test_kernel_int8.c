/* Products with integer activations: near those of the widened weights, and on every path the same bits, whatever the batch,
 * the part of the matrix, and the rows' places. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/kernel_int8.h"
#include "tests/lib/check.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct kernels *const paths[] = { &kernel_reference,  &kernel_avx2,       &kernel_avxvnni, &kernel_avx512,
                                               &kernel_avx512vnni, &kernel_avx512bf16, &kernel_amx };
#define N_PATHS (sizeof paths / sizeof *paths)
static const enum dtype types[] = { DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K };

enum { K = 768, N = 71, M = 93, BLOCKS = K / KERNEL_INT8 };

struct made {
    uint8_t *rows; /* (N, bytes of a row) */
    struct weight w;
    float *x;                  /* (M, K) */
    struct kernel_int8 *whole; /* (M, BLOCKS) */
    float *want, *got;         /* (M, N) */
    float *out[M];
};

static double uniform(uint64_t seed, uint64_t i)
{
    struct rng_key key = rng_key(&(struct rng_address){ .seed = seed, .purpose = RNG_TEST });
    return 2 * rng_uniform(&key, (uint32_t)i) - 1;
}

/* Bytes of every value; scales around 0.01 of either sign. */
static struct made make(enum dtype type)
{
    struct made t = { .w = { .name = dtype_name(type), .type = type, .n = N, .k = K } };
    t.w.row_bytes = dtype_row_bytes(type, K);
    t.rows = mem_alloc(N, t.w.row_bytes);
    t.w.data = t.rows;
    for (size_t i = 0; i < N * t.w.row_bytes; i++)
        t.rows[i] = (uint8_t)(128 + 127.9 * uniform(1, i));
    for (size_t at = 0; at < N * t.w.row_bytes; at += dtype_block_bytes(type))
        for (size_t i = 0; dtype_scale_at(type, i) >= 0; i++) {
            uint16_t scale = (uint16_t)(0x2000 + at * 31 % 0x800 + (at % 3 == 0 ? 0x8000 : 0));
            memcpy(t.rows + at + dtype_scale_at(type, i), &scale, sizeof scale);
        }
    t.x = mem_aligned(M * K, sizeof *t.x);
    for (size_t i = 0; i < M * K; i++)
        t.x[i] = (float)(uniform(2, i) * exp(3 * uniform(3, i / 32)));
    t.whole = mem_aligned(M * BLOCKS, sizeof *t.whole);
    kernel_int8_pack(t.x, M * K, t.whole);
    t.want = mem_alloc(M * N, sizeof *t.want);
    t.got = mem_alloc(M * N, sizeof *t.got);
    return t;
}

static void made_free(struct made *t)
{
    free(t->rows);
    free(t->x);
    free(t->whole);
    free(t->want);
    free(t->got);
}

/* All products; NaN where nothing was written. */
static struct matmul into(struct made *t, float *to)
{
    for (size_t i = 0; i < M * N; i++)
        to[i] = NAN;
    for (size_t i = 0; i < M; i++)
        t->out[i] = to + i * N;
    return (struct matmul){ &t->w, t->whole, BLOCKS, M, t->out };
}

static bool same(const float *a, const float *b, size_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

/* The integers stand for the activations to half a step, and the products are those of the widened weights with them. */
static void truth(struct made *t)
{
    float *wide = mem_alloc(N * K, sizeof *wide);
    double worst = 0;
    for (size_t j = 0; j < N; j++)
        dtype_to_f32(t->w.type, t->rows + j * t->w.row_bytes, K, wide + j * K);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0, size = 0;
            for (size_t k = 0; k < K; k++) {
                const struct kernel_int8 *a = &t->whole[i * BLOCKS + k / 32];
                double x = (double)a->scale * a->q[k % 32];
                sum += x * (double)wide[j * K + k];
                size += fabs(x * (double)wide[j * K + k]);
                if (j == 0)
                    check(fabs(x - (double)t->x[i * K + k]) <= 0.50001 * (double)a->scale, "%g became %g",
                          (double)t->x[i * K + k], x);
            }
            worst = fmax(worst, fabs(sum - (double)t->want[i * N + j]) / size);
        }
    check(worst < 2e-6, "%s: a product differs by %g of its terms", t->w.name, worst);
    free(wide);
}

static void path_agrees(struct made *t, const struct kernels *k)
{
    struct kernel_int8 *whole = mem_aligned(M * BLOCKS, sizeof *whole);
    k->pack_int8(t->x, M * K, whole);
    check(memcmp(whole, t->whole, M * BLOCKS * sizeof *whole) == 0, "%s: rounding", k->name);
    free(whole);
    struct matmul p = into(t, t->got);
    k->dot_int8(&p, 0, N);
    check(same(t->got, t->want, M * N), "%s on %s: not the reference's bits", t->w.name, k->name);
    static const size_t batches[] = { 1, 2, 7, 30, 64 };
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        p = into(t, t->got);
        for (size_t i = 0; i < M; i += batches[b]) {
            struct matmul part = p;
            part.x = t->whole + i * BLOCKS;
            part.out = t->out + i;
            part.m = M - i < batches[b] ? M - i : batches[b];
            k->dot_int8(&part, 0, 48);
            k->dot_int8(&part, 48, N);
        }
        check(same(t->got, t->want, M * N), "%s on %s: depends on a batch of %zu", t->w.name, k->name, batches[b]);
    }
}

/* Rows with others between them: groups of 6 within the 71. */
static void gaps(struct made *t, const struct kernels *k)
{
    struct weight some = t->w;
    struct matmul p = into(t, t->got);
    some.n = 36;
    some.group = 6;
    some.gap = 6;
    p.w = &some;
    k->dot_int8(&p, 0, some.n);
    size_t wrong = 0;
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < some.n; j++)
            wrong += !same(&t->got[i * N + j], &t->want[i * N + j + j / 6 * 6], 1);
    check(wrong == 0, "%s on %s: %zu products of rows in groups differ", t->w.name, k->name, wrong);
}

/* Bytes and activations at their largest: nothing saturates. */
static void extremes(struct made *t)
{
    static const uint8_t bytes[] = { 0x80, 0x7f, 0xff, 0x00 };
    for (size_t b = 0; b < sizeof bytes; b++) {
        struct made s = make(t->w.type);
        for (size_t i = 0; i < N * s.w.row_bytes; i++)
            s.rows[i] = bytes[b];
        for (size_t at = 0; at < N * s.w.row_bytes; at += dtype_block_bytes(s.w.type))
            for (size_t i = 0; dtype_scale_at(s.w.type, i) >= 0; i++)
                memcpy(s.rows + at + dtype_scale_at(s.w.type, i), &(uint16_t){ 0x3c00 }, 2);
        for (size_t i = 0; i < M * K; i++)
            s.x[i] = i / K % 2 == 0 ? 1.0f : i % 2 == 0 ? -1.0f : 1.0f;
        kernel_int8_pack(s.x, M * K, s.whole);
        struct matmul p = into(&s, s.want);
        kernel_int8_dot(&p, 0, N);
        truth(&s);
        for (size_t i = 1; i < N_PATHS; i++)
            if (paths[i]->available())
                path_agrees(&s, paths[i]);
        made_free(&s);
    }
}

/* What is not finite stays so; what is too small is zero; both on every path. */
static void not_finite(const struct kernels *k)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-31f, 0, 1e-29f };
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++)
        for (size_t at = 0; at < 32; at += 31) {
            float x[32] = { 0 };
            struct kernel_int8 want, got;
            x[at] = bad[b];
            x[5] = 1e-32f;
            kernel_int8_pack(x, 32, &want);
            k->pack_int8(x, 32, &got);
            bool finite = isfinite(bad[b]);
            check((finite || isnan(got.scale) == isnan(want.scale)) && isfinite(got.scale) == finite,
                  "%s: %g has scale %g", k->name, (double)bad[b], (double)got.scale);
            check(!finite || memcmp(&want, &got, sizeof got) == 0, "%s: %g becomes other integers", k->name,
                  (double)bad[b]);
            check(!finite || fabsf(bad[b]) < 1e-30f || abs(got.q[at]) == 127, "%s: %g becomes %d", k->name,
                  (double)bad[b], got.q[at]);
            check(fabsf(bad[b]) >= 1e-30f || isnan(bad[b]) || got.scale == 0, "%s: %g is zero", k->name,
                  (double)bad[b]);
        }
    struct made t = make(DTYPE_Q4_K);
    t.x[3 * K + 100] = INFINITY;
    t.x[5 * K + 700] = NAN;
    k->pack_int8(t.x, M * K, t.whole);
    struct matmul p = into(&t, t.got);
    k->dot_int8(&p, 0, N);
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < N; j++)
            check(isfinite(t.got[i * N + j]) == (i != 3 && i != 5), "%s: row %zu, %zu", k->name, i, j);
    made_free(&t);
}

/* Right but for the last product of large batches. */
static void wrong_in_many(const struct matmul *p, size_t from, size_t to)
{
    kernel_int8_dot(p, from, to);
    if (p->m >= KERNEL_INT8_TILES)
        p->out[p->m - 1][to - 1] += 1e-3f;
}

/* The trial looks where a path goes another way. */
static void trial_of_many(void)
{
    struct kernels k = kernel_reference;
    check(kernel_try(&k, KERNEL_ALL_TYPES) == 0, "%s", err_text());
    k.name = "wrong";
    k.dot_int8 = wrong_in_many;
    k.int8_many = KERNEL_INT8_TILES;
    check(kernel_try(&k, KERNEL_ALL_TYPES) == ERR_DATA && strstr(err_text(), "kernels 'wrong': q8_0 differs"), "%s",
          err_text());
    check(kernel_try(&k, KERNEL_TYPE(DTYPE_BF16)) == 0, "no weights of that type: %s", err_text());
}

int main(void)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct made t = make(types[i]);
        struct matmul p = into(&t, t.want);
        kernel_int8_dot(&p, 0, N);
        truth(&t);
        extremes(&t);
        for (size_t k = 0; k < N_PATHS; k++) {
            if (!paths[k]->available())
                continue;
            check(kernel_try(paths[k], KERNEL_ALL_TYPES) == 0, "%s", err_text());
            path_agrees(&t, paths[k]);
            gaps(&t, paths[k]);
        }
        made_free(&t);
    }
    for (size_t k = 0; k < N_PATHS; k++)
        if (paths[k]->available())
            not_finite(paths[k]);
    trial_of_many();
    return check_done("kernel_int8");
}

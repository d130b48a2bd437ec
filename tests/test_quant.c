/* model/quant, model/dtype: values of blocks equal to those of the `gguf` package bit for bit (fixtures/quant/make.py); a
 * transformer over every type; scales that are not finite are named. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/kernel.h"
#include "model/quant.h"
#include "model/quant_pack.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/random_checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 12

static struct text fixture(enum dtype type)
{
    struct text t = { 0 }, path = { 0 };
    text_addf(&path, "%s/tests/fixtures/quant/%s.bin", CHORALE_HOME, dtype_name(type));
    check(text_read_file(&t, text_s(&path), 1 << 20) == 0, "%s", err_text());
    text_free(&path);
    return t;
}

static void values(enum dtype type)
{
    size_t n = BLOCKS * dtype_block(type), bytes = dtype_row_bytes(type, n), bad = 0, finite = 0;
    struct text t = fixture(type);
    float *got = mem_alloc(n, sizeof *got), *want = mem_alloc(n, sizeof *want);
    check(t.len == bytes + n * sizeof *want, "%s: %zu bytes", dtype_name(type), t.len);
    if (t.len == bytes + n * sizeof *want) {
        void *blocks = mem_copy(t.s, bytes);
        memcpy(want, t.s + bytes, n * sizeof *want);
        dtype_to_f32(type, blocks, n, got);
        free(blocks);
    }
    for (size_t i = 0; i < n; i++) {
        finite += isfinite(want[i]) != 0;
        bool same = isnan(want[i]) ? isnan(got[i]) : memcmp(&got[i], &want[i], sizeof *got) == 0;
        if (!same && bad++ < 3)
            check(same, "%s: value %zu is %.9g, want %.9g", dtype_name(type), i, (double)got[i], (double)want[i]);
    }
    check(bad == 0, "%s: %zu of %zu values differ", dtype_name(type), bad, n);
    check(finite >= n / 2, "%s: only %zu values are finite", dtype_name(type), finite);
    free(got);
    free(want);
    text_free(&t);
}

/* AVX2 gives the same, of random bytes too. */
static void wide(enum dtype type)
{
    enum { N = 16 * 256 };
    if (!kernel_avx2.available())
        return;
    size_t bytes = dtype_row_bytes(type, N), bad = 0;
    uint8_t *blocks = mem_aligned(bytes, 1);
    float *got = mem_alloc(N, sizeof *got), *want = mem_alloc(N, sizeof *want);
    for (uint64_t round = 0; round < 40; round++) {
        for (uint64_t i = 0; i < bytes; i++)
            blocks[i] = (uint8_t)hash_bytes(&i, sizeof i, round);
        dtype_to_f32(type, blocks, N, want);
        quant_widen_avx2(type, blocks, N, got);
        for (size_t i = 0; i < N; i++)
            bad += (size_t)(isnan(want[i]) ? !isnan(got[i]) : memcmp(&got[i], &want[i], sizeof *got) != 0);
    }
    check(bad == 0, "%s: %zu values differ with AVX2", dtype_name(type), bad);
    free(blocks);
    free(got);
    free(want);
}

/* Rows packed by the gguf package (fixtures/quant/make.py): the same bytes. */
static void packs(void)
{
    static const enum dtype types[] = { DTYPE_Q8_0, DTYPE_F16, DTYPE_BF16 };
    enum { ROWS = 24, N = 256 };
    struct text t = { 0 };
    check(text_read_file(&t, CHORALE_HOME "/tests/fixtures/quant/pack.bin", 1 << 20) == 0, "%s", err_text());
    size_t at = ROWS * N * sizeof(float);
    float *x = mem_copy(text_s(&t), at);
    void *row = mem_aligned(N, 4);
    for (size_t i = 0; i < 3; i++)
        for (size_t r = 0; r < ROWS; r++) {
            size_t bytes = dtype_row_bytes(types[i], N);
            check(at + bytes <= t.len, "pack.bin ends too soon");
            check(quant_pack(types[i], x + r * N, N, row), "row %zu fits %s", r, dtype_name(types[i]));
            check(memcmp(row, t.s + at, bytes) == 0, "row %zu as %s", r, dtype_name(types[i]));
            at += bytes;
        }
    check(at == t.len, "pack.bin: %zu bytes", t.len);
    float big[N] = { 1e30f };
    check(!quant_pack(DTYPE_F16, big, N, row) && !quant_pack(DTYPE_Q8_0, big, N, row) &&
              !quant_pack(DTYPE_Q4_K, big, N, row),
          "1e30 is beyond f16's scales");
    big[0] = 1e-44f; /* its scale is 0, and 1 over it no number */
    check(quant_pack(DTYPE_Q8_0, big, N, row) && quant_pack(DTYPE_Q4_K, big, N, row), "next to nothing fits");
    free(x);
    free(row);
    text_free(&t);
}

/* The mean square error of Q4_K, against that of levels evenly over the range of each group of 32, which needs no search. */
static void q4_k_error(void)
{
    enum { N = 256, ROWS = 200 };
    float x[N], y[N];
    uint8_t block[144] __attribute__((aligned(4)));
    double error = 0, plain = 0, power = 0;
    for (uint64_t r = 0; r < ROWS; r++) {
        for (uint64_t i = 0; i < N; i++) { /* about normal */
            x[i] = 0;
            for (uint64_t k = 0; k < 6; k++)
                x[i] += (float)(hash_bytes((uint64_t[]){ r, i, k }, 24, 9) >> 40) * 0x1p-24f - 0.5f;
        }
        check(quant_pack(DTYPE_Q4_K, x, N, block), "it fits");
        dtype_to_f32(DTYPE_Q4_K, block, N, y);
        for (size_t g = 0; g < N; g += 32) {
            float least = 0, most = x[g];
            for (size_t i = g; i < g + 32; i++) {
                least = fminf(least, x[i]);
                most = fmaxf(most, x[i]);
            }
            for (size_t i = g; i < g + 32; i++) {
                double step = (double)(most - least) / 15;
                double level = round((double)(x[i] - least) / step) * step + (double)least;
                error += pow((double)(y[i] - x[i]), 2);
                plain += pow(level - (double)x[i], 2);
                power += pow((double)x[i], 2);
            }
        }
    }
    printf("q4_k: relative error %.4f, without a search %.4f\n", sqrt(error / power), sqrt(plain / power));
    check(error < 0.95 * plain && sqrt(error / power) < 0.08, "q4_k: %g, %g", error, plain);
    float zero[N] = { 0 };
    check(quant_pack(DTYPE_Q4_K, zero, N, block), "zeros fit");
    dtype_to_f32(DTYPE_Q4_K, block, N, y);
    check(memcmp(zero, y, sizeof y) == 0, "zeros stay zeros");
}

/* Heads and feed-forward of one block of 256. */
static const struct config shape = { .architecture = "llama",
                                     .n_vocab = 70,
                                     .dim = 256,
                                     .n_layers = 2,
                                     .n_heads = 4,
                                     .n_kv_heads = 2,
                                     .head_dim = 64,
                                     .ffn = 512,
                                     .max_positions = 64,
                                     .norm_eps = 1e-5f,
                                     .rope_theta = 10000 };
static const sym_t text[] = { 3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 3, 23 };
#define N_TEXT (sizeof text / sizeof *text)
static const char *const paths[] = { "reference", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "amx" };
#define N_PATHS (sizeof paths / sizeof *paths)

static bool has(const char *kernels)
{
    struct text refused = { 0 };
    bool found = kernel_choose(kernels, KERNEL_NATIVE, KERNEL_ALL_TYPES, &refused) != NULL;
    text_free(&refused);
    return found;
}

/* The tensors of c widened: what is computed with them must be what is computed with c. */
static struct checkpoint *widened(const struct checkpoint *c)
{
    struct checkpoint *wide = random_checkpoint(&c->config, DTYPE_F32, 1);
    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct tensor *t = &c->tensors[i];
        size_t rows = t->n_dims > 1 ? (size_t)t->dims[0] : 1, k = (size_t)t->dims[t->n_dims - 1];
        dtype_to_f32(t->type, t->data, rows * k, random_checkpoint_data(wide, t->name));
    }
    return wide;
}

static void rows_at(struct checkpoint *c, const char *kernels, size_t n_rows, struct row row[], float *copy)
{
    struct bench b = bench_open(c, (struct transformer_options){ .kernels = kernels });
    check(b.lm &&
              bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = (uint32_t)n_rows, .tap = LM_TAP_FINAL }, row) == 0,
          "%s", err_text());
    for (size_t i = 0; i < n_rows; i++)
        memcpy(copy + i * shape.n_vocab, row[i].score, shape.n_vocab * sizeof *copy);
    bench_close(&b);
}

/* On every path, rows are those of the widened weights, alone as among others: bit for bit. */
static void transformer(enum dtype type)
{
    struct checkpoint *c = random_checkpoint(&shape, type, 5), *wide = widened(c);
    float got[4 * 70], want[4 * 70], one[70];
    struct row row[4];
    for (size_t i = 0; i < N_PATHS; i++) {
        if (!has(paths[i]))
            continue;
        rows_at(c, paths[i], 4, row, got);
        rows_at(wide, paths[i], 4, row, want);
        check(memcmp(got, want, sizeof got) == 0, "%s on %s: rows differ from those of widened weights",
              dtype_name(type), paths[i]);
        rows_at(c, paths[i], 1, row, one);
        check(memcmp(one, got + 3 * 70, sizeof one) == 0, "%s on %s: a row depends on the batch", dtype_name(type),
              paths[i]);
        float most = 0;
        for (size_t v = 0; v < 70; v++)
            most = fmaxf(most, fabsf(one[v]));
        check(most > 1e-3f && most < 1e4f, "%s on %s: scores up to %g tell nothing", dtype_name(type), paths[i],
              (double)most);
    }
    random_checkpoint_free(wide);
    random_checkpoint_free(c);
}

/* Every scale of a block in turn. */
static void not_finite(enum dtype type)
{
    static const uint16_t bad[] = { 0x7c00, 0xfc00, 0x7e00 };
    for (size_t i = 0; dtype_scale_at(type, i) >= 0; i++)
        for (size_t v = 0; v < 3; v++) {
            struct checkpoint *c = random_checkpoint(&shape, type, 6);
            uint8_t *data = random_checkpoint_data(c, "model.layers.1.mlp.up_proj.weight");
            memcpy(data + dtype_row_bytes(type, 256) * 5 + dtype_scale_at(type, i), &bad[v], sizeof bad[v]);
            struct bench b = bench_open(c, (struct transformer_options){ .kernels = NULL });
            struct row row;
            int rc = bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row);
            check(rc == ERR_DATA && strstr(err_text(), "layer 1") &&
                      strstr(err_text(), "'model.layers.1.mlp.up_proj.weight' holds a NaN or an infinity in row 5"),
                  "%s, scale %zu: %d, %s", dtype_name(type), i, rc, rc < 0 ? err_text() : "fine");
            bench_close(&b);
            random_checkpoint_free(c);
        }
}

int main(void)
{
    packs();
    q4_k_error();
    for (int i = 0; i < DTYPE_COUNT; i++) {
        enum dtype type = (enum dtype)i;
        if (dtype_block(type) == 1)
            continue;
        values(type);
        wide(type);
        transformer(type);
        not_finite(type);
    }
    return check_done("quant");
}

/* The choice of a kernel table, and its trial against the reference. */
#include "base/err.h"
#include "base/mem.h"
#include "model/kernel_int8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Best first. */
static const struct kernels *const tables[] = { &kernel_amx,     &kernel_avx512bf16, &kernel_avx512vnni, &kernel_avx512,
                                                &kernel_avxvnni, &kernel_avx2,       &kernel_reference };
#define N_TABLES (sizeof tables / sizeof *tables)

/* Shapes of the trial: lengths that are no multiple of any register, batches around the tile sizes. */
#define TRY_K     96  /* a multiple of 32; odd ones are TRY_K - 23 */
#define TRY_MOST  256 /* of types with blocks of 256 */
#define TRY_N     7
#define TRY_M     9
#define TRY_INT8  37 /* weight rows of products with integers: two tiles of 16 and a rest */
#define TRY_TILE  17 /* those of a large batch: a tile and a rest */
#define TRY_BATCH 61 /* its rows: three tiles, and enough of a fourth to be one */
#define TRY_DIM   24
#define TRY_SEEN  37
#define TRY_HEADS 5

struct trial {
    const struct kernels *k;
    float x[TRY_BATCH * TRY_MOST]; /* activations */
    float w[TRY_N * TRY_MOST];     /* weights as floats, then packed into row */
    uint8_t row[TRY_INT8 * TRY_MOST * 4];
    struct kernel_int8 whole[TRY_BATCH * TRY_MOST / KERNEL_INT8], other[TRY_BATCH * TRY_MOST / KERNEL_INT8];
    float got[TRY_M * TRY_MOST], want[TRY_M * TRY_MOST], scratch[KERNEL_ROWS * TRY_MOST];
    _Alignas(64) char page[3][2 * KERNEL_PAGE * TRY_DIM * sizeof(float)];
};

/* From -1 to 1, by the mixer of MurmurHash3. */
static void fill(float x[], size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)i * 0x9e3779b9u + seed;
        h = (h ^ h >> 16) * 0x85ebca6bu;
        h = (h ^ h >> 13) * 0xc2b2ae35u;
        x[i] = (float)(int32_t)(h ^ h >> 16) * 0x1p-31f;
    }
}

/* Blocks of bits that are fine as they are, but for their scales. */
static void pack_blocks(struct trial *t, enum dtype type, size_t n)
{
    size_t bytes = dtype_row_bytes(type, n);
    const uint16_t scale = 0x2437;
    for (size_t i = 0; i < bytes; i++)
        t->row[i] = (uint8_t)(i * 41);
    for (size_t at = 0; at < bytes; at += dtype_block_bytes(type))
        for (size_t i = 0; dtype_scale_at(type, i) >= 0; i++)
            memcpy(t->row + at + dtype_scale_at(type, i), &scale, sizeof scale);
}

/* Weights in every type; f16 from bits that are fine as they are. */
static void pack(struct trial *t, enum dtype type, size_t n)
{
    if (dtype_block(type) > 1) {
        pack_blocks(t, type, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t half = type == DTYPE_BF16 ? kernel_to_bf16(t->w[i]) : (uint16_t)(0x3000u + i * 37 % 0x0a00u);
        if (type == DTYPE_F32)
            memcpy(t->row + 4 * i, &t->w[i], sizeof t->w[i]);
        else
            memcpy(t->row + 2 * i, &half, sizeof half);
    }
}

static bool differ(const float got[], const float want[], size_t n)
{
    double size = 0;
    for (size_t i = 0; i < n; i++)
        size = fmax(size, fabs((double)want[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= 1e-5 * (size + 1)))
            return true;
    return false;
}

static int refuse(const struct kernels *k, const char *what)
{
    return err_set(ERR_DATA, "kernels '%s': %s differs from the reference", k->name, what);
}

/* m rows of n outputs, zero. */
static void rows_of(float *base, size_t n, size_t m, float *out[])
{
    memset(base, 0, m * n * sizeof *base);
    for (size_t i = 0; i < m; i++)
        out[i] = base + i * n;
}

static void outputs(float *base, float *out[])
{
    rows_of(base, TRY_MOST, TRY_M, out);
}

_Static_assert(TRY_INT8 *TRY_BATCH <= TRY_M * TRY_MOST, "the outputs of both fit");

static int try_matmul(struct trial *t, enum dtype type, size_t k)
{
    struct weight w = { .name = dtype_name(type), .type = type, .data = t->row, .n = k > TRY_K ? 2 : TRY_N, .k = k };
    size_t stride = kernel_pad(k);
    w.row_bytes = dtype_row_bytes(type, k);
    float *out[TRY_M], *single[1];
    fill(t->x, TRY_M * stride, 1);
    fill(t->w, w.n * k, 2);
    pack(t, type, w.n * k);
    for (size_t i = 0; i < TRY_M; i++)
        memset(t->x + i * stride + k, 0, (stride - k) * sizeof *t->x);
    struct matmul p = { &w, t->x, stride, TRY_M, out };
    outputs(t->want, out);
    kernel_reference.matmul(&p, 0, w.n, t->scratch);
    outputs(t->got, out);
    t->k->matmul(&p, 0, w.n, t->scratch);
    if (differ(t->got, t->want, TRY_M * TRY_MOST))
        return refuse(t->k, w.name);
    for (size_t i = 0; i < TRY_M; i++) { /* and alone as in the batch, bit for bit */
        struct matmul one = { &w, t->x + i * stride, stride, 1, single };
        single[0] = t->want;
        t->k->matmul(&one, 0, w.n, t->scratch);
        if (memcmp(t->want, t->got + i * TRY_MOST, w.n * sizeof *t->got) != 0)
            return err_set(ERR_DATA, "kernels '%s': %s depends on the batch", t->k->name, w.name);
    }
    return 0;
}

/* Where element i of (TRY_M, TRY_K) is among pairs of n rows in turn. */
static size_t bf16_place(size_t n, size_t i)
{
    size_t row = i / TRY_K, k = i % TRY_K;
    return ((row / n * (TRY_K / 2) + k / 2) * n + row % n) * 2 + k % 2;
}

static int try_bf16(struct trial *t, size_t k)
{
    struct weight w = { "bf16", DTYPE_BF16, t->row, TRY_N, k, 2 * k, NULL, 0, 0 };
    _Alignas(64) uint16_t rounded[TRY_M * TRY_MOST] = { 0 }; /* 16 rows of TRY_K too */
    float *out[TRY_M];
    fill(t->x, TRY_M * TRY_K, 3);
    fill(t->w, TRY_N * TRY_K, 4);
    pack(t, DTYPE_BF16, TRY_N * k);
    for (size_t i = 0; i < TRY_M; i++)
        memset(t->x + i * TRY_K + k, 0, (TRY_K - k) * sizeof *t->x);
    for (size_t i = 0; i < TRY_M; i++)
        t->k->round_bf16(t->x + i * TRY_K, TRY_K, i, rounded);
    for (size_t i = 0; i < TRY_M * TRY_K; i++) {
        uint16_t want = kernel_to_bf16(t->x[i]);
        if (rounded[bf16_place(t->k->bf16_rows, i)] != want)
            return refuse(t->k, "rounding to bf16");
        t->x[i] = kernel_from_bf16(want);
    }
    struct matmul p = { &w, t->x, TRY_K, TRY_M, out };
    outputs(t->want, out);
    kernel_reference.matmul(&p, 0, TRY_N, t->scratch);
    if (!t->k->dot_bf16)
        return 0;
    p.x = rounded;
    outputs(t->got, out);
    t->k->dot_bf16(&p, 0, TRY_N);
    return differ(t->got, t->want, TRY_M * TRY_MOST) ? refuse(t->k, "the product of bf16") : 0;
}

/* n weight rows with m rows of activations, bit for bit; t->row and t->x hold them. */
static int try_products(struct trial *t, enum dtype type, size_t n, size_t m)
{
    struct weight w = { .name = dtype_name(type), .type = type, .data = t->row, .n = n, .k = TRY_MOST };
    float *out[TRY_BATCH];
    w.row_bytes = dtype_row_bytes(type, TRY_MOST);
    kernel_int8_pack(t->x, m * TRY_MOST, t->whole);
    t->k->pack_int8(t->x, m * TRY_MOST, t->other);
    if (memcmp(t->whole, t->other, m * TRY_MOST / KERNEL_INT8 * sizeof *t->whole) != 0)
        return refuse(t->k, "rounding to integers");
    struct matmul p = { &w, t->whole, TRY_MOST / KERNEL_INT8, m, out };
    rows_of(t->want, n, m, out);
    kernel_int8_dot(&p, 0, n);
    rows_of(t->got, n, m, out);
    t->k->dot_int8(&p, 0, n);
    return memcmp(t->got, t->want, n * m * sizeof *t->got) != 0 ? refuse(t->k, w.name) : 0;
}

static int try_int8(struct trial *t, enum dtype type)
{
    fill(t->x, TRY_BATCH * TRY_MOST, 1);
    memset(t->x, 0, KERNEL_INT8 * sizeof *t->x);
    pack(t, type, TRY_INT8 * TRY_MOST);
    TRY(try_products(t, type, TRY_INT8, TRY_M));
    return t->k->int8_many > 0 ? try_products(t, type, TRY_TILE, TRY_BATCH) : 0;
}

/* Five heads (four and one more) over t's keys and values of one type; what else is in `a` is the case. */
static int try_attention(struct trial *t, enum kernel_kv kv, struct attention a)
{
    const void *pages[3] = { t->page[0], t->page[1], t->page[2] };
    float score[KERNEL_HEADS * 48];
    a.q = t->x;
    a.n_heads = TRY_HEADS;
    a.pages = pages;
    a.v_at = kernel_kv_bytes(kv, TRY_DIM);
    a.kv = kv;
    a.n = TRY_SEEN;
    a.head_dim = TRY_DIM;
    a.scale = 0.7f;
    a.score = score;
    a.out = t->want;
    kernel_reference.attend(&a);
    a.out = t->got;
    t->k->attend(&a);
    return differ(t->got, t->want, TRY_HEADS * TRY_DIM) ? refuse(t->k, "attention") : 0;
}

static void fill_pages(struct trial *t, enum kernel_kv kv)
{
    float x[TRY_DIM];
    for (size_t i = 0; i < 3 * 2 * KERNEL_PAGE; i++) {
        fill(x, TRY_DIM, 6 + (uint32_t)i);
        kernel_kv_put(kv, x, TRY_DIM, i % KERNEL_PAGE,
                      t->page[i / (2 * KERNEL_PAGE)] + i / KERNEL_PAGE % 2 * kernel_kv_bytes(kv, TRY_DIM));
    }
}

/* As it is; within a window that starts inside a page; capped; with slopes. */
static int try_attend(struct trial *t)
{
    static const float none[TRY_HEADS] = { 0 }, slope[TRY_HEADS] = { 0.3f, 0.1f, 0.7f, 0, 0.2f };
    fill(t->x, TRY_HEADS * TRY_DIM, 5);
    for (int i = 0; i < KERNEL_KV_TYPES; i++) {
        enum kernel_kv kv = (enum kernel_kv)i;
        fill_pages(t, kv);
        TRY(try_attention(t, kv, (struct attention){ .slope = none }));
        TRY(try_attention(t, kv, (struct attention){ .slope = none, .first = 18 }));
        TRY(try_attention(t, kv, (struct attention){ .slope = none, .first = TRY_SEEN - 1 }));
        TRY(try_attention(t, kv, (struct attention){ .slope = none, .cap = 1.5f }));
        TRY(try_attention(t, kv, (struct attention){ .slope = slope, .first = 3 }));
    }
    return 0;
}

enum { N_VECTOR = 75 };

static int try_norms(struct trial *t)
{
    const struct kernel_norm norm = { t->w, t->w + N_VECTOR };
    fill(t->x, TRY_M * TRY_K, 9);
    fill(t->w, TRY_N * TRY_K, 10);
    kernel_reference.rms_norm(t->x, t->w, N_VECTOR, 1e-5f, t->want);
    t->k->rms_norm(t->x, t->w, N_VECTOR, 1e-5f, t->got);
    if (differ(t->got, t->want, N_VECTOR))
        return refuse(t->k, "the norm");
    for (size_t i = 0; i < N_VECTOR; i++)
        t->x[i] += 0.4f;
    kernel_reference.layer_norm(t->x, &norm, N_VECTOR, 1e-5f, t->want);
    t->k->layer_norm(t->x, &norm, N_VECTOR, 1e-5f, t->got);
    return differ(t->got, t->want, N_VECTOR) ? refuse(t->k, "the layer norm") : 0;
}

static void wide_values(struct trial *t)
{
    for (size_t i = 0; i < N_VECTOR; i++)
        t->got[i] = t->want[i] = 30 * t->x[i] * t->x[i] * t->x[i];
}

static int try_activations(struct trial *t)
{
    static const char *const names[ACTIVATIONS] = { "silu", "gelu by tanh", "gelu" };
    fill(t->x, TRY_M * TRY_K, 9);
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        wide_values(t);
        kernel_reference.activate[a](t->want, N_VECTOR);
        t->k->activate[a](t->got, N_VECTOR);
        if (differ(t->got, t->want, N_VECTOR))
            return refuse(t->k, names[a]);
    }
    wide_values(t);
    kernel_reference.times(t->want, t->x, N_VECTOR);
    t->k->times(t->got, t->x, N_VECTOR);
    if (differ(t->got, t->want, N_VECTOR))
        return refuse(t->k, "the product of vectors");
    wide_values(t);
    kernel_reference.cap(t->want, N_VECTOR, 4);
    t->k->cap(t->got, N_VECTOR, 4);
    return differ(t->got, t->want, N_VECTOR) ? refuse(t->k, "the cap") : 0;
}

static int try_finite(struct trial *t)
{
    if (!t->k->finite(t->x, N_VECTOR))
        return refuse(t->k, "the test for NaN");
    t->x[N_VECTOR - 1] = NAN;
    bool ok = !t->k->finite(t->x, N_VECTOR);
    t->x[N_VECTOR - 1] = -INFINITY;
    return ok && !t->k->finite(t->x, N_VECTOR) ? 0 : refuse(t->k, "the test for NaN");
}

static int try_all(struct trial *t, uint32_t types)
{
    for (int type = 0; type < DTYPE_COUNT; type++) {
        if (!(types & KERNEL_TYPE(type)))
            continue;
        TRY(try_matmul(t, (enum dtype)type, dtype_block((enum dtype)type) > TRY_K ? TRY_MOST : TRY_K));
        if (dtype_block((enum dtype)type) == 1)
            TRY(try_matmul(t, (enum dtype)type, TRY_K - 23));
        if (kernel_has_int8((enum dtype)type))
            TRY(try_int8(t, (enum dtype)type));
    }
    TRY(try_bf16(t, TRY_K));
    TRY(try_bf16(t, TRY_K - 23));
    TRY(try_attend(t));
    TRY(try_norms(t));
    TRY(try_activations(t));
    return try_finite(t);
}

int kernel_try(const struct kernels *k, uint32_t types)
{
    struct trial *t = mem_aligned(1, sizeof *t);
    t->k = k;
    int rc = try_all(t, types);
    free(t);
    return rc;
}

static const struct kernels *named(const char *name, uint32_t types)
{
    const char *names[N_TABLES];
    for (size_t i = 0; i < N_TABLES; i++) {
        names[i] = tables[i]->name;
        if (strcmp(name, names[i]) != 0)
            continue;
        if (!tables[i]->available()) {
            err_set(ERR_USAGE, "kernels '%s': not on this machine, they need %s", name, tables[i]->needs);
            return NULL;
        }
        if (kernel_try(tables[i], types) < 0) {
            err_add(ERR_USAGE, "refused");
            return NULL;
        }
        return tables[i];
    }
    err_unknown(ERR_USAGE, "kernels", name, names, N_TABLES);
    return NULL;
}

const struct kernels *kernel_choose(const char *name, enum kernel_mode mode, uint32_t types, struct text *refused)
{
    if (name)
        return named(name, types);
    for (size_t i = 0; i < N_TABLES; i++) {
        const struct kernels *k = tables[i];
        if (!k->available() || (k->pays && !k->pays(mode)))
            continue;
        if (kernel_try(k, types) == 0)
            return k;
        text_addf(refused, "%s%s", refused->len > 0 ? "; " : "", err_text());
    }
    err_set(ERR_DATA, "no kernels pass their trial: %s", text_s(refused));
    return NULL;
}

/* Products with float32 activations by AVX-512: 16 lanes along the inner dimension.
 *
 * Order of every sum: lane l adds the products k = l, l + 16, l + 32, ... in turn (fused), then the lanes are added
 * l + (l+8), + (l+4), + (l+2), + (l+1).  kernel_avx2.c keeps the same order with two registers of 8.
 *
 * Up to FEW batch rows meet weights that are widened in registers (types whose blocks are small); more of them meet 4
 * rows of weights widened into scratch, in tiles of 6. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_avx512.h"
#include "model/quant.h"
#include <string.h>

#define ROWS  4                   /* weight rows side by side */
#define TILE  6                   /* batch rows: 4 x 6 sums + 4 weights fit the 32 registers */
#define FEW   4                   /* batch rows that do not pay for scratch */
#define BLOCK ((size_t)512 << 10) /* bytes of activations that stay in L2 while weights pass by */
#define AHEAD 4096                /* bytes that weights are fetched before they are used */

/* A product of 4 weight rows with m batch rows under way; m is a constant where this is inlined. */
struct sums {
    __m512 s[4][ROWS];
};

/* The rows of a matrix lie one after the other, so what comes next is ahead in memory whatever the tile. */
INLINE void prefetch(const void *w)
{
    _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
}

INLINE __m512 from_bf16(__m256i half)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

INLINE void widen_bf16(const uint16_t *w, size_t k, float *out)
{
    size_t i = 0;
    for (; i + 32 <= k; i += 32) {
        prefetch(w + i);
        _mm512_storeu_ps(out + i, from_bf16(_mm256_loadu_si256((const __m256i *)(const void *)(w + i))));
        _mm512_storeu_ps(out + i + 16, from_bf16(_mm256_loadu_si256((const __m256i *)(const void *)(w + i + 16))));
    }
    for (; i < k; i += 16)
        _mm512_storeu_ps(out + i, from_bf16(_mm256_maskz_loadu_epi16(first(k - i), w + i)));
}

INLINE void widen_f16(const uint16_t *w, size_t k, float *out)
{
    for (size_t i = 0; i < k; i += 16) {
        prefetch(w + i);
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(k - i), w + i)));
    }
}

/* Row j of w as floats up to the next multiple of 16: where it lies, or widened into out. */
TARGET static const float *widened(const struct weight *w, size_t j, float *out)
{
    const void *row = kernel_row(w, j);
    if (w->type == DTYPE_F32 && w->k % 16 == 0)
        return row;
    if (w->type == DTYPE_BF16)
        widen_bf16(row, w->k, out);
    else if (w->type == DTYPE_F16)
        widen_f16(row, w->k, out);
    else
        quant_widen_avx2(w->type, row, w->k, out);
    memset(out + w->k, 0, (kernel_pad(w->k) - w->k) * sizeof *out);
    return out;
}

/* 4 rows of weights as floats, and the bytes of those that follow: asked for while these are multiplied. */
struct panel {
    const float *w[ROWS];
    const char *next;
    size_t bytes; /* for each 16 of k */
};

/* Outputs of batch rows i .. i + m - 1. */
INLINE void tile_f32(const struct matmul *p, const struct panel *panel, size_t i, size_t m, const struct x86_span *to)
{
    const float *const *w = panel->w;
    const char *next = panel->next;
    __m512 sum[TILE][ROWS];
    const float *x = (const float *)p->x + i * p->stride;
    X86_UNROLL for (size_t t = 0; t < m; t++) X86_UNROLL for (size_t r = 0; r < 4; r++) sum[t][r] = _mm512_setzero_ps();
    for (size_t k = 0; k < p->w->k; k += 16, next += panel->bytes) {
        for (size_t at = 0; at < panel->bytes; at += 64)
            _mm_prefetch(next + at, _MM_HINT_T1);
        __m512 a = _mm512_loadu_ps(w[0] + k), b = _mm512_loadu_ps(w[1] + k);
        __m512 c = _mm512_loadu_ps(w[2] + k), d = _mm512_loadu_ps(w[3] + k);
        X86_UNROLL for (size_t t = 0; t < m; t++)
        {
            __m512 v = _mm512_loadu_ps(x + t * p->stride + k);
            sum[t][0] = _mm512_fmadd_ps(a, v, sum[t][0]);
            sum[t][1] = _mm512_fmadd_ps(b, v, sum[t][1]);
            sum[t][2] = _mm512_fmadd_ps(c, v, sum[t][2]);
            sum[t][3] = _mm512_fmadd_ps(d, v, sum[t][3]);
        }
    }
    X86_UNROLL for (size_t t = 0; t < m; t++) _mm_mask_storeu_ps(
        p->out[i + t] + to->from, (__mmask8)((1u << to->n) - 1u), sum4(sum[t][0], sum[t][1], sum[t][2], sum[t][3]));
}

/* 16 weights of row r with those of the batch from k on. */
INLINE void meet(struct sums *s, size_t r, __m512 w, const float *x, size_t stride, size_t m)
{
    X86_UNROLL for (size_t t = 0; t < m; t++) s->s[t][r] =
        _mm512_fmadd_ps(w, _mm512_loadu_ps(x + t * stride), s->s[t][r]);
}

INLINE void add_f32(struct sums *s, const struct matmul *p, const void *const w[ROWS], const float *x, size_t m)
{
    for (size_t k = 0; k < p->w->k; k += 16)
        X86_UNROLL for (size_t r = 0; r < ROWS; r++)
        {
            const float *row = (const float *)w[r] + k;
            prefetch(row);
            meet(s, r, _mm512_maskz_loadu_ps(first(p->w->k - k), row), x + k, p->stride, m);
        }
}

INLINE void add_bf16(struct sums *s, const struct matmul *p, const void *const w[ROWS], const float *x, size_t m)
{
    for (size_t k = 0; k < p->w->k; k += 16)
        X86_UNROLL for (size_t r = 0; r < ROWS; r++)
        {
            const uint16_t *row = (const uint16_t *)w[r] + k;
            prefetch(row);
            meet(s, r, from_bf16(_mm256_maskz_loadu_epi16(first(p->w->k - k), row)), x + k, p->stride, m);
        }
}

INLINE void add_f16(struct sums *s, const struct matmul *p, const void *const w[ROWS], const float *x, size_t m)
{
    for (size_t k = 0; k < p->w->k; k += 16)
        X86_UNROLL for (size_t r = 0; r < ROWS; r++)
        {
            const uint16_t *row = (const uint16_t *)w[r] + k;
            prefetch(row);
            meet(s, r, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(p->w->k - k), row)), x + k, p->stride, m);
        }
}

INLINE float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return _cvtsh_ss(h);
}

INLINE __m128i load16(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Of 16 signed bytes; unsigned ones. */
INLINE __m512 floats(__m128i q)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q));
}

INLINE __m128i low_bits(__m128i q, size_t shift, char mask)
{
    return _mm_and_si128(_mm_srli_epi16(q, (int)shift), _mm_set1_epi8(mask));
}

INLINE void add_q8_0(struct sums *s, const struct matmul *p, const void *const w[ROWS], const float *x, size_t m)
{
    for (size_t b = 0; b < p->w->k / 32; b++, x += 32)
        X86_UNROLL for (size_t r = 0; r < ROWS; r++)
        {
            const uint8_t *q = (const uint8_t *)w[r] + b * 34;
            __m512 d = _mm512_set1_ps(half_at(q));
            prefetch(q);
            meet(s, r, _mm512_mul_ps(d, floats(load16(q + 2))), x, p->stride, m);
            meet(s, r, _mm512_mul_ps(d, floats(load16(q + 18))), x + 16, p->stride, m);
        }
}

INLINE void add_q4_0(struct sums *s, const struct matmul *p, const void *const w[ROWS], const float *x, size_t m)
{
    const __m128i eight = _mm_set1_epi8(8);
    for (size_t b = 0; b < p->w->k / 32; b++, x += 32)
        X86_UNROLL for (size_t r = 0; r < ROWS; r++)
        {
            const uint8_t *q = (const uint8_t *)w[r] + b * 18;
            __m512 d = _mm512_set1_ps(half_at(q));
            __m128i both = load16(q + 2);
            prefetch(q);
            meet(s, r, _mm512_mul_ps(d, floats(_mm_sub_epi8(low_bits(both, 0, 15), eight))), x, p->stride, m);
            meet(s, r, _mm512_mul_ps(d, floats(_mm_sub_epi8(low_bits(both, 4, 15), eight))), x + 16, p->stride, m);
        }
}

/* Outputs `to` of batch rows i .. i + m - 1. */
typedef void fused(const struct matmul *p, const void *const w[ROWS], size_t i, const struct x86_span *to);

#define FUSED(type, m)                                                                                                 \
    TARGET static void type##_##m(const struct matmul *p, const void *const w[ROWS], size_t i,                         \
                                  const struct x86_span *to)                                                           \
    {                                                                                                                  \
        struct sums s;                                                                                                 \
        X86_UNROLL for (size_t t = 0; t < m; t++) X86_UNROLL for (size_t r = 0; r < ROWS; r++) s.s[t][r] =             \
            _mm512_setzero_ps();                                                                                       \
        add_##type(&s, p, w, (const float *)p->x + i * p->stride, m);                                                  \
        X86_UNROLL for (size_t t = 0; t < m; t++)                                                                      \
            _mm_mask_storeu_ps(p->out[i + t] + to->from, (__mmask8)((1u << to->n) - 1u),                               \
                               sum4(s.s[t][0], s.s[t][1], s.s[t][2], s.s[t][3]));                                      \
    }
#define FUSED_ROW(type) FUSED(type, 1) FUSED(type, 2) FUSED(type, 4)

FUSED_ROW(f32)
FUSED_ROW(bf16)
FUSED_ROW(f16)
FUSED_ROW(q8_0)
FUSED_ROW(q4_0)

static fused *const fuseds[DTYPE_COUNT][3] = {
    [DTYPE_F32] = { f32_1, f32_2, f32_4 },     [DTYPE_BF16] = { bf16_1, bf16_2, bf16_4 },
    [DTYPE_F16] = { f16_1, f16_2, f16_4 },     [DTYPE_Q8_0] = { q8_0_1, q8_0_2, q8_0_4 },
    [DTYPE_Q4_0] = { q4_0_1, q4_0_2, q4_0_4 },
};

static void few(const struct matmul *p, size_t from, size_t to)
{
    fused *const *f = fuseds[p->w->type];
    for (size_t j = from; j < to; j += ROWS) {
        struct x86_span span = { j, to - j < ROWS ? to - j : ROWS };
        const void *w[ROWS];
        for (size_t r = 0; r < ROWS; r++)
            w[r] = kernel_row(p->w, j + (r < span.n ? r : 0));
        size_t i = 0;
        for (; i + 4 <= p->m; i += 4)
            f[2](p, w, i, &span);
        for (; i + 2 <= p->m; i += 2)
            f[1](p, w, i, &span);
        if (i < p->m)
            f[0](p, w, i, &span);
    }
}

/* Batch rows [i, end) with weight rows [from, to). */
TARGET static void many(const struct matmul *p, const size_t batch[2], const size_t rows[2], float *scratch)
{
    size_t stride = kernel_pad(p->w->k), end = batch[1];
    for (size_t j = rows[0]; j < rows[1]; j += ROWS) {
        struct x86_span span = { j, rows[1] - j < ROWS ? rows[1] - j : ROWS };
        struct panel w = { .next = (const char *)kernel_row(p->w, j) + ROWS * p->w->row_bytes };
        for (size_t r = 0; r < ROWS; r++)
            w.w[r] = r < span.n ? widened(p->w, j + r, scratch + r * stride) : w.w[0];
        w.bytes = ROWS * p->w->row_bytes * 16 / p->w->k;
        size_t i = batch[0];
        for (; i + TILE <= end; i += TILE, w.bytes = 0)
            tile_f32(p, &w, i, TILE, &span);
        switch (end - i) {
        case 5: tile_f32(p, &w, i, 5, &span); break;
        case 4: tile_f32(p, &w, i, 4, &span); break;
        case 3: tile_f32(p, &w, i, 3, &span); break;
        case 2: tile_f32(p, &w, i, 2, &span); break;
        case 1: tile_f32(p, &w, i, 1, &span); break;
        }
    }
}

void kernel_avx512_matmul(const struct matmul *p, size_t from, size_t to, float *scratch)
{
    if (p->m <= FEW && fuseds[p->w->type][0]) {
        few(p, from, to);
        return;
    }
    size_t block = BLOCK / (p->stride * sizeof(float)) / TILE * TILE;
    block = block > 4 * TILE ? block : 4 * TILE;
    for (size_t i = 0; i < p->m; i += block)
        many(p, (size_t[]){ i, p->m - i < block ? p->m : i + block }, (size_t[]){ from, to }, scratch);
}

#else

typedef int kernel_avx512_matmul_unused; /* a translation unit is not empty */

#endif

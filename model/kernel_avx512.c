/* The kernels with AVX-512: 16 lanes along the inner dimension, tiles of 4 weight rows by up to 6 batch rows.
 *
 * Order of every sum: lane l adds the products k = l, l + 16, l + 32, ... in turn (fused), then the lanes are added
 * l + (l+8), + (l+4), + (l+2), + (l+1).  kernel_avx2.c keeps the same order with two registers of 8. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_x86.h"
#include "model/quant.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define TILE   6    /* batch rows: 4 x 6 sums + 4 weights fit the 32 registers */
#define FEW    1    /* batch rows that do not pay for widening a weight row once for all */
#define AHEAD  4096 /* bytes that weights are fetched before they are used */

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"); /* every one of these has FMA */
}

INLINE __mmask16 first(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1u);
}

/* The sums of the lanes of four registers, in elements 0 .. 3. */
INLINE __m128 sum4(__m512 a, __m512 b, __m512 c, __m512 d)
{
    __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    __m512 s = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
    const __m512i pick = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0);
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(pick, s));
}

INLINE float sum1(__m512 a)
{
    __m512 zero = _mm512_setzero_ps();
    return _mm_cvtss_f32(sum4(a, zero, zero, zero));
}

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
    for (size_t i = 0; i < k; i += 16)
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(k - i), w + i)));
}

/* Row j of w as floats up to the next multiple of 16: where it lies, or widened into out. */
TARGET static const float *widened(const struct weight *w, size_t j, float *out)
{
    const void *row = (const char *)w->data + j * w->row_bytes;
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

/* rows outputs (those of w[]) of batch rows i .. i + m - 1; m is a constant where this is inlined. */
INLINE void tile_f32(const struct matmul *p, const float *const w[4], size_t i, size_t m, const struct x86_span *to)
{
    __m512 sum[TILE][4];
    const float *x = (const float *)p->x + i * p->stride;
    X86_UNROLL for (size_t t = 0; t < m; t++) X86_UNROLL for (size_t r = 0; r < 4; r++) sum[t][r] = _mm512_setzero_ps();
    for (size_t k = 0; k < p->w->k; k += 16) {
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

/* One batch row, bf16 weights widened in registers: the same products and sums as tile_f32() makes, without scratch. */
INLINE void row_bf16(const struct matmul *p, const uint16_t *const w[4], size_t i, const struct x86_span *to)
{
    __m512 sum[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps() };
    const float *x = (const float *)p->x + i * p->stride;
    for (size_t k = 0; k < p->w->k; k += 16) {
        __m512 v = _mm512_loadu_ps(x + k);
        __mmask16 m = first(p->w->k - k);
        X86_UNROLL for (size_t r = 0; r < 4; r++)
        {
            prefetch(w[r] + k);
            sum[r] = _mm512_fmadd_ps(from_bf16(_mm256_maskz_loadu_epi16(m, w[r] + k)), v, sum[r]);
        }
    }
    _mm_mask_storeu_ps(p->out[i] + to->from, (__mmask8)((1u << to->n) - 1u), sum4(sum[0], sum[1], sum[2], sum[3]));
}

TARGET static void few_bf16(const struct matmul *p, size_t from, size_t to)
{
    for (size_t j = from; j < to; j += 4) {
        struct x86_span span = { j, to - j < 4 ? to - j : 4 };
        const uint16_t *w[4];
        for (size_t r = 0; r < 4; r++)
            w[r] = (const uint16_t *)p->w->data + (j + (r < span.n ? r : 0)) * p->w->k;
        for (size_t i = 0; i < p->m; i++)
            row_bf16(p, w, i, &span);
    }
}

TARGET static void avx512_matmul(const struct matmul *p, size_t from, size_t to, float *scratch)
{
    if (p->w->type == DTYPE_BF16 && p->m <= FEW) {
        few_bf16(p, from, to);
        return;
    }
    size_t stride = kernel_pad(p->w->k);
    for (size_t j = from; j < to; j += 4) {
        struct x86_span span = { j, to - j < 4 ? to - j : 4 };
        const float *w[4];
        for (size_t r = 0; r < 4; r++)
            w[r] = r < span.n ? widened(p->w, j + r, scratch + r * stride) : w[0];
        size_t i = 0;
        for (; i + TILE <= p->m; i += TILE)
            tile_f32(p, w, i, TILE, &span);
        switch (p->m - i) {
        case 5: tile_f32(p, w, i, 5, &span); break;
        case 4: tile_f32(p, w, i, 4, &span); break;
        case 3: tile_f32(p, w, i, 3, &span); break;
        case 2: tile_f32(p, w, i, 2, &span); break;
        case 1: tile_f32(p, w, i, 1, &span); break;
        }
    }
}

TARGET static void avx512_round_bf16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i += 16) {
        __m512i bits = _mm512_castps_si512(_mm512_maskz_loadu_ps(first(n - i), x + i));
        __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
        __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        __mmask16 nan = _mm512_cmp_ps_mask(_mm512_castsi512_ps(bits), _mm512_castsi512_ps(bits), _CMP_UNORD_Q);
        up = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
        _mm256_mask_storeu_epi16(out + i, first(n - i), _mm512_cvtepi32_epi16(_mm512_srli_epi32(up, 16)));
    }
}

TARGET static void avx512_rms_norm(const float *x, const float *w, size_t n, float eps, float *out)
{
    __m512 sum = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        __m512 v = _mm512_maskz_loadu_ps(first(n - i), x + i);
        sum = _mm512_fmadd_ps(v, v, sum);
    }
    __m512 factor = _mm512_set1_ps(1 / sqrtf(sum1(sum) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), factor);
        _mm512_mask_storeu_ps(out + i, m, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, w + i)));
    }
}

/* exp of x <= 88, 0 below -87; constants and polynomial in kernel_x86.h. */
INLINE __m512 exp16(__m512 x)
{
    __mmask16 keep = _mm512_cmp_ps_mask(x, _mm512_set1_ps(X86_EXP_LEAST), _CMP_NLT_UQ);
    x = _mm512_min_ps(_mm512_set1_ps(X86_EXP_MOST), _mm512_max_ps(_mm512_set1_ps(X86_EXP_LEAST), x)); /* NaN stays */
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(X86_LOG2E)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(X86_LN2_HIGH), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(X86_LN2_LOW), r);
    __m512 y = _mm512_set1_ps(x86_exp_poly[0]);
    X86_UNROLL for (size_t i = 1; i < X86_EXP_TERMS; i++) y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(x86_exp_poly[i]));
    __m512i power = _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
    return _mm512_maskz_mul_ps(keep, y, _mm512_castsi512_ps(power));
}

/* The scores of four keys. */
INLINE __m128 score4(const struct attention *a, const float *k)
{
    size_t dim = a->head_dim;
    __m512 s[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps() };
    for (size_t d = 0; d < dim; d += 16) {
        __mmask16 m = first(dim - d);
        __m512 q = _mm512_maskz_loadu_ps(m, a->q + d);
        X86_UNROLL for (size_t r = 0; r < 4; r++) s[r] =
            _mm512_fmadd_ps(q, _mm512_maskz_loadu_ps(m, k + r * dim + d), s[r]);
    }
    return _mm_mul_ps(sum4(s[0], s[1], s[2], s[3]), _mm_set1_ps(a->scale));
}

/* out[d .. d + 15] = sum of score * value / total.  Four sums, of the positions t modulo 4, so that one addition need not
 * wait for the last. */
INLINE void values16(const struct attention *a, size_t d, float total)
{
    __mmask16 m = first(a->head_dim - d);
    __m512 s[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps() };
    for (size_t t = 0; t < a->n; t += 4) {
        const float *v = a->pages[t / KERNEL_PAGE] + a->v_at + t % KERNEL_PAGE * a->head_dim + d;
        size_t n = a->n - t;
        X86_UNROLL for (size_t i = 0; i < 4; i++)
        {
            if (i < n)
                s[i] = _mm512_fmadd_ps(_mm512_set1_ps(a->score[t + i]), _mm512_maskz_loadu_ps(m, v + i * a->head_dim),
                                       s[i]);
        }
    }
    __m512 sum = _mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3]));
    _mm512_mask_storeu_ps(a->out + d, m, _mm512_div_ps(sum, _mm512_set1_ps(total)));
}

TARGET static void avx512_attend(const struct attention *a)
{
    __m512 max = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps();
    for (size_t t = 0; t < a->n; t += KERNEL_PAGE) {
        const float *k = a->pages[t / KERNEL_PAGE] + a->k_at;
        for (size_t r = 0; r < KERNEL_PAGE && t + r < a->n; r += 4)
            _mm_storeu_ps(a->score + t + r, score4(a, k + r * a->head_dim));
        max = _mm512_mask_max_ps(max, first(a->n - t), max, _mm512_loadu_ps(a->score + t));
    }
    max = _mm512_set1_ps(_mm512_reduce_max_ps(max));
    for (size_t t = 0; t < a->n; t += 16) {
        __mmask16 m = first(a->n - t);
        __m512 e = exp16(_mm512_sub_ps(_mm512_maskz_loadu_ps(m, a->score + t), max));
        _mm512_mask_storeu_ps(a->score + t, m, e);
        sum = _mm512_add_ps(sum, _mm512_maskz_mov_ps(m, e));
    }
    float total = sum1(sum);
    for (size_t d = 0; d < a->head_dim; d += 16)
        values16(a, d, total);
}

TARGET static void avx512_silu_mul(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        __m512 g = _mm512_maskz_loadu_ps(m, gate + i);
        __m512 e = exp16(_mm512_sub_ps(_mm512_setzero_ps(), g));
        __m512 s = _mm512_div_ps(g, _mm512_add_ps(_mm512_set1_ps(1), e));
        _mm512_mask_storeu_ps(gate + i, m, _mm512_mul_ps(s, _mm512_maskz_loadu_ps(m, up + i)));
    }
}

TARGET static bool avx512_finite(const float *x, size_t n)
{
    __mmask16 bad = 0;
    for (size_t i = 0; i < n; i += 16)
        bad |= _mm512_fpclass_ps_mask(_mm512_maskz_loadu_ps(first(n - i), x + i), 0x99); /* NaNs and infinities */
    return bad == 0;
}

const struct kernels kernel_avx512 = {
    .name = "avx512",
    .needs = "AVX-512 F, BW, DQ and VL",
    .available = has_avx512,
    .matmul = avx512_matmul,
    .round_bf16 = avx512_round_bf16,
    .rms_norm = avx512_rms_norm,
    .attend = avx512_attend,
    .silu_mul = avx512_silu_mul,
    .finite = avx512_finite,
};

#define TARGET_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")))

static bool has_avx512bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/* A vdpbf16ps does the work of two fused multiply-adds.  AMD's Zen 4 and 5 issue as many of it a cycle; Intel's Sapphire
 * and Emerald Rapids one every other cycle, a quarter (measured 1.35 against 5.5 thousand million a second): there float32
 * with widened weights is twice as fast, and exact. */
static bool bf16_pays(void)
{
    return __builtin_cpu_is("amd");
}

static inline __attribute__((always_inline)) TARGET_BF16 __m512bh pairs(const uint16_t *w, size_t left)
{
    __mmask32 m = left >= 32 ? 0xffffffffu : (1u << left) - 1u;
    return (__m512bh)_mm512_maskz_loadu_epi16(m, w);
}

static inline __attribute__((always_inline)) TARGET_BF16 void
tile_bf16(const struct matmul *p, const uint16_t *const w[4], size_t i, size_t m, const struct x86_span *to)
{
    __m512 sum[TILE][4];
    const uint16_t *x = (const uint16_t *)p->x + i * p->stride;
    X86_UNROLL for (size_t t = 0; t < m; t++) X86_UNROLL for (size_t r = 0; r < 4; r++) sum[t][r] = _mm512_setzero_ps();
    for (size_t k = 0; k < p->w->k; k += 32) {
        size_t left = p->w->k - k;
        __m512bh a = pairs(w[0] + k, left), b = pairs(w[1] + k, left);
        __m512bh c = pairs(w[2] + k, left), d = pairs(w[3] + k, left);
        X86_UNROLL for (size_t t = 0; t < m; t++)
        {
            __m512bh v = (__m512bh)_mm512_loadu_si512(x + t * p->stride + k);
            sum[t][0] = _mm512_dpbf16_ps(sum[t][0], a, v);
            sum[t][1] = _mm512_dpbf16_ps(sum[t][1], b, v);
            sum[t][2] = _mm512_dpbf16_ps(sum[t][2], c, v);
            sum[t][3] = _mm512_dpbf16_ps(sum[t][3], d, v);
        }
    }
    X86_UNROLL for (size_t t = 0; t < m; t++) _mm_mask_storeu_ps(
        p->out[i + t] + to->from, (__mmask8)((1u << to->n) - 1u), sum4(sum[t][0], sum[t][1], sum[t][2], sum[t][3]));
}

TARGET_BF16 static void avx512_dot_bf16(const struct matmul *p, size_t from, size_t to)
{
    for (size_t j = from; j < to; j += 4) {
        struct x86_span span = { j, to - j < 4 ? to - j : 4 };
        const uint16_t *w[4];
        for (size_t r = 0; r < 4; r++)
            w[r] = (const uint16_t *)p->w->data + (j + (r < span.n ? r : 0)) * p->w->k;
        size_t i = 0;
        for (; i + TILE <= p->m; i += TILE)
            tile_bf16(p, w, i, TILE, &span);
        switch (p->m - i) {
        case 5: tile_bf16(p, w, i, 5, &span); break;
        case 4: tile_bf16(p, w, i, 4, &span); break;
        case 3: tile_bf16(p, w, i, 3, &span); break;
        case 2: tile_bf16(p, w, i, 2, &span); break;
        case 1: tile_bf16(p, w, i, 1, &span); break;
        }
    }
}

const struct kernels kernel_avx512bf16 = {
    .name = "avx512bf16",
    .needs = "AVX-512 F, BW, DQ, VL and BF16",
    .available = has_avx512bf16,
    .bf16_pays = bf16_pays,
    .matmul = avx512_matmul,
    .dot_bf16 = avx512_dot_bf16,
    .round_bf16 = avx512_round_bf16,
    .rms_norm = avx512_rms_norm,
    .attend = avx512_attend,
    .silu_mul = avx512_silu_mul,
    .finite = avx512_finite,
};

#else

static bool never(void)
{
    return false;
}

const struct kernels kernel_avx512 = { .name = "avx512", .needs = "an x86-64 processor", .available = never };
const struct kernels kernel_avx512bf16 = { .name = "avx512bf16", .needs = "an x86-64 processor", .available = never };

#endif

/* The kernels with AVX2 and FMA: the order of sums of kernel_avx512.c, its 16 lanes held in two registers of 8. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_x86.h"
#include "model/quant.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET

struct lanes {
    __m256 low, high; /* lanes 0-7, 8-15 */
};

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); /* every one of these has F16C */
}

INLINE struct lanes set1(float x)
{
    return (struct lanes){ _mm256_set1_ps(x), _mm256_set1_ps(x) };
}

INLINE struct lanes load(const float *x)
{
    return (struct lanes){ _mm256_loadu_ps(x), _mm256_loadu_ps(x + 8) };
}

INLINE void store(float *x, struct lanes v)
{
    _mm256_storeu_ps(x, v.low);
    _mm256_storeu_ps(x + 8, v.high);
}

/* The first n floats, the rest zero. */
INLINE struct lanes load_first(const float *x, size_t n)
{
    float whole[16] = { 0 };
    if (n >= 16)
        return load(x);
    memcpy(whole, x, n * sizeof *x);
    return load(whole);
}

INLINE void store_first(float *x, struct lanes v, size_t n)
{
    float whole[16];
    if (n >= 16) {
        store(x, v);
        return;
    }
    store(whole, v);
    memcpy(x, whole, n * sizeof *x);
}

INLINE struct lanes muladd(struct lanes a, struct lanes b, struct lanes c)
{
    return (struct lanes){ _mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high) };
}

INLINE struct lanes mul(struct lanes a, struct lanes b)
{
    return (struct lanes){ _mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high) };
}

INLINE float sum1(struct lanes v)
{
    __m256 s8 = _mm256_add_ps(v.low, v.high);
    __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

INLINE void widen_bf16(const uint16_t *w, size_t k, float *out)
{
    size_t i = 0;
    for (; i + 8 <= k; i += 8) {
        __m256i half = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(w + i)));
        _mm256_storeu_ps(out + i, _mm256_castsi256_ps(_mm256_slli_epi32(half, 16)));
    }
    kernel_widen(DTYPE_BF16, w + i, k - i, out + i);
}

INLINE void widen_f16(const uint16_t *w, size_t k, float *out)
{
    size_t i = 0;
    for (; i + 8 <= k; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(w + i))));
    kernel_widen(DTYPE_F16, w + i, k - i, out + i);
}

/* Row j of w as floats, zero up to the next multiple of 16: where it lies, or widened into out. */
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

/* Two weight rows by m batch rows, m a constant up to 2: eight sums and four weights fit the 16 registers. */
INLINE void tile(const struct matmul *p, const float *const w[2], size_t i, size_t m, const struct x86_span *to)
{
    struct lanes sum[2][2];
    const float *x = (const float *)p->x + i * p->stride;
    X86_UNROLL for (size_t t = 0; t < m; t++) sum[t][0] = sum[t][1] = set1(0);
    for (size_t k = 0; k < p->w->k; k += 16) {
        struct lanes a = load(w[0] + k), b = load(w[1] + k);
        X86_UNROLL for (size_t t = 0; t < m; t++)
        {
            struct lanes v = load(x + t * p->stride + k);
            sum[t][0] = muladd(a, v, sum[t][0]);
            sum[t][1] = muladd(b, v, sum[t][1]);
        }
    }
    X86_UNROLL for (size_t t = 0; t < m; t++) for (size_t r = 0; r < to->n; r++) p->out[i + t][to->from + r] =
        sum1(sum[t][r]);
}

TARGET static void avx2_matmul(const struct matmul *p, size_t from, size_t to, float *scratch)
{
    size_t stride = kernel_pad(p->w->k);
    for (size_t j = from; j < to; j += 2) {
        struct x86_span span = { j, to - j < 2 ? to - j : 2 };
        const float *w[2];
        w[0] = widened(p->w, j, scratch);
        w[1] = span.n > 1 ? widened(p->w, j + 1, scratch + stride) : w[0];
        size_t i = 0;
        for (; i + 2 <= p->m; i += 2)
            tile(p, w, i, 2, &span);
        if (i < p->m)
            tile(p, w, i, 1, &span);
    }
}

static void avx2_round_bf16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = kernel_to_bf16(x[i]);
}

TARGET static void avx2_rms_norm(const float *x, const float *w, size_t n, float eps, float *out)
{
    struct lanes sum = set1(0);
    for (size_t i = 0; i < n; i += 16) {
        struct lanes v = load_first(x + i, n - i);
        sum = muladd(v, v, sum);
    }
    struct lanes factor = set1(1 / sqrtf(sum1(sum) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        struct lanes v = mul(load_first(x + i, n - i), factor);
        store_first(out + i, mul(v, load_first(w + i, n - i)), n - i);
    }
}

INLINE __m256 exp8(__m256 x)
{
    __m256 keep = _mm256_cmp_ps(x, _mm256_set1_ps(X86_EXP_LEAST), _CMP_NLT_UQ);
    x = _mm256_min_ps(_mm256_set1_ps(X86_EXP_MOST), _mm256_max_ps(_mm256_set1_ps(X86_EXP_LEAST), x)); /* NaN stays */
    __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(X86_LOG2E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(X86_LN2_HIGH), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(X86_LN2_LOW), r);
    __m256 y = _mm256_set1_ps(x86_exp_poly[0]);
    X86_UNROLL for (size_t i = 1; i < X86_EXP_TERMS; i++) y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(x86_exp_poly[i]));
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_and_ps(keep, _mm256_mul_ps(y, _mm256_castsi256_ps(power)));
}

INLINE struct lanes exp16(struct lanes x)
{
    return (struct lanes){ exp8(x.low), exp8(x.high) };
}

INLINE float score(const struct attention *a, const float *k)
{
    struct lanes s = set1(0);
    for (size_t d = 0; d < a->head_dim; d += 16)
        s = muladd(load_first(a->q + d, a->head_dim - d), load_first(k + d, a->head_dim - d), s);
    return sum1(s) * a->scale;
}

INLINE struct lanes add(struct lanes a, struct lanes b)
{
    return (struct lanes){ _mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high) };
}

INLINE void values16(const struct attention *a, size_t d, float total)
{
    size_t left = a->head_dim - d;
    struct lanes s[4] = { set1(0), set1(0), set1(0), set1(0) };
    for (size_t t = 0; t < a->n; t++) {
        const float *v = a->pages[t / KERNEL_PAGE] + a->v_at + t % KERNEL_PAGE * a->head_dim + d;
        s[t % 4] = muladd(set1(a->score[t]), load_first(v, left), s[t % 4]);
    }
    struct lanes sum = add(add(s[0], s[1]), add(s[2], s[3]));
    sum.low = _mm256_div_ps(sum.low, _mm256_set1_ps(total));
    sum.high = _mm256_div_ps(sum.high, _mm256_set1_ps(total));
    store_first(a->out + d, sum, left);
}

TARGET static void avx2_attend(const struct attention *a)
{
    float max = -INFINITY;
    size_t padded = (a->n + 15) / 16 * 16;
    for (size_t t = 0; t < a->n; t++) {
        a->score[t] = score(a, a->pages[t / KERNEL_PAGE] + a->k_at + t % KERNEL_PAGE * a->head_dim);
        max = a->score[t] > max ? a->score[t] : max;
    }
    for (size_t t = a->n; t < padded; t++)
        a->score[t] = -INFINITY;
    struct lanes sum = set1(0);
    for (size_t t = 0; t < padded; t += 16) {
        struct lanes x = load(a->score + t);
        x.low = _mm256_sub_ps(x.low, _mm256_set1_ps(max));
        x.high = _mm256_sub_ps(x.high, _mm256_set1_ps(max));
        struct lanes e = exp16(x);
        store(a->score + t, e);
        sum.low = _mm256_add_ps(sum.low, e.low);
        sum.high = _mm256_add_ps(sum.high, e.high);
    }
    float total = sum1(sum);
    for (size_t d = 0; d < a->head_dim; d += 16)
        values16(a, d, total);
}

TARGET static void avx2_silu_mul(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        struct lanes g = load_first(gate + i, n - i);
        struct lanes e = exp16(
            (struct lanes){ _mm256_sub_ps(_mm256_setzero_ps(), g.low), _mm256_sub_ps(_mm256_setzero_ps(), g.high) });
        g.low = _mm256_div_ps(g.low, _mm256_add_ps(_mm256_set1_ps(1), e.low));
        g.high = _mm256_div_ps(g.high, _mm256_add_ps(_mm256_set1_ps(1), e.high));
        store_first(gate + i, mul(g, load_first(up + i, n - i)), n - i);
    }
}

TARGET static bool avx2_finite(const float *x, size_t n)
{
    const __m256i exponent = _mm256_set1_epi32(0x7f800000);
    __m256i bad = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 16) {
        struct lanes v = load_first(x + i, n - i);
        bad =
            _mm256_or_si256(bad, _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_castps_si256(v.low), exponent), exponent));
        bad =
            _mm256_or_si256(bad, _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_castps_si256(v.high), exponent), exponent));
    }
    return _mm256_testz_si256(bad, bad) != 0;
}

const struct kernels kernel_avx2 = {
    .name = "avx2",
    .needs = "AVX2, FMA and F16C",
    .available = has_avx2,
    .matmul = avx2_matmul,
    .round_bf16 = avx2_round_bf16,
    .rms_norm = avx2_rms_norm,
    .attend = avx2_attend,
    .silu_mul = avx2_silu_mul,
    .finite = avx2_finite,
};

#else

static bool never(void)
{
    return false;
}

const struct kernels kernel_avx2 = { .name = "avx2", .needs = "an x86-64 processor", .available = never };

#endif

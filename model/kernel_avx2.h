/* What the files of AVX2 kernels share: lanes, their sums, exp; and the kernels over one vector (kernel_avx2_vector.c)
 * and attention (kernel_avx2_attend.c); model/kernel.h says what they do. */
#ifndef MODEL_KERNEL_AVX2_H
#define MODEL_KERNEL_AVX2_H

#include "model/kernel.h"
#include "model/kernel_x86.h"
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET

struct lanes {
    __m256 low, high; /* lanes 0-7, 8-15 */
};

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

INLINE struct lanes add(struct lanes a, struct lanes b)
{
    return (struct lanes){ _mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high) };
}

INLINE struct lanes sub(struct lanes a, struct lanes b)
{
    return (struct lanes){ _mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high) };
}

INLINE struct lanes divide(struct lanes a, struct lanes b)
{
    return (struct lanes){ _mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high) };
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

/* cap tanh(x / cap) = cap - 2 cap / (exp(2x / cap) + 1) */
INLINE struct lanes cap16(struct lanes x, float cap)
{
    struct lanes e = exp16(mul(x, set1(2 / cap)));
    return sub(set1(cap), divide(set1(2 * cap), add(e, set1(1))));
}

void kernel_avx2_attend(const struct attention *a);
void kernel_avx2_rms_norm(const float *x, const float *w, size_t n, float eps, float *out);
void kernel_avx2_layer_norm(const float *x, const struct kernel_norm *w, size_t n, float eps, float *out);
void kernel_avx2_silu(float *x, size_t n);
void kernel_avx2_gelu_tanh(float *x, size_t n);
void kernel_avx2_gelu(float *x, size_t n);
void kernel_avx2_times(float *x, const float *y, size_t n);
void kernel_avx2_cap(float *x, size_t n, float cap);
bool kernel_avx2_finite(const float *x, size_t n);

#endif

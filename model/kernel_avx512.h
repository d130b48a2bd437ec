/* What the files of AVX-512 kernels share: lanes, their sums, exp; and the kernels over one vector
 * (kernel_avx512_vector.c), attention (kernel_avx512_attend.c) and products with float32 activations (kernel_avx512_matmul.c); model/kernel.h says what they do. */
#ifndef MODEL_KERNEL_AVX512_H
#define MODEL_KERNEL_AVX512_H

#include "model/kernel.h"
#include "model/kernel_x86.h"
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET
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

/* cap tanh(x / cap) = cap - 2 cap / (exp(2x / cap) + 1) */
INLINE __m512 cap16(__m512 x, float cap)
{
    __m512 e = exp16(_mm512_mul_ps(x, _mm512_set1_ps(2 / cap)));
    return _mm512_sub_ps(_mm512_set1_ps(cap),
                         _mm512_div_ps(_mm512_set1_ps(2 * cap), _mm512_add_ps(e, _mm512_set1_ps(1))));
}

void kernel_avx512_matmul(const struct matmul *p, size_t from, size_t to, float *scratch);
void kernel_avx512_attend(const struct attention *a);
void kernel_avx512_rms_norm(const float *x, const float *w, size_t n, float eps, float *out);
void kernel_avx512_layer_norm(const float *x, const struct kernel_norm *w, size_t n, float eps, float *out);
void kernel_avx512_silu(float *x, size_t n);
void kernel_avx512_gelu_tanh(float *x, size_t n);
void kernel_avx512_gelu(float *x, size_t n);
void kernel_avx512_times(float *x, const float *y, size_t n);
void kernel_avx512_cap(float *x, size_t n, float cap);
bool kernel_avx512_finite(const float *x, size_t n);

#endif

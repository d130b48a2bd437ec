/* The kernels with AVX-512 over one vector: norms, activations, caps. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_avx512.h"
#include <math.h>

TARGET void kernel_avx512_rms_norm(const float *x, const float *w, size_t n, float eps, float *out)
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

TARGET void kernel_avx512_layer_norm(const float *x, const struct kernel_norm *w, size_t n, float eps, float *out)
{
    __m512 sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16)
        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(first(n - i), x + i));
    __m512 mean = _mm512_set1_ps(sum1(sum) / (float)n);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        __m512 v = _mm512_maskz_sub_ps(m, _mm512_maskz_loadu_ps(m, x + i), mean);
        squares = _mm512_fmadd_ps(v, v, squares);
    }
    __m512 factor = _mm512_set1_ps(1 / sqrtf(sum1(squares) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        __m512 v = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(m, x + i), mean), factor);
        v = _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(m, w->weight + i), _mm512_maskz_loadu_ps(m, w->bias + i));
        _mm512_mask_storeu_ps(out + i, m, v);
    }
}

INLINE __m512 silu16(__m512 x)
{
    __m512 e = exp16(_mm512_sub_ps(_mm512_setzero_ps(), x));
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1), e));
}

INLINE __m512 gelu_tanh16(__m512 x)
{
    __m512 u = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(X86_GELU_CUBIC), _mm512_mul_ps(x, x)), x, x);
    __m512 e = exp16(_mm512_mul_ps(u, _mm512_set1_ps(-X86_GELU_U)));
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1), e));
}

/* x times the half of erfc(-x / sqrt 2), which for x > 0 is 1 minus that of its opposite. */
INLINE __m512 gelu16(__m512 x)
{
    __m512 z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(X86_SQRT_HALF)), one = _mm512_set1_ps(1);
    __m512 t = _mm512_div_ps(one, _mm512_fmadd_ps(_mm512_set1_ps(X86_ERFC_P), z, one));
    __m512 y = _mm512_set1_ps(x86_erfc_poly[0]);
    X86_UNROLL for (size_t i = 1; i < X86_ERFC_TERMS; i++) y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(x86_erfc_poly[i]));
    y = _mm512_mul_ps(_mm512_mul_ps(y, t), exp16(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(z, z))));
    y = _mm512_mul_ps(y, _mm512_set1_ps(0.5f));
    __mmask16 above = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
    return _mm512_mul_ps(x, _mm512_mask_sub_ps(y, above, one, y));
}

TARGET void kernel_avx512_silu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        _mm512_mask_storeu_ps(x + i, m, silu16(_mm512_maskz_loadu_ps(m, x + i)));
    }
}

TARGET void kernel_avx512_gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        _mm512_mask_storeu_ps(x + i, m, gelu_tanh16(_mm512_maskz_loadu_ps(m, x + i)));
    }
}

TARGET void kernel_avx512_gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        _mm512_mask_storeu_ps(x + i, m, gelu16(_mm512_maskz_loadu_ps(m, x + i)));
    }
}

TARGET void kernel_avx512_times(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        _mm512_mask_storeu_ps(x + i, m,
                              _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), _mm512_maskz_loadu_ps(m, y + i)));
    }
}

TARGET void kernel_avx512_cap(float *x, size_t n, float cap)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        _mm512_mask_storeu_ps(x + i, m, cap16(_mm512_maskz_loadu_ps(m, x + i), cap));
    }
}

TARGET bool kernel_avx512_finite(const float *x, size_t n)
{
    __mmask16 bad = 0;
    for (size_t i = 0; i < n; i += 16)
        bad |= _mm512_fpclass_ps_mask(_mm512_maskz_loadu_ps(first(n - i), x + i), 0x99); /* NaNs and infinities */
    return bad == 0;
}

#else

typedef int kernel_avx512_vector_unused; /* a translation unit is not empty */

#endif

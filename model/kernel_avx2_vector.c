/* The kernels with AVX2 and FMA over one vector: norms, activations, caps. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_avx2.h"
#include <math.h>

TARGET void kernel_avx2_rms_norm(const float *x, const float *w, size_t n, float eps, float *out)
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

TARGET void kernel_avx2_layer_norm(const float *x, const struct kernel_norm *w, size_t n, float eps, float *out)
{
    struct lanes sum = set1(0), squares = set1(0);
    for (size_t i = 0; i < n; i += 16)
        sum = add(sum, load_first(x + i, n - i));
    float centre = sum1(sum) / (float)n, whole[16] = { 0 };
    struct lanes mean = set1(centre);
    for (size_t i = 0; i < n; i += 16) {
        struct lanes v = sub(load_first(x + i, n - i), mean);
        store_first(whole, v, n - i); /* nothing beyond the end has a distance from the mean */
        for (size_t k = n - i; k < 16; k++)
            whole[k] = 0;
        v = load(whole);
        squares = muladd(v, v, squares);
    }
    struct lanes factor = set1(1 / sqrtf(sum1(squares) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        struct lanes v = mul(sub(load_first(x + i, n - i), mean), factor);
        store_first(out + i, muladd(v, load_first(w->weight + i, n - i), load_first(w->bias + i, n - i)), n - i);
    }
}

INLINE struct lanes silu16(struct lanes x)
{
    return divide(x, add(set1(1), exp16(sub(set1(0), x))));
}

INLINE struct lanes gelu_tanh16(struct lanes x)
{
    struct lanes u = muladd(mul(set1(X86_GELU_CUBIC), mul(x, x)), x, x);
    return divide(x, add(set1(1), exp16(mul(u, set1(-X86_GELU_U)))));
}

INLINE __m256 above_zero(__m256 x, __m256 yes, __m256 no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ));
}

/* x times the half of erfc(-x / sqrt 2), which for x > 0 is 1 minus that of its opposite. */
INLINE struct lanes gelu16(struct lanes x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    struct lanes size = { _mm256_andnot_ps(sign, x.low), _mm256_andnot_ps(sign, x.high) };
    struct lanes z = mul(size, set1(X86_SQRT_HALF)), one = set1(1);
    struct lanes t = divide(one, muladd(set1(X86_ERFC_P), z, one)), y = set1(x86_erfc_poly[0]);
    X86_UNROLL for (size_t i = 1; i < X86_ERFC_TERMS; i++) y = muladd(y, t, set1(x86_erfc_poly[i]));
    y = mul(mul(y, t), exp16(sub(set1(0), mul(z, z))));
    y = mul(y, set1(0.5f));
    struct lanes rest = sub(one, y);
    y.low = above_zero(x.low, rest.low, y.low);
    y.high = above_zero(x.high, rest.high, y.high);
    return mul(x, y);
}

TARGET void kernel_avx2_silu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        store_first(x + i, silu16(load_first(x + i, n - i)), n - i);
}

TARGET void kernel_avx2_gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        store_first(x + i, gelu_tanh16(load_first(x + i, n - i)), n - i);
}

TARGET void kernel_avx2_gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        store_first(x + i, gelu16(load_first(x + i, n - i)), n - i);
}

TARGET void kernel_avx2_times(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        store_first(x + i, mul(load_first(x + i, n - i), load_first(y + i, n - i)), n - i);
}

TARGET void kernel_avx2_cap(float *x, size_t n, float cap)
{
    for (size_t i = 0; i < n; i += 16)
        store_first(x + i, cap16(load_first(x + i, n - i), cap), n - i);
}

TARGET bool kernel_avx2_finite(const float *x, size_t n)
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

#else

typedef int kernel_avx2_vector_unused; /* a translation unit is not empty */

#endif

/* Products with integer activations by AVX2 alone, and the rounding of activations for all paths of x86-64. */
#include "model/kernel_int8.h"

#if defined __x86_64__
#include <float.h>
#define TARGET __attribute__((target("avx2,fma,f16c")))
#include "model/kernel_int8_avx2.h"

/* Sums of two products in 16 bits: 2 * 63 * 127 fits.  Of signed w, |w| <= 128: 2 * 128 * 127 fits too. */
INLINE vint dot(vint sum, vint w, vint a)
{
    return add(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, a), _mm256_set1_epi16(1)));
}

INLINE vint dot_signed(vint sum, vint w, vint a)
{
    return dot(sum, _mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
}

INLINE vint as_signed(vint w)
{
    return w;
}

INLINE vint less_signed(const struct kernel_int8 *a)
{
    (void)a;
    return each(0);
}

#include "model/kernel_int8_body.h"

void kernel_int8_dot_avx2(const struct matmul *p, size_t from, size_t to)
{
    dot_rows(p, from, to);
}

INLINE int32_t sum8(__m256i x)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

INLINE float largest(const float *x)
{
    const __m256i size = _mm256_set1_epi32(0x7fffffff);
    __m256i most = _mm256_setzero_si256();
    X86_UNROLL for (size_t i = 0; i < 4; i++)
    {
        __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)(x + 8 * i));
        most = _mm256_max_epi32(most, _mm256_and_si256(bits, size));
    }
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1))));
}

INLINE void pack_block(const float *x, float most, struct kernel_int8 *out)
{
    __m256i q[4];
    const __m256 factor = _mm256_set1_ps(127 / most);
    X86_UNROLL for (size_t i = 0; i < 4; i++) q[i] =
        _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), factor));
    int32_t first = sum8(_mm256_add_epi32(q[0], q[1])), second = sum8(_mm256_add_epi32(q[2], q[3]));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i all = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    _mm256_storeu_si256((__m256i *)(void *)out->q, _mm256_permutevar8x32_epi32(all, order));
    out->scale = most / 127;
    out->scale_sum = out->scale * (float)(first + second);
    out->less8 = -8 * (first + second);
    out->less128 = -128 * (first + second);
    out->less32[0] = -32 * first;
    out->less32[1] = -32 * second;
    out->unused[0] = out->unused[1] = 0;
}

TARGET void kernel_int8_pack_avx2(const float *x, size_t n, struct kernel_int8 *out)
{
    for (size_t i = 0; i < n; i += KERNEL_INT8, out++) {
        float most = largest(x + i);
        if (most >= KERNEL_INT8_LEAST && most <= FLT_MAX)
            pack_block(x + i, most, out);
        else
            kernel_int8_pack(x + i, KERNEL_INT8, out);
    }
}

#else
void kernel_int8_dot_avx2(const struct matmul *p, size_t from, size_t to)
{
    kernel_int8_dot(p, from, to);
}

void kernel_int8_pack_avx2(const float *x, size_t n, struct kernel_int8 *out)
{
    kernel_int8_pack(x, n, out);
}
#endif

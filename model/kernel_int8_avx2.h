/* What the AVX2 and the AVX-VNNI products with integer activations share: 8 weight rows side by side.  TARGET is theirs. */
#ifndef MODEL_KERNEL_INT8_AVX2_H
#define MODEL_KERNEL_INT8_AVX2_H

#include "model/kernel_x86.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  8

typedef __m256i vint;
typedef __m256 vfloat;

#define meet(a, b)         _mm256_and_si256(a, b)
#define join(a, b)         _mm256_or_si256(a, b)
#define add(a, b)          _mm256_add_epi32(a, b)
#define shift_up(x, n)     _mm256_slli_epi32(x, (int)(n))
#define shift_down(x, n)   _mm256_srli_epi32(x, (int)(n))
#define to_float(x)        _mm256_cvtepi32_ps(x)
#define mul(a, b)          _mm256_mul_ps(a, b)
#define muladd(a, b, c)    _mm256_fmadd_ps(a, b, c)
#define negmuladd(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define each(i)            _mm256_set1_epi32(i)
#define eachf(f)           _mm256_set1_ps(f)
#define storef(to, x)      _mm256_storeu_ps(to, x)

/* Byte `from` / 8 of each lane, signed. */
INLINE vint signed_byte(vint x, int from)
{
    return _mm256_srai_epi32(_mm256_slli_epi32(x, 24 - from), 24);
}

/* 16 bytes of rows 0 and 4. */
INLINE vint fourth(const uint8_t *p, size_t stride)
{
    vint x = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_inserti128_si256(x, _mm_loadu_si128((const __m128i *)(const void *)(p + 4 * stride)), 1);
}

/* Each half of the registers is a matrix of 4 x 4, transposed. */
INLINE void columns(const uint8_t *p, size_t stride, vint out[4])
{
    vint a = fourth(p, stride), b = fourth(p + stride, stride);
    vint c = fourth(p + 2 * stride, stride), d = fourth(p + 3 * stride, stride);
    vint ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
    out[0] = _mm256_unpacklo_epi64(ab, cd);
    out[1] = _mm256_unpackhi_epi64(ab, cd);
    ab = _mm256_unpackhi_epi32(a, b);
    cd = _mm256_unpackhi_epi32(c, d);
    out[2] = _mm256_unpacklo_epi64(ab, cd);
    out[3] = _mm256_unpackhi_epi64(ab, cd);
}

INLINE vfloat halves(const uint8_t *p, size_t stride)
{
    return _mm256_cvtph_ps(
        _mm_set_epi64x((long long)x86_halves(p + 4 * stride, stride), (long long)x86_halves(p, stride)));
}

INLINE vfloat low_half(vint x)
{
    const vint low = each(0xffff);
    vint packed = _mm256_packus_epi32(_mm256_and_si256(x, low), low); /* within each half */
    return _mm256_cvtph_ps(_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
}

#endif

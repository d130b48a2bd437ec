/* What the products with integer activations by AVX-512 VNNI and those by AMX tiles share: 16 weight rows side by side.  TARGET
 * is theirs. */
#ifndef MODEL_KERNEL_INT8_AVX512_H
#define MODEL_KERNEL_INT8_AVX512_H

#include "model/kernel_x86.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  16

typedef __m512i vint;
typedef __m512 vfloat;

#define meet(a, b)            _mm512_and_si512(a, b)
#define join(a, b)            _mm512_or_si512(a, b)
#define add(a, b)             _mm512_add_epi32(a, b)
#define shift_up(x, n)        _mm512_slli_epi32(x, (unsigned)(n))
#define shift_down(x, n)      _mm512_srli_epi32(x, (unsigned)(n))
#define to_float(x)           _mm512_cvtepi32_ps(x)
#define mul(a, b)             _mm512_mul_ps(a, b)
#define muladd(a, b, c)       _mm512_fmadd_ps(a, b, c)
#define negmuladd(a, b, c)    _mm512_fnmadd_ps(a, b, c)
#define each(i)               _mm512_set1_epi32(i)
#define eachf(f)              _mm512_set1_ps(f)
#define dot(sum, w, a)        _mm512_dpbusd_epi32(sum, w, a)
#define dot_signed(sum, w, a) _mm512_dpbusd_epi32(sum, w, a)
#define storef(to, x)         _mm512_storeu_ps(to, x)

/* Byte `from` / 8 of each lane, signed. */
INLINE vint signed_byte(vint x, int from)
{
    return _mm512_srai_epi32(_mm512_slli_epi32(x, (unsigned)(24 - from)), 24);
}

/* Signed bytes + 128 are unsigned. */
INLINE vint as_signed(vint w)
{
    return _mm512_xor_si512(w, each((int)0x80808080));
}

INLINE vint less_signed(const struct kernel_int8 *a)
{
    return each(a->less128);
}

/* 16 bytes of every fourth row. */
INLINE vint fourth(const uint8_t *p, size_t stride)
{
    vint x = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(const void *)p));
    x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(const void *)(p + 4 * stride)), 1);
    x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(const void *)(p + 8 * stride)), 2);
    return _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(const void *)(p + 12 * stride)), 3);
}

/* Each quarter of the registers is a matrix of 4 x 4, transposed. */
INLINE void columns(const uint8_t *p, size_t stride, vint out[4])
{
    vint a = fourth(p, stride), b = fourth(p + stride, stride);
    vint c = fourth(p + 2 * stride, stride), d = fourth(p + 3 * stride, stride);
    vint ab = _mm512_unpacklo_epi32(a, b), cd = _mm512_unpacklo_epi32(c, d);
    out[0] = _mm512_unpacklo_epi64(ab, cd);
    out[1] = _mm512_unpackhi_epi64(ab, cd);
    ab = _mm512_unpackhi_epi32(a, b);
    cd = _mm512_unpackhi_epi32(c, d);
    out[2] = _mm512_unpacklo_epi64(ab, cd);
    out[3] = _mm512_unpackhi_epi64(ab, cd);
}

INLINE vfloat halves(const uint8_t *p, size_t stride)
{
    return _mm512_cvtph_ps(_mm256_setr_epi64x(
        (long long)x86_halves(p, stride), (long long)x86_halves(p + 4 * stride, stride),
        (long long)x86_halves(p + 8 * stride, stride), (long long)x86_halves(p + 12 * stride, stride)));
}

INLINE vfloat low_half(vint x)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x));
}

#endif

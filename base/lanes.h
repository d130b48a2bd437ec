/* Lanes: the few machine operations that exp, log and the row kernels are written in, LANES floats at a time.
 *
 * A file sets LANES (1, 8: AVX2 + FMA, 16: AVX-512) before it includes this; 1 is plain C and the default.  Each
 * operation rounds every lane exactly as plain C does, so that one text compiled for every LANES gives the same bits.
 *
 *   vf  LANES floats                        vu  LANES uint32_t, the bits of a vf
 *   vd  LANES / HALVES doubles              vw  as many uint64_t, the bits of a vd; half h of a vf makes one vd */
#ifndef BASE_LANES_H
#define BASE_LANES_H

#include <stdint.h>
#include <string.h>

#ifndef LANES
#define LANES 1
#endif

#ifndef LANES_INLINE /* a device's compiler has words of its own */
#define LANES_INLINE static inline __attribute__((always_inline, unused))
#endif

/* Loops over halves and turns are written out, so that what they hold stays in registers; with one lane there are too many
 * turns for that, and compilers take half a minute over them. */
#if LANES == 1
#define LANES_UNROLL
#elif defined(__clang__)
#define LANES_UNROLL _Pragma("unroll")
#else
#define LANES_UNROLL _Pragma("GCC unroll 16")
#endif

#if LANES == 1

#include "base/lanes_plain.h"

#else

#include <immintrin.h>

#define HALVES 2
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef double vd __attribute__((vector_size(4 * LANES)));
typedef uint64_t vw __attribute__((vector_size(4 * LANES)));

LANES_INLINE vu vu_of(vf x)
{
    return (vu)x;
}
LANES_INLINE vf vf_of(vu u)
{
    return (vf)u;
}
LANES_INLINE vw vw_of(vd x)
{
    return (vw)x;
}
LANES_INLINE vd vd_of(vw u)
{
    return (vd)u;
}

#if LANES == 8

LANES_INLINE vf vf_set(float x)
{
    return (vf)_mm256_set1_ps(x);
}
LANES_INLINE vd vd_set(double x)
{
    return (vd)_mm256_set1_pd(x);
}
LANES_INLINE vw vw_set(uint64_t x)
{
    return (vw)_mm256_set1_epi64x((long long)x);
}
LANES_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
LANES_INLINE vf vf_max(vf a, vf b)
{
    return (vf)_mm256_max_ps((__m256)a, (__m256)b); /* a > b ? a : b, NaN included */
}
LANES_INLINE vf vf_min(vf a, vf b)
{
    return (vf)_mm256_min_ps((__m256)a, (__m256)b); /* a < b ? a : b, NaN included */
}
LANES_INLINE vd vd_max(vd a, vd b)
{
    return (vd)_mm256_max_pd((__m256d)a, (__m256d)b);
}
LANES_INLINE float vf_largest(vf x)
{
    __m128 a = _mm_max_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
LANES_INLINE vf vf_less(vf a, vf b, vf yes, vf no)
{
    return (vf)_mm256_blendv_ps((__m256)no, (__m256)yes, _mm256_cmp_ps((__m256)a, (__m256)b, _CMP_LT_OQ));
}
LANES_INLINE vd vd_less(vd a, vd b, vd yes, vd no)
{
    return (vd)_mm256_blendv_pd((__m256d)no, (__m256d)yes, _mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_LT_OQ));
}
LANES_INLINE unsigned vf_not_less_bits(vf a, vf b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_NLT_UQ));
}
LANES_INLINE unsigned vf_equal_bits(vf a, vf b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_EQ_OQ));
}
LANES_INLINE vf vf_scale(vf p, vf t, vf x, vf least)
{
    __m256 y = (__m256)(vu_of(p) + (vu_of(t) << 23));
    return (vf)_mm256_and_ps(y, _mm256_cmp_ps((__m256)x, (__m256)least, _CMP_GE_OQ));
}
LANES_INLINE unsigned vu_compress(uint32_t *to, vu x, unsigned bits)
{
    uint32_t lane[LANES];
    unsigned n = 0;
    memcpy(lane, &x, sizeof x);
    for (; bits; bits &= bits - 1)
        to[n++] = lane[__builtin_ctz(bits)];
    return n;
}
LANES_INLINE unsigned vf_compress(float *to, vf x, unsigned bits)
{
    float lane[LANES];
    unsigned n = 0;
    memcpy(lane, &x, sizeof x);
    for (; bits; bits &= bits - 1)
        to[n++] = lane[__builtin_ctz(bits)];
    return n;
}
LANES_INLINE vd vf_half(vf x, int h)
{
    __m128 low = _mm256_castps256_ps128((__m256)x), high = _mm256_extractf128_ps((__m256)x, 1);
    return (vd)_mm256_cvtps_pd(h ? high : low);
}
LANES_INLINE vd vf_half_at(const float *p, int h)
{
    return (vd)_mm256_cvtps_pd(_mm_loadu_ps(p + 4 * h));
}
LANES_INLINE vf vf_join(const vd d[HALVES])
{
    __m128 low = _mm256_cvtpd_ps((__m256d)d[0]), high = _mm256_cvtpd_ps((__m256d)d[1]);
    return (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
}
LANES_INLINE vw vw_mul32(vw a, vw b)
{
    return (vw)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
LANES_INLINE vf vf_pick4(const float table[4], vu index)
{
    return (vf)_mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)(const void *)table), (__m256i)index);
}
LANES_INLINE void vf_add_pair(vf sum[3], vf x, vu bits, uint32_t bit)
{
    vu a = (vu)((bits & bit) != 0), b = (vu)((bits & bit << 1) != 0);
    sum[0] = sum[0] + vf_of(vu_of(x) & a);
    sum[1] = sum[1] + vf_of(vu_of(x) & b);
    sum[2] = sum[2] + vf_of(vu_of(x) & a & b);
}
/* The last k of `before`, then all of x but its last k; 0 < k < LANES. */
#define vf_behind(x, before, k)                                                                                        \
    ((vf)_mm256_alignr_epi8((__m256i)(x), _mm256_permute2x128_si256((__m256i)(before), (__m256i)(x), 0x21),            \
                            16 - 4 * (k)))

#elif LANES == 16

#define vf_behind(x, before, k) ((vf)_mm512_alignr_epi32((__m512i)(x), (__m512i)(before), 16 - (k)))

LANES_INLINE vf vf_set(float x)
{
    return (vf)_mm512_set1_ps(x);
}
LANES_INLINE vd vd_set(double x)
{
    return (vd)_mm512_set1_pd(x);
}
LANES_INLINE vw vw_set(uint64_t x)
{
    return (vw)_mm512_set1_epi64((long long)x);
}
LANES_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
LANES_INLINE vf vf_max(vf a, vf b)
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b); /* a > b ? a : b, NaN included */
}
LANES_INLINE vf vf_min(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b); /* a < b ? a : b, NaN included */
}
LANES_INLINE vd vd_max(vd a, vd b)
{
    return (vd)_mm512_max_pd((__m512d)a, (__m512d)b);
}
LANES_INLINE float vf_largest(vf x)
{
    return _mm512_reduce_max_ps((__m512)x);
}
LANES_INLINE vf vf_less(vf a, vf b, vf yes, vf no)
{
    return (vf)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ), (__m512)no, (__m512)yes);
}
LANES_INLINE vd vd_less(vd a, vd b, vd yes, vd no)
{
    return (vd)_mm512_mask_blend_pd(_mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ), (__m512d)no, (__m512d)yes);
}
LANES_INLINE unsigned vf_not_less_bits(vf a, vf b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NLT_UQ);
}
LANES_INLINE unsigned vf_equal_bits(vf a, vf b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
}
LANES_INLINE vf vf_scale(vf p, vf t, vf x, vf least)
{
    __mmask16 keep = _mm512_cmp_ps_mask((__m512)x, (__m512)least, _CMP_GE_OQ);
    return (vf)_mm512_maskz_scalef_ps(keep, (__m512)p, (__m512)(t - vf_set(0x1.8p23f)));
}
LANES_INLINE unsigned vu_compress(uint32_t *to, vu x, unsigned bits)
{
    _mm512_mask_compressstoreu_epi32(to, (__mmask16)bits, (__m512i)x);
    return (unsigned)__builtin_popcount(bits);
}
LANES_INLINE unsigned vf_compress(float *to, vf x, unsigned bits)
{
    _mm512_mask_compressstoreu_ps(to, (__mmask16)bits, (__m512)x);
    return (unsigned)__builtin_popcount(bits);
}
LANES_INLINE vd vf_half(vf x, int h)
{
    __m256 low = _mm512_castps512_ps256((__m512)x), high = _mm512_extractf32x8_ps((__m512)x, 1);
    return (vd)_mm512_cvtps_pd(h ? high : low);
}
LANES_INLINE vd vf_half_at(const float *p, int h)
{
    return (vd)_mm512_cvtps_pd(_mm256_loadu_ps(p + 8 * h));
}
LANES_INLINE vf vf_join(const vd d[HALVES])
{
    __m256 low = _mm512_cvtpd_ps((__m512d)d[0]), high = _mm512_cvtpd_ps((__m512d)d[1]);
    return (vf)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}
LANES_INLINE vw vw_mul32(vw a, vw b)
{
    return (vw)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
LANES_INLINE vf vf_pick4(const float table[4], vu index)
{
    return (vf)_mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(table)), (__m512i)index);
}
LANES_INLINE void vf_add_pair(vf sum[3], vf x, vu bits, uint32_t bit)
{
    __mmask16 a = _mm512_test_epi32_mask((__m512i)bits, _mm512_set1_epi32((int)bit));
    __mmask16 b = _mm512_test_epi32_mask((__m512i)bits, _mm512_set1_epi32((int)(bit << 1)));
    sum[0] = (vf)_mm512_mask_add_ps((__m512)sum[0], a, (__m512)sum[0], (__m512)x);
    sum[1] = (vf)_mm512_mask_add_ps((__m512)sum[1], b, (__m512)sum[1], (__m512)x);
    sum[2] = (vf)_mm512_mask_add_ps((__m512)sum[2], (__mmask16)(a & b), (__m512)sum[2], (__m512)x);
}

#endif
#endif

/* v, v + 1, ... in the lanes of a vu, a vw.  The steps are constants: lanes written one by one and read as one vector
 * would wait for the stores to leave the core. */
LANES_INLINE vu vu_from(uint32_t v)
{
    static const uint32_t step[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    vu u;
    memcpy(&u, step, sizeof u);
    return u + v;
}
LANES_INLINE vw vw_from(uint64_t v)
{
    static const uint64_t step[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    vw u;
    memcpy(&u, step, sizeof u);
    return u + v;
}
LANES_INLINE vu vu_load(const uint32_t *p)
{
    vu u;
    memcpy(&u, p, sizeof u);
    return u;
}
LANES_INLINE vf vf_load(const float *p)
{
    vf x;
    memcpy(&x, p, sizeof x);
    return x;
}
LANES_INLINE void vf_store(float *p, vf x)
{
    memcpy(p, &x, sizeof x);
}
LANES_INLINE void vd_store(double *p, vd x)
{
    memcpy(p, &x, sizeof x);
}

#endif

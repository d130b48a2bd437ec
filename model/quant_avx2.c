/* Widening with AVX2: the same products and sums as quant.c makes, eight at a time, so the same bits. */
#include "model/quant.h"

#if defined __x86_64__
#include "model/kernel_x86.h"
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET

INLINE float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return _cvtsh_ss(h);
}

INLINE __m256i load32(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Bytes q >> shift & mask. */
INLINE __m256i bits(const uint8_t *q, size_t shift, uint8_t mask)
{
    __m256i x = _mm256_srl_epi16(load32(q), _mm_cvtsi64_si128((long long)shift));
    return _mm256_and_si256(x, _mm256_set1_epi8((char)mask));
}

/* low | (q >> shift & mask) << up */
INLINE __m256i high_bits(__m256i low, const uint8_t *q, size_t shift, uint8_t mask, int up)
{
    return _mm256_or_si256(low, _mm256_slli_epi16(bits(q, shift, mask), up));
}

/* 16 bytes: the low halves, then the high ones. */
INLINE __m256i nibbles(const uint8_t *q)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)q);
    __m256i both = _mm256_set_m128i(_mm_srli_epi16(x, 4), x);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* The same with a fifth bit each, those of the 4 bytes of high in order. */
INLINE __m256i fives(const uint8_t *q, const uint8_t *high)
{
    const __m256i byte = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3,
                                          3, 3, 3, 3, 3, 3);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201u);
    int all;
    memcpy(&all, high, sizeof all);
    __m256i set = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(all), byte), bit);
    set = _mm256_and_si256(_mm256_cmpeq_epi8(set, bit), _mm256_set1_epi8(16));
    return _mm256_or_si256(nibbles(q), set);
}

/* Eight signed bytes from byte 8 i of q on. */
INLINE __m256 eight(__m256i q, int i)
{
    __m128i half = i < 2 ? _mm256_castsi256_si128(q) : _mm256_extracti128_si256(q, 1);
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(i % 2 == 0 ? half : _mm_unpackhi_epi64(half, half)));
}

/* d[0] q for the first 16, d[1] q for the others. */
INLINE void scaled(__m256i q, const float d[2], float *out)
{
    X86_UNROLL for (int i = 0; i < 4; i++)
        _mm256_storeu_ps(out + 8 * i, _mm256_mul_ps(_mm256_set1_ps(d[i / 2]), eight(q, i)));
}

INLINE void lowered(__m256i q, const float d[2], const float m[2], float *out)
{
    X86_UNROLL for (int i = 0; i < 4; i++)
    {
        __m256 x = _mm256_mul_ps(_mm256_set1_ps(d[i / 2]), eight(q, i));
        _mm256_storeu_ps(out + 8 * i, _mm256_sub_ps(x, _mm256_set1_ps(m[i / 2])));
    }
}

INLINE void raised(__m256i q, float d, float m, float *out)
{
    X86_UNROLL for (int i = 0; i < 4; i++)
    {
        __m256 x = _mm256_mul_ps(_mm256_set1_ps(d), eight(q, i));
        _mm256_storeu_ps(out + 8 * i, _mm256_add_ps(x, _mm256_set1_ps(m)));
    }
}

INLINE __m256i less(__m256i q, int by)
{
    return _mm256_sub_epi8(q, _mm256_set1_epi8((char)by));
}

TARGET static void q4_0(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 18) {
        float d = half_at(b);
        scaled(less(nibbles(b + 2), 8), (float[]){ d, d }, to + i);
    }
}

TARGET static void q4_1(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 20)
        raised(nibbles(b + 4), half_at(b), half_at(b + 2), to + i);
}

TARGET static void q5_0(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 22) {
        float d = half_at(b);
        scaled(less(fives(b + 6, b + 2), 16), (float[]){ d, d }, to + i);
    }
}

TARGET static void q5_1(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 24)
        raised(fives(b + 8, b + 4), half_at(b), half_at(b + 2), to + i);
}

TARGET static void q8_0(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 34) {
        float d = half_at(b);
        scaled(load32(b + 2), (float[]){ d, d }, to + i);
    }
}

TARGET static void q2_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 84) {
        float d = half_at(b + 80), m = half_at(b + 82);
        for (size_t j = 0; j < 8; j++) {
            const uint8_t *s = b + 2 * j;
            __m256i q = bits(b + 16 + j / 4 * 32, j % 4 * 2, 3);
            lowered(q, (float[]){ d * (float)(s[0] & 15), d * (float)(s[1] & 15) },
                    (float[]){ m * (float)(s[0] >> 4), m * (float)(s[1] >> 4) }, to + i + 32 * j);
        }
    }
}

TARGET static void q3_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 110) {
        float d[16];
        quant_scales3(b, d);
        for (size_t j = 0; j < 8; j++) {
            __m256i q = high_bits(bits(b + 32 + j / 4 * 32, j % 4 * 2, 3), b, j, 1, 2);
            scaled(less(q, 4), d + 2 * j, to + i + 32 * j);
        }
    }
}

TARGET static void q4_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 144) {
        float d[8], m[8];
        quant_scales4(b, d, m);
        for (size_t j = 0; j < 8; j++) {
            __m256i q = bits(b + 16 + j / 2 * 32, j % 2 * 4, 15);
            lowered(q, (float[]){ d[j], d[j] }, (float[]){ m[j], m[j] }, to + i + 32 * j);
        }
    }
}

TARGET static void q5_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 176) {
        float d[8], m[8];
        quant_scales4(b, d, m);
        for (size_t j = 0; j < 8; j++) {
            __m256i q = high_bits(bits(b + 48 + j / 2 * 32, j % 2 * 4, 15), b + 16, j, 1, 4);
            lowered(q, (float[]){ d[j], d[j] }, (float[]){ m[j], m[j] }, to + i + 32 * j);
        }
    }
}

TARGET static void q6_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 210) {
        float d = half_at(b + 208);
        for (size_t j = 0; j < 8; j++) {
            const int8_t *s = (const int8_t *)b + 192 + 2 * j;
            __m256i q = bits(b + j / 4 * 64 + j % 2 * 32, j % 4 / 2 * 4, 15);
            q = high_bits(q, b + 128 + j / 4 * 32, j % 4 * 2, 3, 4);
            scaled(less(q, 32), (float[]){ d * (float)s[0], d * (float)s[1] }, to + i + 32 * j);
        }
    }
}

static quant_widen *const widens[DTYPE_COUNT] = {
    [DTYPE_Q8_0] = q8_0, [DTYPE_Q4_0] = q4_0, [DTYPE_Q4_1] = q4_1, [DTYPE_Q5_0] = q5_0, [DTYPE_Q5_1] = q5_1,
    [DTYPE_Q2_K] = q2_k, [DTYPE_Q3_K] = q3_k, [DTYPE_Q4_K] = q4_k, [DTYPE_Q5_K] = q5_k, [DTYPE_Q6_K] = q6_k,
};

void quant_widen_avx2(enum dtype t, const void *from, size_t n, float *to)
{
    if (widens[t])
        widens[t](from, n, to);
    else
        dtype_to_f32(t, from, n, to);
}

#else
void quant_widen_avx2(enum dtype t, const void *from, size_t n, float *to)
{
    dtype_to_f32(t, from, n, to);
}
#endif

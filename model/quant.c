/* Widening in plain C.  Packed integers are taken apart eight bytes at a time into 32 bytes, from which compilers make wide
 * loops of floats. */
#include "model/quant.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return dtype_from_f16(h);
}

/* out = d (q - less), d q + m, d q - m */
INLINE void scaled(const uint8_t *restrict q, size_t n, float d, int less, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = d * (float)(q[i] - less);
}

INLINE void scaled_bytes(const int8_t *restrict q, float d, float *restrict out)
{
    for (size_t i = 0; i < 32; i++)
        out[i] = d * (float)q[i];
}

INLINE void raised(const uint8_t *restrict q, float d, float m, float *restrict out)
{
    for (size_t i = 0; i < 32; i++)
        out[i] = d * (float)q[i] + m;
}

INLINE void lowered(const uint8_t *restrict q, size_t n, float d, float m, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = d * (float)q[i] - m;
}

#define EACH_BYTE(x) (0x0101010101010101u * (uint64_t)(x))

/* Bits of 32 bytes, eight bytes at a time: out = q >> shift & mask. */
INLINE void bits(const uint8_t *q, size_t shift, uint64_t mask, uint8_t *out)
{
    for (size_t i = 0; i < 32; i += 8) {
        uint64_t x;
        memcpy(&x, q + i, sizeof x);
        x = x >> shift & mask;
        memcpy(out + i, &x, sizeof x);
    }
}

/* out |= (q >> shift & mask) << up */
INLINE void high_bits(const uint8_t *q, size_t shift, uint64_t mask, size_t up, uint8_t *out)
{
    for (size_t i = 0; i < 32; i += 8) {
        uint64_t x, low;
        memcpy(&x, q + i, sizeof x);
        memcpy(&low, out + i, sizeof low);
        low |= (x >> shift & mask) << up;
        memcpy(out + i, &low, sizeof low);
    }
}

/* 16 bytes: the low halves, then the high ones. */
INLINE void nibbles(const uint8_t *q, uint8_t *out)
{
    for (size_t i = 0; i < 16; i += 8) {
        uint64_t x, low, up;
        memcpy(&x, q + i, sizeof x);
        low = x & EACH_BYTE(15);
        up = x >> 4 & EACH_BYTE(15);
        memcpy(out + i, &low, sizeof low);
        memcpy(out + 16 + i, &up, sizeof up);
    }
}

/* The same with a fifth bit each, those of the 4 bytes of high in order: eight copies of a byte, each with another of its
 * bits (the least in the first), which a sum carries into the byte's highest bit. */
INLINE void fives(const uint8_t *q, const uint8_t *high, uint8_t *out)
{
    nibbles(q, out);
    for (size_t i = 0; i < 4; i++) {
        uint64_t x, bit = EACH_BYTE(high[i]) & 0x8040201008040201u;
        memcpy(&x, out + 8 * i, sizeof x);
        bit = ((bit & EACH_BYTE(127)) + EACH_BYTE(127)) | bit;
        x |= bit >> 3 & EACH_BYTE(16);
        memcpy(out + 8 * i, &x, sizeof x);
    }
}

void quant_q4_0(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 18) {
        uint8_t q[32];
        nibbles(b + 2, q);
        scaled(q, 32, half_at(b), 8, to + i);
    }
}

void quant_q4_1(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 20) {
        uint8_t q[32];
        nibbles(b + 4, q);
        raised(q, half_at(b), half_at(b + 2), to + i);
    }
}

void quant_q5_0(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 22) {
        uint8_t q[32];
        fives(b + 6, b + 2, q);
        scaled(q, 32, half_at(b), 16, to + i);
    }
}

void quant_q5_1(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 24) {
        uint8_t q[32];
        fives(b + 8, b + 4, q);
        raised(q, half_at(b), half_at(b + 2), to + i);
    }
}

void quant_q8_0(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 32, b += 34)
        scaled_bytes((const int8_t *)b + 2, half_at(b), to + i);
}

void quant_q2_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 84) {
        float d = half_at(b + 80), m = half_at(b + 82);
        for (size_t j = 0; j < 8; j++) { /* 32 values */
            const uint8_t *s = b + 2 * j;
            uint8_t q[32];
            bits(b + 16 + j / 4 * 32, j % 4 * 2, EACH_BYTE(3), q);
            for (size_t k = 0; k < 2; k++)
                lowered(q + 16 * k, 16, d * (float)(s[k] & 15), m * (float)(s[k] >> 4), to + i + 32 * j + 16 * k);
        }
    }
}

/* Scale i of 16: 4 bits from the first 8 of 12 bytes, 2 from the last 4. */
void quant_scales3(const uint8_t *block, float d[16])
{
    const uint8_t *s = block + 96;
    float all = half_at(block + 108);
    for (size_t i = 0; i < 16; i++) {
        int low = s[i % 8] >> (i / 8 * 4) & 15, high = s[8 + i % 4] >> (i / 4 * 2) & 3;
        d[i] = all * (float)((low | high << 4) - 32);
    }
}

void quant_q3_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 110) {
        float d[16];
        quant_scales3(b, d);
        for (size_t j = 0; j < 8; j++) {
            uint8_t q[32];
            bits(b + 32 + j / 4 * 32, j % 4 * 2, EACH_BYTE(3), q);
            high_bits(b, j, EACH_BYTE(1), 2, q);
            for (size_t k = 0; k < 2; k++)
                scaled(q + 16 * k, 16, d[2 * j + k], 4, to + i + 32 * j + 16 * k);
        }
    }
}

/* 6 bits each of 12 bytes; of scales 5 .. 8 the upper 2 lie above those of 1 .. 4. */
void quant_scales4(const uint8_t *block, float d[8], float m[8])
{
    const uint8_t *s = block + 4;
    float scale = half_at(block), least = half_at(block + 2);
    for (size_t i = 0; i < 4; i++) {
        d[i] = scale * (float)(s[i] & 63);
        m[i] = least * (float)(s[i + 4] & 63);
        d[i + 4] = scale * (float)((s[i + 8] & 15) | s[i] >> 6 << 4);
        m[i + 4] = least * (float)(s[i + 8] >> 4 | s[i + 4] >> 6 << 4);
    }
}

void quant_q4_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 144) {
        float d[8], m[8];
        quant_scales4(b, d, m);
        for (size_t j = 0; j < 8; j++) {
            uint8_t q[32];
            bits(b + 16 + j / 2 * 32, j % 2 * 4, EACH_BYTE(15), q);
            lowered(q, 32, d[j], m[j], to + i + 32 * j);
        }
    }
}

void quant_q5_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 176) {
        float d[8], m[8];
        quant_scales4(b, d, m);
        for (size_t j = 0; j < 8; j++) {
            uint8_t q[32];
            bits(b + 48 + j / 2 * 32, j % 2 * 4, EACH_BYTE(15), q);
            high_bits(b + 16, j, EACH_BYTE(1), 4, q);
            lowered(q, 32, d[j], m[j], to + i + 32 * j);
        }
    }
}

void quant_q6_k(const void *from, size_t n, float *to)
{
    const uint8_t *b = from;
    for (size_t i = 0; i < n; i += 256, b += 210) {
        float d = half_at(b + 208);
        for (size_t j = 0; j < 8; j++) { /* of a half of 128: low nibbles of 64 bytes, then the high ones */
            const int8_t *s = (const int8_t *)b + 192 + 2 * j;
            uint8_t q[32];
            bits(b + j / 4 * 64 + j % 2 * 32, j % 4 / 2 * 4, EACH_BYTE(15), q);
            high_bits(b + 128 + j / 4 * 32, j % 4 * 2, EACH_BYTE(3), 4, q);
            for (size_t k = 0; k < 2; k++)
                scaled(q + 16 * k, 16, d * (float)s[k], 32, to + i + 32 * j + 16 * k);
        }
    }
}

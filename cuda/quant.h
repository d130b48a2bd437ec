/* Quantised weights on the device: 32 values in a row, from the planes of cuda/layout.h.
 *
 * A value is d q - m, of which each 16 share d and m, and q is a byte: signed of CUDA_Q8_0, otherwise unsigned.
 * model/quant.h says what the bits mean. */
#ifndef CUDA_QUANT_H
#define CUDA_QUANT_H

#include "cuda/values.h"

struct quant32 {
    uint32_t q[8]; /* four a word, the first in the low byte */
    float d[2], m[2];
};

/* Bytes of a plane of n blocks. */
CUDA_INLINE uint32_t quant_plane(uint32_t n, uint32_t bytes)
{
    return (n * bytes + 15u) / 16u * 16u;
}

/* Values of a block, and bytes of each of its planes, the first in the low byte (as cuda/layout.c has them). */
CUDA_INLINE uint32_t quant_block(uint32_t type)
{
    return type >= CUDA_Q2_K ? 256 : 32;
}

CUDA_INLINE uint32_t quant_planes(uint32_t type)
{
    switch (type) {
    case CUDA_Q8_0: return 0x0220u;
    case CUDA_Q4_0: return 0x0210u;
    case CUDA_Q4_1: return 0x0410u;
    case CUDA_Q5_0: return 0x020410u;
    case CUDA_Q5_1: return 0x040410u;
    case CUDA_Q2_K: return 0x041040u;
    case CUDA_Q3_K: return 0x020c2040u;
    case CUDA_Q4_K: return 0x040c80u;
    case CUDA_Q5_K: return 0x040c2080u;
    default: return 0x02104080u;
    }
}

/* Bytes of a piece: CUDA_QUANT_PIECE groups of 32 values, as a row by itself. */
CUDA_INLINE uint32_t quant_piece_bytes(uint32_t type)
{
    uint32_t planes = quant_planes(type), blocks = CUDA_QUANT_PIECE * 32 / quant_block(type), bytes = 0;
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        bytes += quant_plane(blocks, planes >> 8 * i & 0xffu);
    return bytes;
}

#define QUANT_MOST (32u * CUDA_QUANT_PIECE) /* bytes of a piece's plane at most: those of CUDA_Q8_0 */

/* Asks, by a warp, for the piece of a row of k values that begins with group `from`, a multiple of CUDA_QUANT_PIECE;
 * without what is beyond the row's end.  Blocks of a piece are so many that its planes come in whole sixteens of bytes,
 * or are eight. */
CUDA_INLINE void quant_ask(uint32_t type, const uint8_t *row, uint32_t k, uint32_t from, uint8_t *to)
{
    uint32_t planes = quant_planes(type), lane = threadIdx.x % CUDA_WARP, n = k / quant_block(type);
    uint32_t blocks = CUDA_QUANT_PIECE * 32 / quant_block(type), first = from * 32 / quant_block(type);
    uint32_t here = n - first < blocks ? n - first : blocks;
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t each = planes >> 8 * i & 0xffu, bytes = here * each;
        const uint8_t *plane = row + first * each;
        if (blocks * each == 8 && lane == 0)
            cuda_copy8(to, plane);
        CUDA_UNROLL
        for (uint32_t at = 16 * lane; at < QUANT_MOST; at += 16 * CUDA_WARP)
            if (blocks * each > 8 && at < bytes)
                cuda_copy16(to + at, plane + at);
        row += quant_plane(n, each);
        to += quant_plane(blocks, each);
    }
}

CUDA_INLINE void quant_words4(const uint8_t *p, uint32_t out[4])
{
    uint4 w = *(const uint4 *)p;
    out[0] = w.x;
    out[1] = w.y;
    out[2] = w.z;
    out[3] = w.w;
}

/* 16 bytes as 32 nibbles: the low ones, then the high ones. */
CUDA_INLINE void quant_nibbles(const uint8_t *p, uint32_t q[8])
{
    quant_words4(p, q);
    CUDA_UNROLL
    for (int i = 0; i < 4; i++) {
        q[4 + i] = q[i] >> 4 & 0x0f0f0f0fu;
        q[i] &= 0x0f0f0f0fu;
    }
}

/* Bits of 32 bytes: q = byte >> shift & mask. */
CUDA_INLINE void quant_bits(const uint8_t *p, uint32_t shift, uint32_t mask, uint32_t q[8])
{
    quant_words4(p, q);
    quant_words4(p + 16, q + 4);
    CUDA_UNROLL
    for (int i = 0; i < 8; i++)
        q[i] = q[i] >> shift & mask;
}

/* q |= (byte >> shift & mask) << up */
CUDA_INLINE void quant_high(const uint8_t *p, uint32_t shift, uint32_t mask, uint32_t up, uint32_t q[8])
{
    uint32_t h[8];
    quant_bits(p, shift, mask, h);
    CUDA_UNROLL
    for (int i = 0; i < 8; i++)
        q[i] |= h[i] << up;
}

/* A fifth bit each from 32 bits. */
CUDA_INLINE void quant_fifth(uint32_t bits, uint32_t q[8])
{
    CUDA_UNROLL
    for (int i = 0; i < 8; i++) {
        uint32_t four = bits >> 4 * i & 15u;
        q[i] |= (four * 0x00204081u & 0x01010101u) << 4;
    }
}

CUDA_INLINE float quant_half(const uint8_t *p)
{
    return cuda_from_f16(*(const uint16_t *)p);
}

CUDA_INLINE void quant_same(struct quant32 *g, float d, float m)
{
    g->d[0] = g->d[1] = d;
    g->m[0] = g->m[1] = m;
}

/* Scale and minimum of group j of 8, 6 bits each of 12 bytes. */
CUDA_INLINE void quant_sixes(const uint8_t *s, const uint8_t *dm, uint32_t j, struct quant32 *g)
{
    uint32_t scale, least;
    if (j < 4) {
        scale = s[j] & 63u;
        least = s[j + 4] & 63u;
    } else {
        scale = (s[j + 4] & 15u) | (uint32_t)(s[j - 4] >> 6) << 4;
        least = (uint32_t)(s[j + 4] >> 4) | (uint32_t)(s[j] >> 6) << 4;
    }
    quant_same(g, quant_half(dm) * (float)scale, quant_half(dm + 2) * (float)least);
}

/* Types of blocks of 32; n blocks in the row. */
CUDA_INLINE void quant_small(uint32_t type, const uint8_t *row, uint32_t n, uint32_t i, struct quant32 *g)
{
    const uint8_t *next = row + quant_plane(n, type == CUDA_Q8_0 ? 32 : 16);
    if (type == CUDA_Q8_0) {
        quant_words4(row + 32 * i, g->q);
        quant_words4(row + 32 * i + 16, g->q + 4);
        quant_same(g, quant_half(next + 2 * i), 0.0f);
        return;
    }
    quant_nibbles(row + 16 * i, g->q);
    if (type == CUDA_Q5_0 || type == CUDA_Q5_1) {
        quant_fifth(*(const uint32_t *)(next + 4 * i), g->q);
        next += quant_plane(n, 4);
    }
    if (type == CUDA_Q4_0 || type == CUDA_Q5_0) {
        float d = quant_half(next + 2 * i);
        quant_same(g, d, d * (type == CUDA_Q4_0 ? 8.0f : 16.0f));
    } else {
        quant_same(g, quant_half(next + 4 * i), -quant_half(next + 4 * i + 2));
    }
}

/* Scale j of 16 of a q3_K block, less 32: 4 bits of the first 8 of 12 bytes, 2 of the last 4. */
CUDA_INLINE float quant_scale3(const uint8_t *s, uint32_t j)
{
    uint32_t low = s[j % 8] >> j / 8 * 4 & 15u, high = s[8 + j % 4] >> j / 4 * 2 & 3u;
    return (float)(int)(low | high << 4) - 32.0f;
}

CUDA_INLINE void quant_q2(const uint8_t *row, uint32_t n, uint32_t block, uint32_t j, struct quant32 *g)
{
    const uint8_t *s = row + quant_plane(n, 64), *dm = s + quant_plane(n, 16) + 4 * block;
    float d = quant_half(dm), m = quant_half(dm + 2);
    quant_bits(row + 64 * block + j / 4 * 32, j % 4 * 2, 0x03030303u, g->q);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t both = s[16 * block + 2 * j + i];
        g->d[i] = d * (float)(both & 15u);
        g->m[i] = m * (float)(both >> 4);
    }
}

CUDA_INLINE void quant_q3(const uint8_t *row, uint32_t n, uint32_t block, uint32_t j, struct quant32 *g)
{
    const uint8_t *high = row + quant_plane(n, 64), *s = high + quant_plane(n, 32), *d = s + quant_plane(n, 12);
    float all = quant_half(d + 2 * block);
    quant_bits(row + 64 * block + j / 4 * 32, j % 4 * 2, 0x03030303u, g->q);
    quant_high(high + 32 * block, j, 0x01010101u, 2, g->q);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        g->d[i] = all * quant_scale3(s + 12 * block, 2 * j + i);
        g->m[i] = 4.0f * g->d[i];
    }
}

CUDA_INLINE void quant_q4(const uint8_t *row, uint32_t n, uint32_t block, uint32_t j, struct quant32 *g)
{
    const uint8_t *s = row + 128 * n, *dm = s + quant_plane(n, 12);
    quant_bits(row + 128 * block + j / 2 * 32, j % 2 * 4, 0x0f0f0f0fu, g->q);
    quant_sixes(s + 12 * block, dm + 4 * block, j, g);
}

CUDA_INLINE void quant_q5(const uint8_t *row, uint32_t n, uint32_t block, uint32_t j, struct quant32 *g)
{
    const uint8_t *high = row + 128 * n, *s = high + 32 * n, *dm = s + quant_plane(n, 12);
    quant_bits(row + 128 * block + j / 2 * 32, j % 2 * 4, 0x0f0f0f0fu, g->q);
    quant_high(high + 32 * block, j, 0x01010101u, 4, g->q);
    quant_sixes(s + 12 * block, dm + 4 * block, j, g);
}

CUDA_INLINE void quant_q6(const uint8_t *row, uint32_t n, uint32_t block, uint32_t j, struct quant32 *g)
{
    const uint8_t *high = row + 128 * n, *s = high + 64 * n, *d = s + 16 * n;
    float all = quant_half(d + 2 * block);
    quant_bits(row + 128 * block + j / 4 * 64 + j % 2 * 32, j % 4 / 2 * 4, 0x0f0f0f0fu, g->q);
    quant_high(high + 64 * block + j / 4 * 32, j % 4 * 2, 0x03030303u, 4, g->q);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        g->d[i] = all * (float)(int8_t)s[16 * block + 2 * j + i];
        g->m[i] = 32.0f * g->d[i];
    }
}

/* Values [32 i, 32 i + 32) of a row of k. */
CUDA_INLINE void quant_read(uint32_t type, const uint8_t *row, uint32_t k, uint32_t i, struct quant32 *g)
{
    uint32_t n = k / 256, block = i / 8, j = i % 8;
    switch (type) {
    case CUDA_Q2_K: quant_q2(row, n, block, j, g); break;
    case CUDA_Q3_K: quant_q3(row, n, block, j, g); break;
    case CUDA_Q4_K: quant_q4(row, n, block, j, g); break;
    case CUDA_Q5_K: quant_q5(row, n, block, j, g); break;
    case CUDA_Q6_K: quant_q6(row, n, block, j, g); break;
    default: quant_small(type, row, k / 32, i, g); break;
    }
}

/* Value i of them; i is a constant of an unrolled loop. */
CUDA_INLINE float quant_value(uint32_t type, const struct quant32 *g, uint32_t i)
{
    uint32_t byte = g->q[i / 4] >> 8 * (i % 4) & 0xffu;
    float q = type == CUDA_Q8_0 ? (float)(int8_t)byte : (float)byte;
    return cuda_fma(g->d[i / 16], q, -g->m[i / 16]);
}

#endif

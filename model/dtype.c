#include "model/dtype.h"
#include "model/quant.h"
#include <assert.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights are mapped as they are stored: little-endian");

static float bits_f32(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float dtype_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 0x1fu, fraction = h & 0x3ffu;
    if (exponent == 0x1f)
        return bits_f32(sign | 0x7f800000u | fraction << 13);
    if (exponent > 0)
        return bits_f32(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float x = (float)fraction * 0x1p-24f; /* subnormal */
    return sign ? -x : x;
}

static void f32_to_f32(const void *from, size_t n, float *to)
{
    memcpy(to, from, n * sizeof *to);
}

static void f16_to_f32(const void *from, size_t n, float *to)
{
    const uint16_t *h = from;
    for (size_t i = 0; i < n; i++)
        to[i] = dtype_from_f16(h[i]);
}

static void bf16_to_f32(const void *from, size_t n, float *to)
{
    const uint16_t *h = from;
    for (size_t i = 0; i < n; i++)
        to[i] = bits_f32((uint32_t)h[i] << 16);
}

static const struct {
    const char *name;
    size_t block, block_bytes, align;
    void (*to_f32)(const void *from, size_t n, float *to);
    int scale[2]; /* where in a block its float16 scales are, + 1; 0: none */
} types[DTYPE_COUNT] = {
    [DTYPE_F32] = { "f32", 1, 4, 4, f32_to_f32, { 0 } },
    [DTYPE_F16] = { "f16", 1, 2, 2, f16_to_f32, { 0 } },
    [DTYPE_BF16] = { "bf16", 1, 2, 2, bf16_to_f32, { 0 } },
    [DTYPE_Q8_0] = { "q8_0", QUANT_BLOCK, 34, 2, quant_q8_0, { 1 } },
    [DTYPE_Q4_0] = { "q4_0", QUANT_BLOCK, 18, 2, quant_q4_0, { 1 } },
    [DTYPE_Q4_1] = { "q4_1", QUANT_BLOCK, 20, 2, quant_q4_1, { 1, 3 } },
    [DTYPE_Q5_0] = { "q5_0", QUANT_BLOCK, 22, 2, quant_q5_0, { 1 } },
    [DTYPE_Q5_1] = { "q5_1", QUANT_BLOCK, 24, 2, quant_q5_1, { 1, 3 } },
    [DTYPE_Q2_K] = { "q2_k", QUANT_SUPER, 84, 2, quant_q2_k, { 81, 83 } },
    [DTYPE_Q3_K] = { "q3_k", QUANT_SUPER, 110, 2, quant_q3_k, { 109 } },
    [DTYPE_Q4_K] = { "q4_k", QUANT_SUPER, 144, 2, quant_q4_k, { 1, 3 } },
    [DTYPE_Q5_K] = { "q5_k", QUANT_SUPER, 176, 2, quant_q5_k, { 1, 3 } },
    [DTYPE_Q6_K] = { "q6_k", QUANT_SUPER, 210, 2, quant_q6_k, { 209 } },
};

const char *dtype_name(enum dtype t)
{
    return types[t].name;
}

size_t dtype_block(enum dtype t)
{
    return types[t].block;
}

size_t dtype_block_bytes(enum dtype t)
{
    return types[t].block_bytes;
}

size_t dtype_align(enum dtype t)
{
    return types[t].align;
}

int dtype_scale_at(enum dtype t, size_t i)
{
    return i < sizeof types[t].scale / sizeof *types[t].scale ? types[t].scale[i] - 1 : -1;
}

size_t dtype_row_bytes(enum dtype t, size_t n)
{
    assert(n % types[t].block == 0);
    return n / types[t].block * types[t].block_bytes;
}

void dtype_to_f32(enum dtype t, const void *from, size_t n, float *to)
{
    assert(n % types[t].block == 0 && (uintptr_t)from % types[t].align == 0);
    types[t].to_f32(from, n, to);
}

#include "model/dtype.h"
#include <assert.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights are mapped as they are stored: little-endian");

static float bits_f32(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float f16_value(uint16_t h)
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
        to[i] = f16_value(h[i]);
}

static void bf16_to_f32(const void *from, size_t n, float *to)
{
    const uint16_t *h = from;
    for (size_t i = 0; i < n; i++)
        to[i] = bits_f32((uint32_t)h[i] << 16);
}

static void q8_0_to_f32(const void *from, size_t n, float *to)
{
    const uint8_t *block = from;
    for (size_t i = 0; i < n; i += DTYPE_Q8_0_BLOCK, block += 2 + DTYPE_Q8_0_BLOCK) {
        uint16_t scale;
        memcpy(&scale, block, sizeof scale);
        for (size_t k = 0; k < DTYPE_Q8_0_BLOCK; k++)
            to[i + k] = f16_value(scale) * (float)(int8_t)block[2 + k];
    }
}

static const struct {
    const char *name;
    size_t block, block_bytes, align;
    void (*to_f32)(const void *from, size_t n, float *to);
} types[] = {
    [DTYPE_F32] = { "f32", 1, 4, 4, f32_to_f32 },
    [DTYPE_F16] = { "f16", 1, 2, 2, f16_to_f32 },
    [DTYPE_BF16] = { "bf16", 1, 2, 2, bf16_to_f32 },
    [DTYPE_Q8_0] = { "q8_0", DTYPE_Q8_0_BLOCK, 2 + DTYPE_Q8_0_BLOCK, 2, q8_0_to_f32 },
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

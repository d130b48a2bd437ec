#include "model/quant_pack.h"
#include "model/kernel.h"
#include "model/quant.h"
#include <assert.h>
#include <math.h>
#include <string.h>

uint16_t quant_to_f16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (size >= 0x477ff000u) /* 65520: half way to what would be the next */
        return (uint16_t)(sign | 0x7c00u);
    if (size < 0x38800000u) { /* below 2^-14: multiples of 2^-24, which rintf() makes */
        float tiny;
        memcpy(&tiny, &size, sizeof tiny);
        return (uint16_t)(sign | (uint32_t)rintf(tiny * 0x1p24f));
    }
    uint32_t rounded = size + 0xfffu + (size >> 13 & 1u);
    return (uint16_t)(sign | ((rounded >> 13) - (112u << 10)));
}

static bool pack_f32(const float *x, size_t n, void *to)
{
    memcpy(to, x, n * sizeof *x);
    return true;
}

static bool pack_f16(const float *x, size_t n, void *to)
{
    uint16_t *half = to;
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        half[i] = quant_to_f16(x[i]);
        fits = fits && (half[i] & 0x7fffu) < 0x7c00u;
    }
    return fits;
}

static bool pack_bf16(const float *x, size_t n, void *to)
{
    uint16_t *half = to;
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        half[i] = kernel_to_bf16(x[i]);
        fits = fits && (half[i] & 0x7fffu) < 0x7f80u;
    }
    return fits;
}

static bool pack_q8_0(const float *x, size_t n, void *to)
{
    uint8_t *block = to;
    bool fits = true;
    for (size_t i = 0; i < n; i += QUANT_BLOCK, block += 2 + QUANT_BLOCK) {
        float largest = 0;
        for (size_t k = 0; k < QUANT_BLOCK; k++)
            largest = fmaxf(largest, fabsf(x[i + k]));
        float d = largest / 127, inverse = isfinite(1 / d) ? 1 / d : 0; /* d is 0 in float16 long before */
        uint16_t scale = quant_to_f16(d);
        fits = fits && scale < 0x7c00u;
        memcpy(block, &scale, sizeof scale);
        for (size_t k = 0; k < QUANT_BLOCK && fits; k++)
            block[2 + k] = (uint8_t)(int8_t)roundf(x[i + k] * inverse);
    }
    return fits;
}

static bool pack_q4_k(const float *x, size_t n, void *to)
{
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > 1e6f) /* the largest minimum that d and m hold is 63 * 65504; sums of squares stay finite */
            return false;
    quant_pack_q4_k(x, n, to);
    return true;
}

static bool (*const packs[DTYPE_COUNT])(const float *x, size_t n, void *to) = {
    [DTYPE_F32] = pack_f32,   [DTYPE_F16] = pack_f16,   [DTYPE_BF16] = pack_bf16,
    [DTYPE_Q8_0] = pack_q8_0, [DTYPE_Q4_K] = pack_q4_k,
};

bool quant_pack_has(enum dtype t)
{
    return packs[t] != NULL;
}

bool quant_pack(enum dtype t, const float *x, size_t n, void *to)
{
    assert(packs[t] && n % dtype_block(t) == 0);
    return packs[t](x, n, to);
}

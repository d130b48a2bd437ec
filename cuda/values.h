/* Values of activations and of weights without blocks, as kernels read and write them. */
#ifndef CUDA_VALUES_H
#define CUDA_VALUES_H

#include "cuda/kernels.h"

/* Of a row of `type`, which is CUDA_F32, CUDA_F16 or CUDA_BF16. */
CUDA_INLINE float cuda_load(uint32_t type, const void *row, size_t i)
{
    if (type == CUDA_F32)
        return ((const float *)row)[i];
    uint16_t h = ((const uint16_t *)row)[i];
    return type == CUDA_BF16 ? cuda_from_bf16(h) : cuda_from_f16(h);
}

CUDA_INLINE void cuda_store(uint32_t type, void *row, size_t i, float x)
{
    if (type == CUDA_F32)
        ((float *)row)[i] = x;
    else
        ((uint16_t *)row)[i] = type == CUDA_BF16 ? cuda_to_bf16(x) : cuda_to_f16(x);
}

/* Four at once, i a multiple of 4 and the row at a multiple of 16 bytes. */
CUDA_INLINE void cuda_store4(uint32_t type, void *row, size_t i, float4 x)
{
    if (type == CUDA_F32) {
        *(float4 *)((float *)row + i) = x;
        return;
    }
    uint2 h;
    if (type == CUDA_BF16) {
        h.x = cuda_to_bf16x2(x.x, x.y);
        h.y = cuda_to_bf16x2(x.z, x.w);
    } else {
        h.x = (uint32_t)cuda_to_f16(x.x) | (uint32_t)cuda_to_f16(x.y) << 16;
        h.y = (uint32_t)cuda_to_f16(x.z) | (uint32_t)cuda_to_f16(x.w) << 16;
    }
    *(uint2 *)((uint16_t *)row + i) = h;
}

/* Eight values of a row as memory has them, at a multiple of 16 bytes; high: of CUDA_F32 alone. */
struct cuda_eight {
    uint4 low, high;
};

CUDA_INLINE void cuda_pair(uint32_t type, uint32_t pair, float *v)
{
    v[0] = type == CUDA_BF16 ? cuda_low_bf16(pair) : cuda_from_f16((uint16_t)(pair & 0xffffu));
    v[1] = type == CUDA_BF16 ? cuda_high_bf16(pair) : cuda_from_f16((uint16_t)(pair >> 16));
}

CUDA_INLINE void cuda_eight_values(uint32_t type, const struct cuda_eight *x, float v[8])
{
    if (type != CUDA_F32) {
        cuda_pair(type, x->low.x, v);
        cuda_pair(type, x->low.y, v + 2);
        cuda_pair(type, x->low.z, v + 4);
        cuda_pair(type, x->low.w, v + 6);
        return;
    }
    v[0] = __uint_as_float(x->low.x);
    v[1] = __uint_as_float(x->low.y);
    v[2] = __uint_as_float(x->low.z);
    v[3] = __uint_as_float(x->low.w);
    v[4] = __uint_as_float(x->high.x);
    v[5] = __uint_as_float(x->high.y);
    v[6] = __uint_as_float(x->high.z);
    v[7] = __uint_as_float(x->high.w);
}

/* enum cuda_activation */
CUDA_INLINE float cuda_activated(uint32_t kind, float x)
{
    if (kind == CUDA_SILU)
        return x / (1.0f + __expf(-x));
    if (kind == CUDA_GELU_TANH)
        return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    return 0.5f * x * erfcf(-x * 0.70710678118654752f);
}

#endif

/* Keys and values as attention reads them from a page, whatever they are kept in. */
#ifndef CUDA_ATTEND_PAGE_H
#define CUDA_ATTEND_PAGE_H

#include "cuda/values.h"

/* Eight values of a position as they lie in a page; of CUDA_KV_Q8 a byte each, with a scale. */
struct attend_page_eight {
    struct cuda_eight raw;
    float scale;
};

CUDA_INLINE void attend_page_read(uint32_t kv, const char *block, uint32_t dim, uint32_t at, uint32_t d,
                                  struct attend_page_eight *x)
{
    if (kv == CUDA_KV_F32) {
        const uint4 *p = (const uint4 *)(block + ((size_t)at * dim + d) * 4);
        x->raw.low = p[0];
        x->raw.high = p[1];
    } else if (kv == CUDA_KV_BF16) {
        x->raw.low = *(const uint4 *)(block + ((size_t)at * dim + d) * 2);
    } else {
        uint2 p = *(const uint2 *)(block + (size_t)at * dim + d);
        x->raw.low.x = p.x;
        x->raw.low.y = p.y;
        x->scale = *(const float *)(block + (size_t)CUDA_PAGE * dim + 4 * at);
    }
}

CUDA_INLINE void attend_page_none(struct attend_page_eight *x)
{
    x->raw.low.x = x->raw.low.y = x->raw.low.z = x->raw.low.w = 0;
    x->raw.high = x->raw.low;
    x->scale = 0.0f;
}

CUDA_INLINE float attend_page_byte(uint32_t word, uint32_t i)
{
    return (float)(int8_t)(word >> 8 * i & 0xffu);
}

/* Of CUDA_KV_Q8 without the scale. */
CUDA_INLINE void attend_page_values(uint32_t kv, const struct attend_page_eight *x, float v[8])
{
    if (kv != CUDA_KV_Q8) {
        cuda_eight_values(kv == CUDA_KV_F32 ? CUDA_F32 : CUDA_BF16, &x->raw, v);
        return;
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        v[i] = attend_page_byte(x->raw.low.x, i);
        v[4 + i] = attend_page_byte(x->raw.low.y, i);
    }
}

#endif

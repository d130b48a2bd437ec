/* Rows of weights as values: the embedding of tokens, and tiles of matrices for products of many rows; and the device's
 * own layout. */
#include "cuda/quant.h"

#define EMBED_THREADS 256

/* Values [32 i, 32 i + 32) of a row of k; beyond its end 0. */
CUDA_INLINE void read32(uint32_t type, const uint8_t *row, uint32_t k, uint32_t i, float v[32])
{
    struct quant32 g;
    if (type <= CUDA_BF16) {
        CUDA_UNROLL
        for (uint32_t j = 0; j < 32; j++)
            v[j] = 32 * i + j < k ? cuda_load(type, row, 32 * i + j) : 0.0f;
        return;
    }
    quant_read(type, row, k, i, &g);
    CUDA_UNROLL
    for (uint32_t j = 0; j < 32; j++)
        v[j] = quant_value(type, &g, j);
}

CUDA_INLINE const uint8_t *row_of(struct cuda_matrix w, size_t row)
{
    return (const uint8_t *)w.data + row * w.row_bytes;
}

/* x = base + scale * row; base, which may be x, NULL: nothing. */
CUDA_INLINE void take_row(struct cuda_matrix w, size_t row, float scale, const float *base, float *x)
{
    const uint8_t *from = row_of(w, row);
    if (w.type <= CUDA_BF16) {
        for (uint32_t i = threadIdx.x; i < w.k; i += blockDim.x) {
            float v = cuda_load(w.type, from, i) * scale;
            x[i] = base ? base[i] + v : v;
        }
        return;
    }
    CUDA_ONCE
    for (uint32_t i = threadIdx.x; 32 * i < w.k; i += blockDim.x) {
        float v[32];
        read32(w.type, from, w.k, i, v);
        CUDA_UNROLL
        for (uint32_t j = 0; j < 32; j++)
            if (32 * i + j < w.k)
                x[32 * i + j] = base ? base[32 * i + j] + v[j] * scale : v[j] * scale;
    }
}

CUDA_KERNEL(cuda_embed, cuda_embed_args, EMBED_THREADS)
{
    cuda_let_next();
    cuda_wait_before();
    struct cuda_token t = a.tokens[blockIdx.x];
    float *x = a.x + (size_t)blockIdx.x * a.stride;
    CUDA_ONCE
    for (uint32_t i = 0; i < (a.positions.data ? 2 : 1); i++) {
        take_row(i > 0 ? a.positions : a.embedding, i > 0 ? t.position : t.symbol,
                 i > 0 || !(a.scale > 0) ? 1.0f : a.scale, i > 0 ? x : NULL, x);
        __syncthreads(); /* a thread takes other values of a row with blocks than of one without */
    }
}

CUDA_KERNEL(cuda_dequantise, cuda_dequantise_args, 128)
{
    cuda_let_next();
    cuda_wait_before();
    uint32_t n = (a.w.k + 31) / 32;
    size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x, row = i / n, at = 32 * (i % n);
    if (row >= a.n)
        return;
    float v[32];
    read32(a.w.type, row_of(a.w, a.from + row), a.w.k, (uint32_t)(i % n), v);
    uint8_t *out = (uint8_t *)a.out + row * a.stride * (a.type == CUDA_F32 ? 4 : 2);
    CUDA_UNROLL
    for (uint32_t j = 0; j < 32; j += 4) {
        float4 four = { v[j], v[j + 1], v[j + 2], v[j + 3] };
        if (at + j + 4 <= a.w.k && a.stride % 4 == 0)
            cuda_store4(a.type, out, at + j, four);
        else
            for (uint32_t d = 0; d < 4 && at + j + d < a.w.k; d++)
                cuda_store(a.type, out, at + j + d, d == 0 ? four.x : d == 1 ? four.y : d == 2 ? four.z : four.w);
    }
}

/* A block a row; pads of planes are zero. */
CUDA_KERNEL(cuda_repack, cuda_repack_args, 256)
{
    cuda_let_next();
    cuda_wait_before();
    const uint8_t *from = (const uint8_t *)a.from + blockIdx.x * a.from_bytes;
    uint8_t *to = (uint8_t *)a.to + blockIdx.x * a.to_bytes;
    for (uint32_t p = 0; p < a.n_planes; p++) {
        uint32_t n = a.n_blocks * a.bytes[p], all = (n + 15) / 16 * 16;
        for (uint32_t i = threadIdx.x; i < all; i += blockDim.x)
            to[i] = i < n ? from[(size_t)(i / a.bytes[p]) * a.block_bytes + a.at[p] + i % a.bytes[p]] : 0;
        to += all;
    }
}

CUDA_KERNEL(cuda_convert, cuda_convert_args, 256)
{
    cuda_let_next();
    cuda_wait_before();
    const float *x = a.x + (size_t)blockIdx.x * a.stride;
    uint8_t *out = (uint8_t *)a.out + (size_t)blockIdx.x * a.out_stride * (a.type == CUDA_F32 ? 4 : 2);
    for (uint32_t i = 4 * threadIdx.x; i + 3 < a.width; i += 4 * blockDim.x)
        cuda_store4(a.type, out, i, *(const float4 *)(x + i));
    for (uint32_t i = a.width / 4 * 4 + threadIdx.x; i < a.width; i += blockDim.x)
        cuda_store(a.type, out, i, x[i]);
}

/* What products of few rows share, whatever the weights' type: the norm before them and what becomes of their sums. */
#ifndef CUDA_PRODUCT_H
#define CUDA_PRODUCT_H

#include "cuda/values.h"

#define PRODUCT_WARPS   8u
#define PRODUCT_THREADS (PRODUCT_WARPS * CUDA_WARP)

CUDA_INLINE uint32_t product_bytes(uint32_t type)
{
    return type == CUDA_F32 ? 4 : 2;
}

/* The rows of weights of a warp: its outputs', then as many of their gates. */
struct product_outputs {
    const char *row[8];
    uint32_t first, n; /* outputs; rows beyond the last are the first again */
};

CUDA_INLINE void product_outputs(const struct cuda_product_args *a, const uint32_t SLOTS, uint32_t gated,
                                 uint32_t expert, struct product_outputs *o)
{
    uint32_t outputs = gated ? SLOTS / 2 : SLOTS;
    o->first = (blockIdx.x * PRODUCT_WARPS + threadIdx.x / CUDA_WARP) * outputs;
    o->n = a->w.n > o->first ? a->w.n - o->first : 0;
    o->n = o->n < outputs ? o->n : outputs;
    CUDA_UNROLL
    for (uint32_t j = 0; j < SLOTS; j++) {
        uint32_t is_gate = gated && j >= SLOTS / 2, own = is_gate ? j - SLOTS / 2 : j;
        size_t at = own < o->n ? o->first + own : 0;
        o->row[j] = is_gate ? (const char *)a->gate.data + expert * a->gate_bytes + at * a->gate.row_bytes
                            : (const char *)a->w.data + expert * a->matrix_bytes + at * a->w.row_bytes;
    }
}

CUDA_INLINE float product_sum(const float *x, uint32_t k, float *part)
{
    float sum = 0.0f;
    for (uint32_t i = threadIdx.x; i < k; i += PRODUCT_THREADS)
        sum += x[i];
    return cuda_block_sum(sum, part);
}

struct product_moments {
    float mean, factor;
};

/* Of a row of float32, for the norm. */
CUDA_INLINE struct product_moments product_moments(const struct cuda_product_args *a, const float *x, float *part)
{
    struct product_moments m;
    uint32_t k = a->w.k;
    float sum = 0.0f;
    m.mean = a->norm.bias ? product_sum(x, k, part) / (float)k : 0.0f;
    for (uint32_t i = threadIdx.x; i < k; i += PRODUCT_THREADS) {
        float y = x[i] - m.mean;
        sum = cuda_fma(y, y, sum);
    }
    m.factor = 1.0f / sqrtf(cuda_block_sum(sum, part) / (float)k + a->eps);
    return m;
}

CUDA_INLINE float product_normed(const struct cuda_product_args *a, struct product_moments m, float x, uint32_t i)
{
    float y = (x - m.mean) * m.factor * a->norm.weight[i];
    return a->norm.bias ? y + a->norm.bias[i] : y;
}

/* Norms n rows into shared memory, in type. */
CUDA_INLINE void product_norm(const struct cuda_product_args *a, uint32_t first, uint32_t n, uint32_t type, char *to,
                              uint64_t step)
{
    CUDA_SHARED float part[PRODUCT_WARPS];
    for (uint32_t r = 0; r < n; r++) {
        const float *x = (const float *)a->x + (size_t)((first + r) / a->per) * a->x_stride;
        struct product_moments m = product_moments(a, x, part);
        for (uint32_t i = threadIdx.x; i < a->w.k; i += PRODUCT_THREADS)
            cuda_store(type, to + r * step, i, product_normed(a, m, x[i], i));
    }
    __syncthreads();
}

/* One finished sum: output j of row i. */
CUDA_INLINE void product_end(const struct cuda_product_args *a, uint32_t i, uint32_t j, float y, float gate)
{
    size_t at = (size_t)i * a->out_stride + j;
    if (a->bias)
        y += a->bias[j];
    if (a->gate.data)
        y *= cuda_activated(a->activation, a->gate_bias ? gate + a->gate_bias[j] : gate);
    if (a->add)
        y += a->add[at];
    if (a->flag && !cuda_finite(y))
        *a->flag = 1;
    cuda_store(a->out_type, a->out, at, y);
}

#endif

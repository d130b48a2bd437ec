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

/* The rows of weights of a unit of work: its outputs', then as many of their gates. */
struct product_outputs {
    const char *row[4];
    uint32_t first, n; /* outputs; rows beyond the last are the first again */
};

/* Units of SLOTS rows of weights. */
CUDA_INLINE uint32_t product_units(const struct cuda_product_args *a, const uint32_t SLOTS, uint32_t gated)
{
    uint32_t outputs = gated ? SLOTS / 2 : SLOTS;
    return (a->w.n + outputs - 1) / outputs;
}

CUDA_INLINE void product_outputs(const struct cuda_product_args *a, const uint32_t SLOTS, uint32_t gated,
                                 uint32_t expert, uint32_t unit, struct product_outputs *o)
{
    uint32_t outputs = gated ? SLOTS / 2 : SLOTS;
    o->first = unit * outputs;
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

struct product_moments {
    float mean, factor;
};

#define PRODUCT_HELD 4u /* of each thread: what of a row it keeps between its sums and its norm, four values each */

CUDA_INLINE float4 product_four(const float *x, uint32_t at, uint32_t k)
{
    float4 v;
    if (at + 4 <= k)
        return *(const float4 *)(x + at);
    v.x = at < k ? x[at] : 0.0f;
    v.y = at + 1 < k ? x[at + 1] : 0.0f;
    v.z = at + 2 < k ? x[at + 2] : 0.0f;
    v.w = 0.0f;
    return v;
}

/* The four values that a thread takes at its i-th turn are those from here on. */
CUDA_INLINE uint32_t product_at(uint32_t i)
{
    return 4 * (i * PRODUCT_THREADS + threadIdx.x);
}

/* Of those below k, the sum of (x - mean)^2. */
CUDA_INLINE float product_squares(float4 v, float mean, uint32_t at, uint32_t k)
{
    float x = v.x - mean, y = v.y - mean, z = v.z - mean, w = v.w - mean;
    if (at + 4 <= k)
        return (x * x + y * y) + (z * z + w * w);
    return (at < k ? x * x : 0.0f) + (at + 1 < k ? y * y : 0.0f) + (at + 2 < k ? z * z : 0.0f);
}

/* Of a row of float32, for the norm; the first of it stays in held. */
CUDA_INLINE struct product_moments product_moments(const struct cuda_product_args *a, const float *x, float *part,
                                                   float4 held[PRODUCT_HELD])
{
    struct product_moments m;
    uint32_t k = a->w.k;
    float sum = 0.0f;
    CUDA_UNROLL
    for (uint32_t i = 0; i < PRODUCT_HELD; i++)
        held[i] = product_four(x, product_at(i), k);
    m.mean = 0.0f;
    if (a->norm.bias) {
        CUDA_UNROLL
        for (uint32_t i = 0; i < PRODUCT_HELD; i++)
            sum += (held[i].x + held[i].y) + (held[i].z + held[i].w);
        for (uint32_t i = PRODUCT_HELD; product_at(i) < k; i++) {
            float4 v = product_four(x, product_at(i), k);
            sum += (v.x + v.y) + (v.z + v.w);
        }
        m.mean = cuda_block_sum(sum, part) / (float)k;
    }
    sum = 0.0f;
    CUDA_UNROLL
    for (uint32_t i = 0; i < PRODUCT_HELD; i++)
        sum += product_squares(held[i], m.mean, product_at(i), k);
    for (uint32_t i = PRODUCT_HELD; product_at(i) < k; i++)
        sum += product_squares(product_four(x, product_at(i), k), m.mean, product_at(i), k);
    m.factor = 1.0f / sqrtf(cuda_block_sum(sum, part) / (float)k + a->eps);
    return m;
}

/* Four values of a row from `at` on, normed with weights w. */
CUDA_INLINE float4 product_normed4(const struct cuda_product_args *a, struct product_moments m, float4 x, float4 w,
                                   uint32_t at)
{
    x.x = (x.x - m.mean) * m.factor * w.x;
    x.y = (x.y - m.mean) * m.factor * w.y;
    x.z = (x.z - m.mean) * m.factor * w.z;
    x.w = (x.w - m.mean) * m.factor * w.w;
    if (a->norm.bias) {
        float4 b = product_four(a->norm.bias, at, a->w.k);
        x.x += b.x;
        x.y += b.y;
        x.z += b.z;
        x.w += b.w;
    }
    return x;
}

/* Asks for the norm's weight and bias, each line by one block, while the kernel in front still computes x. */
CUDA_INLINE void product_norm_ahead(const struct cuda_product_args *a)
{
    for (uint32_t i = threadIdx.x; a->norm.weight; i += PRODUCT_THREADS) {
        size_t at = 32 * ((size_t)i * gridDim.x + blockIdx.x);
        if (at >= a->w.k)
            return;
        cuda_prefetch(a->norm.weight + at);
        if (a->norm.bias)
            cuda_prefetch(a->norm.bias + at);
    }
}

/* Norms n rows into shared memory, in type, each with room for whole eights. */
CUDA_INLINE void product_norm(const struct cuda_product_args *a, uint32_t first, uint32_t n, uint32_t type, char *to)
{
    CUDA_SHARED float part[PRODUCT_WARPS];
    uint32_t k = a->w.k;
    float4 w[PRODUCT_HELD];
    CUDA_UNROLL
    for (uint32_t i = 0; i < PRODUCT_HELD; i++)
        w[i] = product_four(a->norm.weight, product_at(i), k);
    for (uint32_t r = 0; r < n; r++) {
        const float *x = (const float *)a->x + (size_t)((first + r) / a->per) * a->x_stride;
        float4 held[PRODUCT_HELD];
        struct product_moments m = product_moments(a, x, part, held);
        CUDA_UNROLL
        for (uint32_t i = 0; i < PRODUCT_HELD; i++)
            if (product_at(i) < k)
                cuda_store4(type, to, product_at(i), product_normed4(a, m, held[i], w[i], product_at(i)));
        for (uint32_t i = PRODUCT_HELD; product_at(i) < k; i++) {
            float4 v = product_four(x, product_at(i), k), more = product_four(a->norm.weight, product_at(i), k);
            cuda_store4(type, to, product_at(i), product_normed4(a, m, v, more, product_at(i)));
        }
        to += (size_t)(k + 7) / 8 * 8 * product_bytes(type);
    }
    __syncthreads();
}

/* What an output is made from beside its sum: read when its unit begins, to be there when it ends.  Nobody else writes
 * that value of `add`. */
struct product_output {
    size_t at; /* in out and in add */
    float bias, gate_bias, add;
};

/* Output j of row i. */
CUDA_INLINE struct product_output product_output(const struct cuda_product_args *a, uint32_t i, uint32_t j)
{
    struct product_output o;
    o.at = (size_t)i * a->out_stride + j;
    o.bias = a->bias ? a->bias[j] : 0.0f;
    o.gate_bias = a->gate_bias ? a->gate_bias[j] : 0.0f;
    o.add = a->add ? a->add[o.at] : 0.0f;
    return o;
}

/* From its finished sum, and its gate's. */
CUDA_INLINE void product_end(const struct cuda_product_args *a, const struct product_output *o, float y, float gate)
{
    if (a->bias)
        y += o->bias;
    if (a->gate.data)
        y *= cuda_activated(a->activation, a->gate_bias ? gate + o->gate_bias : gate);
    if (a->add)
        y += o->add;
    if (a->flag && !cuda_finite(y))
        *a->flag = 1;
    cuda_store(a->out_type, a->out, o->at, y);
}

#endif

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
    uint32_t expert;
};

/* Units of SLOTS rows of weights. */
CUDA_INLINE uint32_t product_units(const struct cuda_product_args *a, const uint32_t SLOTS, uint32_t gated)
{
    uint32_t outputs = gated ? SLOTS / 2 : SLOTS;
    return (a->w.n + outputs - 1) / outputs;
}

/* Row j of them. */
CUDA_INLINE const char *product_row(const struct cuda_product_args *a, const uint32_t SLOTS, uint32_t gated,
                                    const struct product_outputs *o, uint32_t j)
{
    uint32_t is_gate = gated && j >= SLOTS / 2, own = is_gate ? j - SLOTS / 2 : j;
    size_t at = own < o->n ? o->first + own : 0;
    return is_gate ? (const char *)a->gate.data + o->expert * a->gate_bytes + at * a->gate.row_bytes
                   : (const char *)a->w.data + o->expert * a->matrix_bytes + at * a->w.row_bytes;
}

CUDA_INLINE void product_outputs(const struct cuda_product_args *a, const uint32_t SLOTS, uint32_t gated,
                                 uint32_t expert, uint32_t unit, struct product_outputs *o)
{
    uint32_t outputs = gated ? SLOTS / 2 : SLOTS;
    o->expert = expert;
    o->first = unit * outputs;
    o->n = a->w.n > o->first ? a->w.n - o->first : 0;
    o->n = o->n < outputs ? o->n : outputs;
    CUDA_UNROLL
    for (uint32_t j = 0; j < SLOTS; j++)
        o->row[j] = product_row(a, SLOTS, gated, o, j);
}

struct product_moments {
    float mean, factor;
};

#define PRODUCT_HELD 4u /* of each thread: what of a row it keeps between its sums and its norm, four values each */

/* Zeros from k on, a multiple of 4. */
CUDA_INLINE float4 product_four(const float *x, uint32_t at, uint32_t k)
{
    const float4 none = { 0.0f, 0.0f, 0.0f, 0.0f };
    return at < k ? *(const float4 *)(x + at) : none;
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
    return at < k ? (x * x + y * y) + (z * z + w * w) : 0.0f;
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

/* Asks for the norm's weight, from one of its values on, and for its bias, each line by one block, while the kernel in
 * front still computes x. */
CUDA_INLINE void product_norm_ask(const struct cuda_product_args *a)
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

/* Reads meanwhile what a thread needs of the weight in its first turns. */
CUDA_INLINE void product_norm_ahead(const struct cuda_product_args *a, float4 w[PRODUCT_HELD])
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < PRODUCT_HELD; i++) {
        const float4 none = { 0.0f, 0.0f, 0.0f, 0.0f };
        w[i] = a->norm.weight && product_at(i) < a->w.k ? cuda_ahead_f32x4(&a->norm.weight[product_at(i)]) : none;
    }
}

/* Rows [first, first + n) of x, normed with w from product_norm_ahead(), in type in shared memory, each with room for
 * whole eights. */
struct product_normed {
    uint32_t first, n, type;
    char *to;
};

CUDA_INLINE void product_norm(const struct cuda_product_args *a, struct product_normed o, const float4 w[PRODUCT_HELD])
{
    CUDA_SHARED float part[PRODUCT_WARPS];
    uint32_t k = a->w.k;
    for (uint32_t r = 0; r < o.n; r++) {
        const float *x = (const float *)a->x + (size_t)((o.first + r) / a->per) * a->x_stride;
        float4 held[PRODUCT_HELD];
        struct product_moments m = product_moments(a, x, part, held);
        CUDA_UNROLL
        for (uint32_t i = 0; i < PRODUCT_HELD; i++)
            if (product_at(i) < k)
                cuda_store4(o.type, o.to, product_at(i), product_normed4(a, m, held[i], w[i], product_at(i)));
        for (uint32_t i = PRODUCT_HELD; product_at(i) < k; i++) {
            float4 v = product_four(x, product_at(i), k), more = product_four(a->norm.weight, product_at(i), k);
            cuda_store4(o.type, o.to, product_at(i), product_normed4(a, m, v, more, product_at(i)));
        }
        o.to += (size_t)(k + 7) / 8 * 8 * product_bytes(o.type);
    }
    __syncthreads();
}

/* What an output is made from beside its sum: read when its unit begins, to be there when it ends.  Nobody else writes
 * that value of `add`. */
struct product_output {
    size_t at; /* in out and in add */
    float bias, gate_bias, add;
};

/* Output j of a row. */
CUDA_INLINE struct product_output product_output(const struct cuda_product_args *a, uint32_t gated, uint32_t row,
                                                 uint32_t j)
{
    struct product_output o;
    o.at = (size_t)row * a->out_stride + j;
    o.bias = a->bias ? a->bias[j] : 0.0f;
    o.gate_bias = gated && a->gate_bias ? a->gate_bias[j] : 0.0f;
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

/* Residual sums and norms: a block a row.  A thread makes and later reads the same values, so that rows of any width
 * pass through no shared memory. */
#include "cuda/values.h"

#define MOST 512

CUDA_INLINE float4 add4(float4 a, float4 b)
{
    a.x += b.x;
    a.y += b.y;
    a.z += b.z;
    a.w += b.w;
    return a;
}

CUDA_INLINE float4 load4(const float *p, size_t i)
{
    return *(const float4 *)(p + i);
}

/* Mean and 1 / deviation of what norm is to make of a row; a mean of 0 without bias. */
struct moments {
    float mean, factor;
};

struct source {
    const float *a, *b; /* rows whose sum is meant; b NULL: a alone.  b is a bias */
    uint32_t dim;
};

CUDA_INLINE float4 source4(struct source s, size_t i)
{
    return s.b ? add4(load4(s.a, i), load4(s.b, i)) : load4(s.a, i);
}

CUDA_INLINE float source1(struct source s, size_t i)
{
    return s.b ? s.a[i] + s.b[i] : s.a[i];
}

CUDA_INLINE float sum_of(struct source s, float *part)
{
    float sum = 0;
    for (uint32_t i = 4 * threadIdx.x; i + 3 < s.dim; i += 4 * blockDim.x) {
        float4 v = source4(s, i);
        sum += (v.x + v.y) + (v.z + v.w);
    }
    for (uint32_t i = s.dim / 4 * 4 + threadIdx.x; i < s.dim; i += blockDim.x)
        sum += source1(s, i);
    return cuda_block_sum(sum, part);
}

CUDA_INLINE float square_of(struct source s, float mean, float *part)
{
    float sum = 0;
    for (uint32_t i = 4 * threadIdx.x; i + 3 < s.dim; i += 4 * blockDim.x) {
        float4 v = source4(s, i);
        float x = v.x - mean, y = v.y - mean, z = v.z - mean, w = v.w - mean;
        sum += (x * x + y * y) + (z * z + w * w);
    }
    for (uint32_t i = s.dim / 4 * 4 + threadIdx.x; i < s.dim; i += blockDim.x) {
        float x = source1(s, i) - mean;
        sum += x * x;
    }
    return cuda_block_sum(sum, part);
}

CUDA_INLINE struct moments moments_of(struct source s, const float *bias, float eps, float *part)
{
    struct moments m;
    m.mean = bias ? sum_of(s, part) / (float)s.dim : 0.0f;
    m.factor = 1.0f / sqrtf(square_of(s, m.mean, part) / (float)s.dim + eps);
    return m;
}

CUDA_INLINE float normed(struct cuda_norm n, struct moments m, float x, size_t i)
{
    float y = (x - m.mean) * m.factor * n.weight[i];
    return n.bias ? y + n.bias[i] : y;
}

CUDA_INLINE float4 normed4(struct cuda_norm n, struct moments m, float4 x, size_t i)
{
    float4 w = load4(n.weight, i), y;
    y.x = (x.x - m.mean) * m.factor * w.x;
    y.y = (x.y - m.mean) * m.factor * w.y;
    y.z = (x.z - m.mean) * m.factor * w.z;
    y.w = (x.w - m.mean) * m.factor * w.w;
    return n.bias ? add4(y, load4(n.bias, i)) : y;
}

/* x += post(back + bias); whether all is finite. */
CUDA_INLINE int add_back(const struct cuda_norm_args *a, float *x, struct source back, float *part)
{
    struct moments m = { 0.0f, 1.0f };
    int finite = 1;
    if (a->post.weight)
        m = moments_of(back, a->post.bias, a->eps, part);
    for (uint32_t i = 4 * threadIdx.x; i + 3 < a->dim; i += 4 * blockDim.x) {
        float4 v = source4(back, i);
        v = add4(load4(x, i), a->post.weight ? normed4(a->post, m, v, i) : v);
        *(float4 *)(x + i) = v;
        finite &= cuda_finite(v.x) & cuda_finite(v.y) & cuda_finite(v.z) & cuda_finite(v.w);
    }
    for (uint32_t i = a->dim / 4 * 4 + threadIdx.x; i < a->dim; i += blockDim.x) {
        float v = source1(back, i);
        x[i] += a->post.weight ? normed(a->post, m, v, i) : v;
        finite &= cuda_finite(x[i]);
    }
    return finite;
}

CUDA_KERNEL(cuda_norm_rows, cuda_norm_args, MOST)
{
    CUDA_SHARED float part[MOST / CUDA_WARP];
    cuda_let_next();
    cuda_wait_before();
    size_t row = blockIdx.x, from = a.index ? a.index[row] : row;
    float *x = a.x + from * a.stride;
    if (a.back) {
        struct source back = { a.back + row * a.stride, a.bias, a.dim };
        if (!add_back(&a, x, back, part) && a.flag)
            *a.flag = 1;
    }
    if (!a.norm.weight)
        return;
    struct source s = { x, NULL, a.dim };
    struct moments m = moments_of(s, a.norm.bias, a.eps, part);
    char *out = (char *)a.out + row * a.stride * (a.type == CUDA_F32 ? 4 : 2);
    for (uint32_t i = 4 * threadIdx.x; i + 3 < a.dim; i += 4 * blockDim.x)
        cuda_store4(a.type, out, i, normed4(a.norm, m, load4(x, i), i));
    for (uint32_t i = a.dim / 4 * 4 + threadIdx.x; i < a.dim; i += blockDim.x)
        cuda_store(a.type, out, i, normed(a.norm, m, x[i], i));
}

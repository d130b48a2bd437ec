/* Activations of the feed-forward part, and the last of a row of scores. */
#include "cuda/values.h"

#define MOST 256

CUDA_INLINE float one(const struct cuda_activate_args *a, const float *gate, const float *up, uint32_t i)
{
    float y = cuda_activated(a->activation, a->gate_bias ? gate[i] + a->gate_bias[i] : gate[i]);
    return a->up ? y * (a->up_bias ? up[i] + a->up_bias[i] : up[i]) : y;
}

CUDA_KERNEL(cuda_activate, cuda_activate_args, MOST)
{
    cuda_wait_before();
    size_t row = blockIdx.y;
    const float *gate = a.gate + row * a.stride, *up = a.up ? a.up + row * a.stride : NULL;
    char *out = (char *)a.out + row * a.out_stride * (a.type == CUDA_F32 ? 4 : 2);
    uint32_t i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
    if (i + 3 < a.width) {
        float4 x = { one(&a, gate, up, i), one(&a, gate, up, i + 1), one(&a, gate, up, i + 2),
                     one(&a, gate, up, i + 3) };
        cuda_store4(a.type, out, i, x);
        return;
    }
    for (; i < a.width; i++)
        cuda_store(a.type, out, i, one(&a, gate, up, i));
}

CUDA_KERNEL(cuda_scores, cuda_scores_args, MOST)
{
    cuda_wait_before();
    float *row = a.rows + (size_t)blockIdx.y * a.stride;
    int finite = 1;
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t i = (blockIdx.x * 4 + k) * blockDim.x + threadIdx.x;
        if (i >= a.width)
            break;
        float x = row[i];
        if (a.bias)
            x += a.bias[i];
        finite &= cuda_finite(x);
        if (a.cap > 0)
            x = a.cap * tanhf(x / a.cap);
        if (a.bias || a.cap > 0)
            row[i] = x;
    }
    if (!finite && a.flag)
        *a.flag = 1;
}

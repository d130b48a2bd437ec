/* Activations of the feed-forward part, and the last of a row of scores. */
#include "cuda/values.h"

#define MOST 256

CUDA_INLINE float one(const struct cuda_activate_args *a, float gate, float up, uint32_t i)
{
    float y = cuda_activated(a->activation, a->gate_bias ? gate + a->gate_bias[i] : gate);
    return a->up ? y * (a->up_bias ? up + a->up_bias[i] : up) : y;
}

/* Four at once where both rows have them at multiples of 16 bytes: up may begin anywhere behind gate. */
CUDA_KERNEL(cuda_activate, cuda_activate_args, MOST)
{
    cuda_let_next();
    cuda_wait_before();
    size_t row = blockIdx.y;
    const float *gate = a.gate + row * a.stride, *up = a.up ? a.up + row * a.stride : gate;
    char *out = (char *)a.out + row * a.out_stride * (a.type == CUDA_F32 ? 4 : 2);
    uint32_t i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
    if (i + 3 < a.width && ((uintptr_t)gate | (uintptr_t)up | (uintptr_t)out) % 16 == 0) {
        float4 g = *(const float4 *)(gate + i), u = *(const float4 *)(up + i);
        float4 x = { one(&a, g.x, u.x, i), one(&a, g.y, u.y, i + 1), one(&a, g.z, u.z, i + 2),
                     one(&a, g.w, u.w, i + 3) };
        cuda_store4(a.type, out, i, x);
        return;
    }
    for (uint32_t end = i + 4; i < end && i < a.width; i++)
        cuda_store(a.type, out, i, one(&a, gate[i], up[i], i));
}

CUDA_KERNEL(cuda_scores, cuda_scores_args, MOST)
{
    cuda_let_next();
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

/* What goes into pages: keys and values as attention wants them, and copies of what another page holds. */
#include "cuda/values.h"

#define MOST 128

/* The heads of a token, one a warp: those of its query, its keys, its values. */
struct head {
    const float *from, *bias;
    struct cuda_norm norm;
    uint32_t dim;
    int turns;
};

CUDA_INLINE float head_sum(const float *x, uint32_t dim, float mean, int square)
{
    float sum = 0.0f;
    for (uint32_t d = threadIdx.x % CUDA_WARP; d < dim; d += CUDA_WARP) {
        float y = x[d] - mean;
        sum += square ? y * y : y;
    }
    return cuda_warp_sum(sum);
}

/* Of values that this lane alone reads and writes. */
CUDA_INLINE void norm_head(const struct cuda_norm *n, float eps, float *x, uint32_t dim)
{
    float mean = n->bias ? head_sum(x, dim, 0.0f, 0) / (float)dim : 0.0f;
    float factor = 1.0f / sqrtf(head_sum(x, dim, mean, 1) / (float)dim + eps);
    for (uint32_t d = threadIdx.x % CUDA_WARP; d < dim; d += CUDA_WARP) {
        float y = (x[d] - mean) * factor * n->weight[d];
        x[d] = n->bias ? y + n->bias[d] : y;
    }
}

CUDA_INLINE void turn_head(const struct cuda_place_args *a, uint32_t position, float *x)
{
    uint32_t step = a->interleaved ? 2 : 1, across = a->interleaved ? 1 : a->half;
    const float *c = a->cos + (size_t)position * a->half, *s = a->sin + (size_t)position * a->half;
    for (uint32_t i = threadIdx.x % CUDA_WARP; i < a->half; i += CUDA_WARP) {
        float p = x[i * step], q = x[i * step + across];
        x[i * step] = p * c[i] - q * s[i];
        x[i * step + across] = q * c[i] + p * s[i];
    }
}

/* As kernel_kv_put() (model/kernel_kv.c); a NaN, which has been flagged, becomes some byte. */
CUDA_INLINE void put_head(uint32_t kv, const float *x, uint32_t dim, uint32_t at, char *block)
{
    uint32_t lane = threadIdx.x % CUDA_WARP;
    if (kv != CUDA_KV_Q8) {
        uint32_t type = kv == CUDA_KV_F32 ? CUDA_F32 : CUDA_BF16;
        for (uint32_t d = lane; d < dim; d += CUDA_WARP)
            cuda_store(type, block, (size_t)at * dim + d, x[d]);
        return;
    }
    float most = 0.0f;
    for (uint32_t d = lane; d < dim; d += CUDA_WARP)
        most = fmaxf(most, fabsf(x[d]));
    most = cuda_warp_max(most);
    float factor = most > 1e-30f ? 127.0f / most : 0.0f;
    for (uint32_t d = lane; d < dim; d += CUDA_WARP)
        block[(size_t)at * dim + d] = (char)(int)fminf(fmaxf(rintf(x[d] * factor), -127.0f), 127.0f);
    if (lane == 0)
        *(float *)(block + (size_t)CUDA_PAGE * dim + 4 * at) = factor > 0 ? most / 127.0f : 0.0f;
}

CUDA_INLINE struct head head_of(const struct cuda_place_args *a, uint32_t token, uint32_t i)
{
    uint32_t dim = a->kv.head_dim, kv = i - a->n_heads, own = kv < a->kv.n_kv_heads ? kv : kv - a->kv.n_kv_heads;
    size_t at = (size_t)token * a->kv_stride + own * dim;
    struct head h;
    h.dim = dim;
    h.turns = a->half > 0;
    if (i < a->n_heads) {
        h.from = a->q + (size_t)token * a->q_stride + i * dim;
        h.bias = a->q_bias ? a->q_bias + i * dim : NULL;
        h.norm = a->q_norm;
    } else if (kv < a->kv.n_kv_heads) {
        h.from = a->k + at;
        h.bias = a->k_bias ? a->k_bias + own * dim : NULL;
        h.norm = a->k_norm;
    } else {
        h.from = a->v + at;
        h.bias = a->v_bias ? a->v_bias + own * dim : NULL;
        h.norm.weight = NULL;
        h.norm.bias = NULL;
        h.turns = 0;
    }
    return h;
}

CUDA_KERNEL(cuda_place, cuda_place_args, MOST)
{
    CUDA_DYNAMIC_SHARED(float, all);
    cuda_let_next();
    cuda_wait_before();
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP, dim = a.kv.head_dim, token = blockIdx.x;
    uint32_t i = blockIdx.y * (blockDim.x / CUDA_WARP) + warp, n_kv = a.kv.n_kv_heads;
    struct cuda_token t = a.tokens[token];
    if (i >= a.n_heads + 2 * n_kv || (i < a.n_heads ? token >= a.n_queries : !t.own))
        return;
    struct head h = head_of(&a, token, i);
    float *x = all + (size_t)warp * dim;
    int finite = 1;
    for (uint32_t d = lane; d < dim; d += CUDA_WARP) {
        x[d] = h.bias ? h.from[d] + h.bias[d] : h.from[d];
        finite &= cuda_finite(x[d]);
    }
    if (!finite && a.flag)
        *a.flag = 1;
    if (h.norm.weight)
        norm_head(&h.norm, a.eps, x, dim);
    __syncwarp();
    if (h.turns)
        turn_head(&a, t.position, x);
    __syncwarp();
    if (i < a.n_heads) {
        float *out = a.q + (size_t)token * a.q_stride + i * dim;
        for (uint32_t d = lane; d < dim; d += CUDA_WARP)
            out[d] = x[d];
        return;
    }
    uint32_t head = (i - a.n_heads) % n_kv;
    char *block = (char *)t.own + a.kv.keys_at + head * a.kv.block_bytes;
    put_head(a.kv.type, x, dim, t.position % CUDA_PAGE, i < a.n_heads + n_kv ? block : block + a.kv.values_at);
}

CUDA_INLINE void copy_bytes(const char *from, char *to, size_t n)
{
    size_t whole = ((uintptr_t)from | (uintptr_t)to) % 16 == 0 ? n / 16 : 0;
    for (size_t i = threadIdx.x; i < whole; i += blockDim.x)
        ((uint4 *)to)[i] = ((const uint4 *)from)[i];
    for (size_t i = 16 * whole + threadIdx.x; i < n; i += blockDim.x)
        to[i] = from[i];
}

/* A block for the keys of a head, and one for its values: in the order of the list, since a page may be copied that is itself
 * a copy. */
CUDA_KERNEL(cuda_copy_pages, cuda_copy_args, MOST)
{
    cuda_let_next();
    cuda_wait_before();
    uint64_t at = a.kv.keys_at + blockIdx.x * a.kv.block_bytes + (blockIdx.y > 0 ? a.kv.values_at : 0);
    uint32_t each = a.kv.type == CUDA_KV_F32 ? 4 : a.kv.type == CUDA_KV_BF16 ? 2 : 1, dim = a.kv.head_dim;
    for (uint32_t i = 0; i < a.n_copies; i++) {
        struct cuda_copy c = a.copies[i];
        const char *from = (const char *)c.from + at;
        char *to = (char *)c.to + at;
        copy_bytes(from, to, c.n * dim * each);
        if (a.kv.type == CUDA_KV_Q8)
            copy_bytes(from + CUDA_PAGE * dim, to + CUDA_PAGE * dim, c.n * 4);
        __syncthreads();
    }
}

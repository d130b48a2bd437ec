/* What goes into pages: keys and values as attention wants them, and copies of what another page holds. */
#include "cuda/heads.h"

#define MOST 128

CUDA_KERNEL(cuda_place, cuda_place_args, MOST)
{
    CUDA_DYNAMIC_SHARED(float, all);
    cuda_let_next();
    cuda_wait_before();
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP, dim = a.kv.head_dim, token = blockIdx.x;
    uint32_t i = blockIdx.y * (blockDim.x / CUDA_WARP) + warp;
    struct cuda_token t = a.tokens[token];
    struct heads_turns turns = { 0 };
    if (i >= a.n_heads + 2 * a.kv.n_kv_heads || (i < a.n_heads ? token >= a.n_queries : !t.own))
        return;
    float *x = all + (size_t)warp * dim;
    if (i < a.n_heads + a.kv.n_kv_heads) /* values do not turn */
        heads_turns(&a, t.position, &turns);
    heads_make(&a, token, i, &turns, x);
    if (i >= a.n_heads) {
        heads_put(&a, a.kv.type, i, &t, x);
        return;
    }
    float *out = a.q + (size_t)token * a.q_stride + i * dim;
    for (uint32_t d = lane; d < dim; d += CUDA_WARP)
        out[d] = x[d];
}

CUDA_INLINE void copy_bytes(const char *from, char *to, size_t n)
{
    size_t whole = ((uintptr_t)from | (uintptr_t)to) % 16 == 0 ? n / 16 : 0;
    for (size_t i = threadIdx.x; i < whole; i += blockDim.x)
        ((uint4 *)to)[i] = ((const uint4 *)from)[i];
    for (size_t i = 16 * whole + threadIdx.x; i < n; i += blockDim.x)
        to[i] = from[i];
}

/* A block for the keys of a head, and one for its values: in the order of the list, since a page may be copied that is
 * itself a copy. */
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

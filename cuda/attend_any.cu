/* Attention for heads that cuda/attend.cu does not take (wider than 256 values, or not of a multiple of 8), a row a
 * block; and the end of attention that was split. */
#include "cuda/values.h"

#define WARPS    4u
#define THREADS  (WARPS * CUDA_WARP)
#define MOST_DIM 4096u

CUDA_INLINE float value_at(uint32_t kv, const char *block, uint32_t dim, uint32_t at, uint32_t d)
{
    size_t i = (size_t)at * dim + d;
    if (kv == CUDA_KV_F32)
        return ((const float *)block)[i];
    if (kv == CUDA_KV_BF16)
        return cuda_from_bf16(((const uint16_t *)block)[i]);
    float scale;
    const uint16_t *half = (const uint16_t *)(block + (size_t)CUDA_PAGE * dim) + 2 * at; /* a multiple of 2 is sure */
    scale = __uint_as_float((uint32_t)half[0] | (uint32_t)half[1] << 16);
    return scale * (float)((const int8_t *)block)[i];
}

/* The 16 weights of a page in place of its scores, and what all before is to be multiplied by. */
CUDA_INLINE float take_page(float *score, float *most, float *sum)
{
    float high = *most, factor;
    for (uint32_t i = 0; i < CUDA_PAGE; i++)
        high = fmaxf(high, score[i]);
    factor = *most == -INFINITY ? 0.0f : __expf(*most - high);
    *sum *= factor;
    for (uint32_t i = 0; i < CUDA_PAGE; i++)
        *sum += score[i] == -INFINITY ? 0.0f : __expf(score[i] - high);
    *most = high;
    return factor;
}

CUDA_KERNEL(cuda_attend_any, cuda_attend_args, THREADS)
{
    CUDA_SHARED float acc[MOST_DIM], score[CUDA_PAGE];
    cuda_let_next();
    cuda_wait_before();
    uint32_t dim = a.kv.head_dim, group = a.n_heads / a.kv.n_kv_heads, lane = threadIdx.x % CUDA_WARP;
    uint32_t row = blockIdx.x / a.kv.n_kv_heads, kv_head = blockIdx.x % a.kv.n_kv_heads;
    struct cuda_span span = a.spans[blockIdx.z];
    if (row >= span.n * group)
        return;
    uint32_t token = span.token + row / group, head = kv_head * group + row % group, end, page;
    struct cuda_token t = a.tokens[token];
    uint32_t first = a.window > 0 && t.position + 1 > a.window ? t.position + 1 - a.window : 0;
    page = blockIdx.y * a.split_pages;
    end = page + a.split_pages < t.position / CUDA_PAGE + 1 ? page + a.split_pages : t.position / CUDA_PAGE + 1;
    page = page > first / CUDA_PAGE ? page : first / CUDA_PAGE;
    if (page >= end)
        return;
    const float *q = a.q + (size_t)token * a.q_stride + head * dim;
    float most = -INFINITY, sum = 0.0f, slope = a.slope ? a.slope[head] : 0.0f;
    for (uint32_t d = threadIdx.x; d < dim; d += THREADS)
        acc[d] = 0.0f;
    for (; page < end; page++) {
        const char *keys = (const char *)a.pages[t.pages + page] + a.kv.keys_at + kv_head * a.kv.block_bytes;
        for (uint32_t at = threadIdx.x / CUDA_WARP; at < CUDA_PAGE; at += WARPS) {
            uint32_t position = page * CUDA_PAGE + at, seen = position >= first && position <= t.position;
            float dot = 0.0f;
            for (uint32_t d = lane; seen && d < dim; d += CUDA_WARP)
                dot = cuda_fma(q[d], value_at(a.kv.type, keys, dim, at, d), dot);
            dot = cuda_warp_sum(dot) * a.scale;
            if (a.cap > 0)
                dot = a.cap * tanhf(dot / a.cap);
            if (lane == 0)
                score[at] = seen ? dot - slope * (float)(t.position - position) : -INFINITY;
        }
        __syncthreads();
        float factor = take_page(score, &most, &sum);
        for (uint32_t d = threadIdx.x; d < dim; d += THREADS) {
            float x = acc[d] * factor;
            for (uint32_t at = 0; at < CUDA_PAGE; at++)
                if (score[at] != -INFINITY)
                    x = cuda_fma(__expf(score[at] - most), value_at(a.kv.type, keys + a.kv.values_at, dim, at, d), x);
            acc[d] = x;
        }
        __syncthreads();
    }
    for (uint32_t d = threadIdx.x; d < dim; d += THREADS) {
        if (a.n_splits == 1) {
            char *out = (char *)a.out + (size_t)token * a.out_stride * (a.type == CUDA_F32 ? 4 : 2);
            cuda_store(a.type, out, head * dim + d, acc[d] / sum);
            continue;
        }
        size_t i = (((size_t)blockIdx.y * a.n_tokens + token) * a.n_heads + head) * (dim + 2);
        a.partial[i + d] = acc[d];
        if (d == 0) {
            a.partial[i + dim] = most;
            a.partial[i + dim + 1] = sum;
        }
    }
}

/* A block a head of a token: the splits that its positions lie in, in their order. */
CUDA_KERNEL(cuda_attend_merge, cuda_attend_args, THREADS)
{
    cuda_let_next();
    cuda_wait_before();
    uint32_t dim = a.kv.head_dim, token = blockIdx.x, head = blockIdx.y, at = a.tokens[token].position;
    uint32_t first = a.window > 0 && at + 1 > a.window ? at + 1 - a.window : 0;
    uint32_t from = first / CUDA_PAGE / a.split_pages, end = at / CUDA_PAGE / a.split_pages + 1;
    size_t step = (size_t)a.n_tokens * a.n_heads * (dim + 2), row = ((size_t)token * a.n_heads + head) * (dim + 2);
    float most = -INFINITY, sum = 0.0f;
    for (uint32_t i = from; i < end; i++)
        most = fmaxf(most, a.partial[i * step + row + dim]);
    for (uint32_t i = from; i < end; i++)
        sum = cuda_fma(__expf(a.partial[i * step + row + dim] - most), a.partial[i * step + row + dim + 1], sum);
    char *out = (char *)a.out + (size_t)token * a.out_stride * (a.type == CUDA_F32 ? 4 : 2);
    for (uint32_t d = threadIdx.x; d < dim; d += THREADS) {
        float x = 0.0f;
        for (uint32_t i = from; i < end; i++)
            x = cuda_fma(__expf(a.partial[i * step + row + dim] - most), a.partial[i * step + row + d], x);
        cuda_store(a.type, out, head * dim + d, x / sum);
    }
}

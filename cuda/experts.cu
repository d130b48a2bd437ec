/* Experts: who goes where, and what comes back.  A token's experts are in the order of their numbers, the tokens of an
 * expert in theirs, so that sums have one order. */
#include "cuda/values.h"

#define MOST_EXPERTS 4096u /* CONFIG_EXPERT_MAX */
#define THREADS      256u

/* The largest of a warp's (score, expert), of equal ones the least expert. */
CUDA_INLINE void best_of(float *score, uint32_t *expert)
{
    CUDA_UNROLL
    for (unsigned m = CUDA_WARP / 2; m > 0; m /= 2) {
        float other = __shfl_xor_sync(CUDA_ALL, *score, (int)m);
        uint32_t which = __shfl_xor_sync(CUDA_ALL, *expert, (int)m);
        if (other > *score || (other == *score && which < *expert)) {
            *score = other;
            *expert = which;
        }
    }
}

/* By one lane: into a list that is sorted by expert. */
CUDA_INLINE void insert(struct cuda_choice *list, uint32_t n, struct cuda_choice c)
{
    for (; n > 0 && list[n - 1].expert > c.expert; n--)
        list[n] = list[n - 1];
    list[n] = c;
}

/* A warp a token. */
CUDA_KERNEL(cuda_route, cuda_route_args, CUDA_WARP)
{
    CUDA_SHARED float score[MOST_EXPERTS];
    cuda_wait_before();
    uint32_t lane = threadIdx.x;
    const float *from = a.scores + (size_t)blockIdx.x * a.stride;
    struct cuda_choice *out = a.choices + (size_t)blockIdx.x * a.n_chosen;
    float most = -INFINITY, sum = 0.0f, shared = 0.0f;
    int finite = 1;
    for (uint32_t i = lane; i < a.n_experts; i += CUDA_WARP) {
        score[i] = from[i];
        finite &= cuda_finite(score[i]);
        most = fmaxf(most, score[i]);
    }
    if (!finite && a.flag)
        *a.flag = 1;
    most = cuda_warp_max(most);
    for (uint32_t i = lane; i < a.n_experts; i += CUDA_WARP)
        sum += expf(score[i] - most);
    sum = cuda_warp_sum(sum);
    for (uint32_t n = 0; n < a.n_chosen; n++) {
        uint32_t best = MOST_EXPERTS;
        float high = -INFINITY;
        for (uint32_t i = lane; i < a.n_experts; i += CUDA_WARP)
            if (score[i] > high) {
                high = score[i];
                best = i;
            }
        best_of(&high, &best);
        struct cuda_choice c = { best < a.n_experts ? best : n,
                                 expf(high - most) / sum }; /* what is not finite is flagged */
        shared += c.weight;
        if (c.expert % CUDA_WARP == lane)
            score[c.expert] = -INFINITY;
        if (lane == 0)
            insert(out, n, c);
    }
    if (lane == 0 && a.share)
        for (uint32_t n = 0; n < a.n_chosen; n++)
            out[n].weight /= shared;
}

/* One block: a thread counts the choices of its experts, then gives them their rows. */
CUDA_KERNEL(cuda_pack, cuda_pack_args, THREADS)
{
    CUDA_SHARED uint32_t first[MOST_EXPERTS + 1];
    cuda_wait_before();
    uint32_t n = a.n_tokens * a.n_chosen;
    for (uint32_t e = threadIdx.x; e < a.n_experts; e += THREADS) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++)
            count += a.choices[i].expert == e;
        first[e] = count;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        uint32_t at = 0;
        for (uint32_t e = 0; e <= a.n_experts; e++) {
            uint32_t count = e < a.n_experts ? first[e] : 0;
            first[e] = a.first[e] = at;
            at += count;
        }
    }
    __syncthreads();
    for (uint32_t e = threadIdx.x; e < a.n_experts; e += THREADS) {
        uint32_t at = first[e];
        for (uint32_t i = 0; i < n; i++)
            if (a.choices[i].expert == e)
                a.row[i] = at++;
    }
}

/* A block a choice. */
CUDA_KERNEL(cuda_gather, cuda_gather_args, THREADS)
{
    cuda_wait_before();
    const char *from = (const char *)a.x + (size_t)(blockIdx.x / a.n_chosen) * a.row_bytes;
    char *to = (char *)a.out + (size_t)a.row[blockIdx.x] * a.row_bytes;
    for (uint32_t i = 16 * threadIdx.x; i < a.row_bytes; i += 16 * THREADS)
        *(uint4 *)(to + i) = *(const uint4 *)(from + i);
}

/* A block a token. */
CUDA_KERNEL(cuda_combine, cuda_combine_args, THREADS)
{
    cuda_wait_before();
    size_t token = blockIdx.x;
    for (uint32_t d = threadIdx.x; d < a.dim; d += blockDim.x) {
        float sum = 0.0f;
        for (uint32_t c = 0; c < a.n_chosen; c++) {
            size_t i = token * a.n_chosen + c, row = a.row ? a.row[i] : i;
            sum = cuda_fma(a.choices[i].weight, a.back[row * a.stride + d], sum);
        }
        a.out[token * a.stride + d] = sum;
    }
}

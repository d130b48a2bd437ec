/* A row's block of memory, and what the ROWS_THREADS threads that look at one row do together.
 *
 * The threads are groups of ROWS_LANES; a group takes DEVICE_BLOCK symbols at once, of which thread l of it sees l, l +
 * 16, l + 32, l + 48: sixteen lanes, as base/row_kernel_body.h has them, so that sums of floats are the host's. */
#ifndef CUDA_ROWS_BLOCK_H
#define CUDA_ROWS_BLOCK_H

#include "cuda/rows_math.h"
#include "model/device_rows.h"

#define ROWS_THREADS 512u
#define ROWS_WARPS   (ROWS_THREADS / CUDA_WARP)
#define ROWS_LANES   16u
#define ROWS_GROUPS  (ROWS_THREADS / ROWS_LANES)
#define ROWS_SUMS    4 /* doubles that are added up together */

/* Shared memory of the reductions. */
struct rows_reduce {
    double sum[ROWS_WARPS][ROWS_SUMS];
    uint32_t key[ROWS_WARPS], id[ROWS_WARPS];
    uint64_t wide[ROWS_WARPS];
};

ROWS_INLINE uint32_t rows_blocks(uint32_t n)
{
    return (n - 1) / DEVICE_BLOCK + 1;
}

ROWS_INLINE float *rows_peaks(const void *row, uint32_t n)
{
    return (float *)row + (size_t)rows_blocks(n) * DEVICE_BLOCK;
}

ROWS_INLINE struct device_measured *rows_measured(const void *row, uint32_t n)
{
    uint32_t floats = (rows_blocks(n) + 15) / 16 * 16;
    return (struct device_measured *)(void *)(rows_peaks(row, n) + floats);
}

ROWS_INLINE uint32_t rows_group(void)
{
    return threadIdx.x / ROWS_LANES;
}

ROWS_INLINE uint32_t rows_lane(void)
{
    return threadIdx.x % ROWS_LANES;
}

/* The four scores of a block that this thread sees. */
ROWS_INLINE void rows_load(float x[4], const float *score, uint32_t block)
{
    const float *at = score + (size_t)block * DEVICE_BLOCK + rows_lane();
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        x[i] = at[ROWS_LANES * i];
}

ROWS_INLINE uint32_t rows_symbol(uint32_t block, uint32_t i)
{
    return block * DEVICE_BLOCK + rows_lane() + ROWS_LANES * i;
}

ROWS_INLINE double rows_four(const float x[4])
{
    return (double)((x[0] + x[1]) + (x[2] + x[3]));
}

ROWS_INLINE float rows_most(const float x[4])
{
    return vf_max(vf_max(x[0], x[1]), vf_max(x[2], x[3]));
}

/* Of the block that a group sees; the whole warp calls it. */
ROWS_INLINE float rows_group_max(float x)
{
    CUDA_UNROLL
    for (unsigned step = ROWS_LANES / 2; step > 0; step /= 2)
        x = fmaxf(x, __shfl_xor_sync(CUDA_ALL, x, (int)step));
    return x;
}

ROWS_INLINE uint64_t rows_xor64(uint64_t x, unsigned step)
{
    uint32_t low = __shfl_xor_sync(CUDA_ALL, (uint32_t)x, (int)step);
    uint32_t high = __shfl_xor_sync(CUDA_ALL, (uint32_t)(x >> 32), (int)step);
    return (uint64_t)high << 32 | low;
}

/* Adds up n <= ROWS_SUMS numbers over all threads, in one order whatever n is; every thread gets them. */
ROWS_CALL void rows_add(struct rows_reduce *r, double x[], int n)
{
    for (int i = 0; i < n; i++) {
        CUDA_UNROLL
        for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2)
            x[i] += vd_of(rows_xor64(vw_of(x[i]), step));
        if (threadIdx.x % CUDA_WARP == 0)
            r->sum[threadIdx.x / CUDA_WARP][i] = x[i];
    }
    __syncthreads();
    for (int i = 0; i < n; i++) {
        x[i] = 0;
        for (uint32_t w = 0; w < ROWS_WARPS; w++)
            x[i] += r->sum[w][i];
    }
    __syncthreads();
}

/* The smallest of all threads' numbers. */
ROWS_CALL uint64_t rows_least(struct rows_reduce *r, uint64_t x)
{
    CUDA_UNROLL
    for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2) {
        uint64_t other = rows_xor64(x, step);
        x = other < x ? other : x;
    }
    if (threadIdx.x % CUDA_WARP == 0)
        r->wide[threadIdx.x / CUDA_WARP] = x;
    __syncthreads();
    x = r->wide[0];
    for (uint32_t w = 1; w < ROWS_WARPS; w++)
        x = r->wide[w] < x ? r->wide[w] : x;
    __syncthreads();
    return x;
}

ROWS_INLINE float rows_block_max(struct rows_reduce *r, float x)
{
    return rows_of_descending((uint32_t)rows_least(r, rows_descending(x)));
}

ROWS_CALL uint64_t rows_count(struct rows_reduce *r, uint64_t x)
{
    CUDA_UNROLL
    for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2)
        x += rows_xor64(x, step);
    if (threadIdx.x % CUDA_WARP == 0)
        r->wide[threadIdx.x / CUDA_WARP] = x;
    __syncthreads();
    x = 0;
    for (uint32_t w = 0; w < ROWS_WARPS; w++)
        x += r->wide[w];
    __syncthreads();
    return x;
}

/* The best symbol so far: the largest value, the lowest id among equals. */
struct rows_best {
    double value;
    uint32_t v;
};

ROWS_INLINE void rows_take(struct rows_best *best, double value, uint32_t v)
{
    if (value > best->value || (value == best->value && v < best->v)) {
        best->value = value;
        best->v = v;
    }
}

ROWS_CALL struct rows_best rows_best(struct rows_reduce *r, struct rows_best x)
{
    CUDA_UNROLL
    for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2) {
        double value = vd_of(rows_xor64(vw_of(x.value), step));
        uint32_t v = __shfl_xor_sync(CUDA_ALL, x.v, (int)step);
        rows_take(&x, value, v);
    }
    if (threadIdx.x % CUDA_WARP == 0) {
        r->sum[threadIdx.x / CUDA_WARP][0] = x.value;
        r->id[threadIdx.x / CUDA_WARP] = x.v;
    }
    __syncthreads();
    for (uint32_t w = 0; w < ROWS_WARPS; w++)
        rows_take(&x, r->sum[w][0], r->id[w]);
    __syncthreads();
    return x;
}

#endif

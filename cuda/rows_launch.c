#include "cuda/rows_launch.h"

uint64_t rows_measured_at(uint32_t n)
{
    uint64_t blocks = (n - 1) / DEVICE_BLOCK + 1;
    return sizeof(float) * (blocks * DEVICE_BLOCK + (blocks + 15) / 16 * 16);
}

uint64_t rows_bytes(uint32_t n)
{
    return (rows_measured_at(n) + sizeof(struct device_measured) + 255) / 256 * 256;
}

static cudaError_t launch(const void *kernel, const void *args, uint32_t n, size_t shared, cudaStream_t s)
{
    void *list[] = { (void *)(uintptr_t)args };
    dim3 grid = { n, 1, 1 }, block = { ROWS_LAUNCH, 1, 1 };
    return n > 0 ? cudaLaunchKernel(kernel, grid, block, list, shared, s) : cudaSuccess;
}

cudaError_t rows_launch_measure(const struct rows_measure_args *a, uint32_t n_rows, cudaStream_t s)
{
    return launch(CUDA_ENTRY(rows_measure), a, n_rows, 0, s);
}

cudaError_t rows_launch_pool(const struct rows_pool_args *a, uint32_t n_pools, cudaStream_t s)
{
    return launch(CUDA_ENTRY(rows_pool), a, n_pools, 0, s);
}

cudaError_t rows_launch_decide(const struct rows_decide_args *a, uint32_t n_items, cudaStream_t s)
{
    return launch(CUDA_ENTRY(rows_decide), a, n_items, ROWS_SHARED, s);
}

cudaError_t rows_launch_prepare(void)
{
    return cudaFuncSetAttribute(CUDA_ENTRY(rows_decide), cudaFuncAttributeMaxDynamicSharedMemorySize, (int)ROWS_SHARED);
}

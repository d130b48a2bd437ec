#include "cuda/launch.h"

struct shape {
    unsigned x, y, z, threads;
    size_t shared;
};

static cudaError_t launch(const void *kernel, struct shape g, const void *args, cudaStream_t s)
{
    void *list[] = { (void *)(uintptr_t)args };
    dim3 grid = { g.x, g.y, g.z }, block = { g.threads, 1, 1 };
    return cudaLaunchKernel(kernel, grid, block, list, g.shared, s);
}

/* Threads for n values in loops of 4, in whole warps. */
static unsigned threads_for(uint32_t n, unsigned most)
{
    unsigned want = (n / 4 + CUDA_WARP) / CUDA_WARP * CUDA_WARP;
    return want < most ? want : most;
}

cudaError_t launch_norm(const struct cuda_norm_args *a, uint32_t n_rows, cudaStream_t s)
{
    return launch(CUDA_ENTRY(cuda_norm_rows), (struct shape){ n_rows, 1, 1, threads_for(a->dim, 512), 0 }, a, s);
}

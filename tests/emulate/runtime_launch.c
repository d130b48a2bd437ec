/* The runtime's calls that start kernels. */
#include "tests/emulate/runtime.h"

struct start {
    size_t (*kernel)(void *const *args);
    dim3 grid, block;
    size_t shared;
    int early;
    max_align_t arg[];
};

static void run_start(const void *ctx)
{
    const struct start *s = ctx;
    void *args[] = { (void *)(uintptr_t)s->arg };
    struct emulate_launch l = { s->kernel, s->grid, s->block, args, s->shared, s->early };
    emulate_run(&l);
}

/* Kernels that may have more dynamic shared memory than all have. */
static struct {
    const void *kernel;
    size_t bytes;
} allowed[512];

static size_t most_shared(const void *kernel)
{
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (allowed[i].kernel == kernel)
            return allowed[i].bytes;
    return (size_t)48 << 10;
}

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute attribute, int value)
{
    size_t i = 0;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
        return runtime_outcome(cudaSuccess);
    while (i < sizeof allowed / sizeof *allowed && allowed[i].kernel && allowed[i].kernel != kernel)
        i++;
    struct cudaDeviceProp p;
    cudaGetDeviceProperties(&p, 0);
    if (value < 0 || (size_t)value > p.sharedMemPerBlockOptin || i == sizeof allowed / sizeof *allowed)
        return runtime_outcome(cudaErrorInvalidValue);
    allowed[i].kernel = kernel;
    allowed[i].bytes = (size_t)value;
    return runtime_outcome(cudaSuccess);
}

/* Whether a launch asks to begin before the kernel in front has ended, which is the one thing that can be asked for. */
static int is_early(const cudaLaunchConfig_t *c)
{
    return c->numAttrs > 0 && c->attrs->val.programmaticStreamSerializationAllowed;
}

static emulate_shown *shown;

void emulate_set_shown(emulate_shown *show)
{
    shown = show;
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *c, const void *kernel, void **args)
{
    const dim3 grid = c->gridDim, block = c->blockDim;
    const size_t shared = c->dynamicSmemBytes;
    size_t (*f)(void *const *);
    memcpy(&f, &kernel, sizeof f);
    size_t bytes = f(NULL);
    if (shared > most_shared(kernel))
        return runtime_outcome(cudaErrorInvalidValue);
    if (grid.x == 0 || grid.x > INT32_MAX || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 ||
        block.x == 0 || block.y == 0 || block.z == 0 || (uint64_t)block.x * block.y * block.z > 1024)
        return runtime_outcome(cudaErrorInvalidConfiguration);
    if (shown) {
        shown(c, kernel);
        return runtime_outcome(cudaSuccess);
    }
    struct runtime_op *op = runtime_op(run_start, sizeof(struct start) + bytes);
    if (op) {
        struct start *s = (struct start *)op->ctx;
        *s = (struct start){ f, grid, block, shared, is_early(c) };
        memcpy(s->arg, args[0], bytes);
    }
    return runtime_submit(c->stream, op);
}

cudaError_t cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **args, size_t shared, cudaStream_t stream)
{
    return cudaLaunchKernelExC(&(cudaLaunchConfig_t){ grid, block, shared, stream, NULL, 0 }, kernel, args);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n, const void *kernel, int threads, size_t shared)
{
    (void)kernel;
    struct cudaDeviceProp p;
    cudaGetDeviceProperties(&p, 0);
    size_t by_shared = p.sharedMemPerMultiprocessor / (shared + 1024), by_threads = 2048u / (unsigned)threads;
    *n = (int)(by_shared < by_threads ? by_shared : by_threads);
    return cudaSuccess;
}

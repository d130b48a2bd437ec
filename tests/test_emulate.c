/* The emulator of a card does what kernels rely on, and shows what they must not do. */
#include "cuda/dialect.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct sums_args {
    const float *x;
    float *out;
};

CUDA_KERNEL(sums, sums_args, 256)
{
    CUDA_SHARED float part[8];
    float sum = cuda_block_sum(a.x[blockIdx.x * blockDim.x + threadIdx.x], part);
    a.out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

/* Neighbours through shared memory; without the barrier what a thread finds depends on who was first. */
CUDA_KERNEL(turned, sums_args, 256)
{
    CUDA_SHARED float all[256];
    all[threadIdx.x] = a.x[threadIdx.x];
    __syncthreads();
    a.out[threadIdx.x] = all[255 - threadIdx.x];
}

CUDA_KERNEL(racing, sums_args, 256)
{
    CUDA_SHARED float all[256];
    all[threadIdx.x] = a.x[threadIdx.x];
    a.out[threadIdx.x] = all[255 - threadIdx.x];
}

CUDA_KERNEL(lanes, sums_args, 256)
{
    int lane = (int)(threadIdx.x % CUDA_WARP);
    unsigned odd = __ballot_sync(CUDA_ALL, lane % 2);
    float up = __shfl_up_sync(CUDA_ALL, (float)lane, 1), down = __shfl_down_sync(CUDA_ALL, (float)lane, 3);
    int third = __shfl_sync(CUDA_ALL, lane, 3);
    a.out[threadIdx.x] = up + 100 * down + 10000 * (float)third + (odd == 0xaaaaaaaau ? 0.5f : 0.0f);
}

CUDA_KERNEL(stuck, sums_args, 256)
{
    (void)a;
    if (threadIdx.x % CUDA_WARP != 5)
        __syncwarp();
}

CUDA_KERNEL(apart, sums_args, 256)
{
    (void)a;
    if (threadIdx.x % 2)
        (void)__ballot_sync(CUDA_ALL, 1);
    else
        (void)__shfl_xor_sync(CUDA_ALL, 1, 1);
}

/* What was sent, read before the kernel in front has ended, and after. */
CUDA_KERNEL(ahead, sums_args, 256)
{
    float before = a.x[threadIdx.x];
    uint32_t sure = cuda_ahead_u32((const uint32_t *)(const void *)a.x + threadIdx.x);
    cuda_wait_before();
    a.out[threadIdx.x] = before;
    a.out[blockDim.x + threadIdx.x] = __uint_as_float(sure);
    a.out[2 * blockDim.x + threadIdx.x] = a.x[threadIdx.x];
}

struct one {
    const void *kernel;
    unsigned grid, threads;
    struct sums_args a;
};

static void run(void *ctx)
{
    struct one *o = ctx;
    void *args[] = { &o->a };
    cudaError_t e = cudaLaunchKernel(o->kernel, (dim3){ o->grid, 1, 1 }, (dim3){ o->threads, 1, 1 }, args, 0, NULL);
    check(e == cudaSuccess, "a launch: %s", cudaGetErrorName(e));
}

static int orders_agree(struct one *o)
{
    return device_same_in_orders(NULL, run, o, o->a.out, o->grid * o->threads * sizeof(float));
}

/* What the kernel's misuse makes of a process of its own. */
static void must_end(struct one *o, const char *want, const char *what)
{
    int ends[2], status = 0;
    char said[400] = { 0 };
    check(pipe(ends) == 0, "a pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        run(o);
        _exit(0);
    }
    close(ends[1]);
    for (size_t n = 0; n + 1 < sizeof said;) {
        ssize_t got = read(ends[0], said + n, sizeof said - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(ends[0]);
    waitpid(child, &status, 0);
    check(WIFSIGNALED(status) || WEXITSTATUS(status) != 0, "%s: the process ends", what);
    check(strstr(said, want) != NULL, "%s: '%s' says '%s'", what, said, want);
}

static void test_orders(float *x, float *out)
{
    struct one o = { CUDA_ENTRY(sums), 3, 256, { x, out } };
    check(orders_agree(&o), "sums of a block are the same in all orders");
    double want = 0;
    for (int i = 0; i < 256; i++)
        want += (double)x[256 + i];
    check_near((double)out[256], want, 1e-4, "a block's sum");
    o = (struct one){ CUDA_ENTRY(turned), 1, 256, { x, out } };
    check(orders_agree(&o) && out[3] == x[252], "a barrier makes orders agree");
    o.kernel = CUDA_ENTRY(racing);
    check(!orders_agree(&o), "a missing barrier shows");
    o = (struct one){ CUDA_ENTRY(lanes), 1, 64, { x, out } };
    check(orders_agree(&o), "lanes are the same in all orders");
    check(out[32] == 0 + 300 + 30000 + 0.5f && out[33] == 0 + 400 + 30000 + 0.5f && out[63] == 30 + 3100 + 30000 + 0.5f,
          "lanes take what they name: %g %g %g", (double)out[32], (double)out[33], (double)out[63]);
}

static void test_graph(float *x, float *out)
{
    cudaStream_t s;
    cudaGraph_t g;
    cudaGraphExec_t exec;
    struct sums_args a = { x, out };
    void *args[] = { &a };
    cudaStreamCreate(&s);
    out[0] = 7;
    cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal);
    cudaMemsetAsync(out, 0, 256 * sizeof *out, s);
    cudaLaunchKernel(CUDA_ENTRY(sums), (dim3){ 1, 1, 1 }, (dim3){ 256, 1, 1 }, args, 0, s);
    cudaMemcpyAsync(x, out, 256 * sizeof *out, cudaMemcpyDeviceToDevice, s);
    cudaStreamEndCapture(s, &g);
    check(out[0] == 7, "what is recorded does not run");
    cudaGraphInstantiate(&exec, g, 0);
    a.out = NULL; /* the graph has its own copy */
    x[0] = 3;
    for (int i = 1; i < 256; i++)
        x[i] = 0;
    cudaGraphLaunch(exec, s);
    check(x[0] == 3 && x[255] == 3, "a graph runs once: %g", (double)x[255]);
    cudaGraphLaunch(exec, s);
    check(x[0] == 768, "and again: %g", (double)x[0]);
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(g);
    cudaStreamDestroy(s);
}

static void run_ahead(const struct sums_args *a, int early)
{
    void *args[] = { (void *)(uintptr_t)a };
    cudaLaunchAttribute attribute = { .id = cudaLaunchAttributeProgrammaticStreamSerialization,
                                      .val = { .programmaticStreamSerializationAllowed = 1 } };
    const cudaLaunchConfig_t c = {
        .gridDim = { 1, 1, 1 }, .blockDim = { 32, 1, 1 }, .attrs = &attribute, .numAttrs = early ? 1 : 0
    };
    check(cudaLaunchKernelExC(&c, CUDA_ENTRY(ahead), args) == cudaSuccess, "a launch");
}

/* What is sent to one place twice is not to be relied on before the wait, but by reads that say so. */
static void test_early(float *x, float *out)
{
    const struct sums_args a = { x, out };
    float sent[32] = { 3 };
    for (int i = 0; i < 4; i++) {
        cudaMemcpyAsync(x, sent, sizeof sent, cudaMemcpyHostToDevice, NULL);
        run_ahead(&a, i != 2);
        check((i == 1 || i == 3) == (out[0] != 3), "copy %d: a plain read finds %g", i, (double)out[0]);
        check(out[32] == 3 && out[64] == 3, "copy %d: what is there", i);
    }
    check(x[0] == 3, "what was hidden is back");
}

static void test_memory(void)
{
    void *p, *q;
    size_t room, total;
    emulate_set_memory(1000);
    cudaMemGetInfo(&room, &total);
    check(total == 1000, "memory is what was set");
    emulate_set_memory(total - room + 1000);
    check(cudaMalloc(&p, 900) == cudaSuccess && cudaMalloc(&q, 200) == cudaErrorMemoryAllocation,
          "more than there is cannot be had");
    check(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess,
          "an error is seen once");
    cudaFree(p);
    check(cudaMalloc(&p, 950) == cudaSuccess, "what was given back can be had");
    cudaFree(p);
    emulate_set_error(1, cudaErrorIllegalAddress);
    check(cudaDeviceSynchronize() == cudaSuccess && cudaDeviceSynchronize() == cudaErrorIllegalAddress &&
              cudaDeviceSynchronize() == cudaErrorIllegalAddress,
          "an error that was asked for comes and stays");
    emulate_set_error(0, cudaSuccess);
}

static void test_halves(void)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float x = cuda_from_f16((uint16_t)h);
        uint16_t back = cuda_to_f16(x);
        check(back == h || x != x, "f16 %04x comes back as %04x", h, back);
    }
    static const struct {
        float x;
        uint16_t f16, bf16;
    } cases[] = { { 65519.996f, 0x7bff, 0x4780 },  { 65520, 0x7c00, 0x4780 },          { 0x1p-25f, 0, 0x3300 },
                  { 0x1.000002p-25f, 1, 0x3300 },  { 1.00048828125f, 0x3c00, 0x3f80 }, { 1.00390625f, 0x3c04, 0x3f80 },
                  { -1.01171875f, 0xbc0c, 0xbf82 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cuda_to_f16(cases[i].x) == cases[i].f16 && cuda_to_bf16(cases[i].x) == cases[i].bf16,
              "%a rounds to %04x and %04x", (double)cases[i].x, cuda_to_f16(cases[i].x), cuda_to_bf16(cases[i].x));
}

int main(void)
{
    float *x = device_new(768 * sizeof *x), *out = device_new(768 * sizeof *out);
    device_fill(x, 768, 1);
    test_orders(x, out);
    must_end(&(struct one){ CUDA_ENTRY(stuck), 1, 32, { x, out } },
             "stuck, block (0, 0, 0), thread (0, 0, 0): it waits", "a lane missing");
    must_end(&(struct one){ CUDA_ENTRY(apart), 1, 32, { x, out } }, "different operations", "lanes that part");
    must_end(&(struct one){ CUDA_ENTRY(sums), 1, 512, { x, out } }, "more threads than", "a large block");
    must_end(&(struct one){ CUDA_ENTRY(lanes), 1, 16, { x, out } }, "does not have", "half a warp");
    test_graph(x, out);
    test_early(x, out);
    device_free(x);
    device_free(out);
    test_memory();
    test_halves();
    return check_done("emulate");
}

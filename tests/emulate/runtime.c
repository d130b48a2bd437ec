/* The runtime's calls (include/cuda_runtime_api.h). */
#include <emulate.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAMED(error)                                                                                                   \
    {                                                                                                                  \
        error, #error                                                                                                  \
    }

static const struct {
    cudaError_t error;
    const char *name;
} errors[] = {
    NAMED(cudaSuccess),
    NAMED(cudaErrorInvalidValue),
    NAMED(cudaErrorMemoryAllocation),
    NAMED(cudaErrorInitializationError),
    NAMED(cudaErrorInvalidConfiguration),
    NAMED(cudaErrorInsufficientDriver),
    NAMED(cudaErrorNoDevice),
    NAMED(cudaErrorInvalidDevice),
    NAMED(cudaErrorNoKernelImageForDevice),
    NAMED(cudaErrorECCUncorrectable),
    NAMED(cudaErrorNotReady),
    NAMED(cudaErrorIllegalAddress),
    NAMED(cudaErrorLaunchOutOfResources),
    NAMED(cudaErrorLaunchFailure),
    NAMED(cudaErrorStreamCaptureUnsupported),
    NAMED(cudaErrorUnknown),
};

struct op {
    struct op *next;
    void (*run)(const void *ctx);
    max_align_t ctx[];
};

struct emulate_graph {
    struct op *first, **last;
    unsigned shares;
};

struct emulate_stream {
    struct emulate_graph *capture;
};

struct emulate_event {
    struct timespec at;
};

/* Before each allocation, so that what is given back is counted. */
union head {
    size_t bytes;
    char unused[64];
};

static size_t most = (size_t)1 << 30, used;
static int most_is_set;
static unsigned good_calls;
static cudaError_t broken, last;
static int no_graphs;
static _Thread_local unsigned n_captures; /* what cannot be recorded is refused while a stream records */

void emulate_set_memory(size_t bytes)
{
    most = bytes;
    most_is_set = 1;
}

void emulate_set_error(unsigned after, cudaError_t error)
{
    good_calls = after;
    broken = error;
}

void emulate_set_graphs(int may)
{
    no_graphs = !may;
}

/* A number of the environment, as a user would set it for a program: how many cards there are, ... */
static long from_environment(const char *name, long fallback)
{
    const char *s = getenv(name);
    return s ? strtol(s, NULL, 10) : fallback;
}

/* CHORALE_EMULATE_ERROR=N:E: after N good calls each fails with E. */
static void read_error(void)
{
    static int is_read;
    const char *s = is_read ? NULL : getenv("CHORALE_EMULATE_ERROR"), *colon = s ? strchr(s, ':') : NULL;
    is_read = 1;
    if (colon)
        emulate_set_error((unsigned)strtoul(s, NULL, 10), (cudaError_t)strtol(colon + 1, NULL, 10));
}

/* What a call that can fail gives. */
static cudaError_t outcome(cudaError_t own)
{
    read_error();
    cudaError_t e = own;
    if (broken != cudaSuccess && good_calls == 0)
        e = broken;
    else if (broken != cudaSuccess)
        good_calls--;
    if (e != cudaSuccess)
        last = e;
    return e;
}

const char *cudaGetErrorName(cudaError_t error)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].error == error)
            return errors[i].name;
    return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error)
{
    return cudaGetErrorName(error);
}

cudaError_t cudaGetLastError(void)
{
    cudaError_t e = last;
    last = cudaSuccess;
    return e;
}

cudaError_t cudaPeekAtLastError(void)
{
    return last;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = (int)from_environment("CHORALE_EMULATE_DRIVER", CUDART_VERSION);
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    *n = (int)from_environment("CHORALE_EMULATE_CARDS", 1);
    return *n > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaSetDevice(int device)
{
    return outcome(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDevice(int *device)
{
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaSetDeviceFlags(unsigned flags)
{
    (void)flags;
    return cudaSuccess;
}

static size_t memory(void)
{
    const char *s = getenv("CHORALE_EMULATE_MEMORY");
    if (!most_is_set && s)
        most = (size_t)strtoull(s, NULL, 10);
    most_is_set = 1;
    return most;
}

/* Shared memory of 8.0, of 8.6 and 8.9, and of what came later (CUDA C++ programming guide, technical specifications). */
static size_t most_of_multiprocessor(int major, int minor)
{
    size_t kib = major > 8 ? 228 : minor > 0 ? 100 : 164;
    return kib << 10;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
    if (device != 0)
        return outcome(cudaErrorInvalidDevice);
    memset(p, 0, sizeof *p);
    strcpy(p->name, "emulated");
    p->totalGlobalMem = memory();
    p->sharedMemPerBlock = (size_t)48 << 10;
    p->major = (int)from_environment("CHORALE_EMULATE_CAPABILITY", 90) / 10;
    p->minor = (int)from_environment("CHORALE_EMULATE_CAPABILITY", 90) % 10;
    p->sharedMemPerMultiprocessor = most_of_multiprocessor(p->major, p->minor);
    p->sharedMemPerBlockOptin = p->sharedMemPerMultiprocessor - 1024;
    p->multiProcessorCount = 4; /* so that small cases are split */
    p->l2CacheSize = 1 << 20;
    p->memoryBusWidth = 64;
    p->regsPerBlock = 65536;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
    struct cudaDeviceProp p;
    cudaError_t e = cudaGetDeviceProperties(&p, device);
    if (e != cudaSuccess)
        return e;
    switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrL2CacheSize: *value = p.l2CacheSize; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)p.sharedMemPerBlockOptin; break;
    }
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void)
{
    return outcome(n_captures > 0 ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t cudaDeviceReset(void)
{
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    *total = memory();
    *free_bytes = *total > used ? *total - used : 0;
    return outcome(cudaSuccess);
}

/* Memory that nobody has written holds NaN. */
static void *give(size_t bytes)
{
    union head *h = bytes < SIZE_MAX / 2 ? aligned_alloc(64, sizeof *h + (bytes + 63) / 64 * 64) : NULL;
    if (!h)
        return NULL;
    h->bytes = bytes;
    memset(h + 1, 0xff, bytes);
    return h + 1;
}

/* What a call that fails has given is nobody's. */
static cudaError_t kept(void **p, cudaError_t e)
{
    union head *h = (union head *)*p - 1;
    if (e == cudaSuccess)
        used += h->bytes;
    else
        free(h);
    *p = e == cudaSuccess ? *p : NULL;
    return e;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    size_t room = memory() > used ? memory() - used : 0;
    *p = NULL;
    if (n_captures > 0)
        return outcome(cudaErrorStreamCaptureUnsupported);
    *p = bytes <= room ? give(bytes) : NULL;
    if (!*p)
        return outcome(cudaErrorMemoryAllocation);
    return kept(p, outcome(cudaSuccess));
}

cudaError_t cudaFree(void *p)
{
    if (n_captures > 0)
        return outcome(cudaErrorStreamCaptureUnsupported);
    if (p) {
        union head *h = (union head *)p - 1;
        used -= h->bytes;
        free(h);
    }
    return outcome(cudaSuccess);
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    *p = give(bytes);
    return outcome(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned flags)
{
    (void)flags;
    return cudaMallocHost(p, bytes);
}

cudaError_t cudaFreeHost(void *p)
{
    if (p)
        free((union head *)p - 1);
    return cudaSuccess;
}

cudaError_t cudaHostRegister(void *p, size_t bytes, unsigned flags)
{
    (void)p, (void)bytes, (void)flags;
    return outcome(cudaSuccess);
}

cudaError_t cudaHostUnregister(void *p)
{
    (void)p;
    return cudaSuccess;
}

cudaError_t emulate_submit(cudaStream_t s, void (*run)(const void *ctx), const void *ctx, size_t bytes)
{
    cudaError_t e = outcome(cudaSuccess);
    if (e != cudaSuccess)
        return e;
    if (!s || !s->capture) {
        run(ctx);
        return cudaSuccess;
    }
    struct op *op = malloc(sizeof *op + bytes);
    if (!op)
        return outcome(cudaErrorMemoryAllocation);
    op->next = NULL;
    op->run = run;
    memcpy(op->ctx, ctx, bytes);
    *s->capture->last = op;
    s->capture->last = &op->next;
    return cudaSuccess;
}

struct copy {
    char *to;
    const char *from;
    size_t to_pitch, from_pitch, width, height;
};

static void run_copy(const void *ctx)
{
    const struct copy *c = ctx;
    for (size_t i = 0; i < c->height; i++)
        memmove(c->to + i * c->to_pitch, c->from + i * c->from_pitch, c->width);
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                              size_t height, enum cudaMemcpyKind kind, cudaStream_t s)
{
    struct copy c = { to, from, to_pitch, from_pitch, width, height };
    (void)kind;
    if (width > to_pitch || width > from_pitch || (height > 1 && (to_pitch > INT32_MAX || from_pitch > INT32_MAX)))
        return outcome(cudaErrorInvalidValue);
    return emulate_submit(s, run_copy, &c, sizeof c);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t s)
{
    return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, bytes > 0, kind, s);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    return cudaMemcpyAsync(to, from, bytes, kind, NULL);
}

struct fill {
    void *p;
    int value;
    size_t bytes;
};

static void run_fill(const void *ctx)
{
    const struct fill *f = ctx;
    memset(f->p, f->value, f->bytes);
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s)
{
    struct fill f = { p, value, bytes };
    return emulate_submit(s, run_fill, &f, sizeof f);
}

cudaError_t cudaMemset(void *p, int value, size_t bytes)
{
    return cudaMemsetAsync(p, value, bytes, NULL);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags)
{
    (void)flags;
    *s = calloc(1, sizeof **s);
    return outcome(*s ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaStreamCreate(cudaStream_t *s)
{
    return cudaStreamCreateWithFlags(s, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    free(s);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    return outcome(s && s->capture ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t cudaStreamQuery(cudaStream_t s)
{
    return cudaStreamSynchronize(s);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags)
{
    (void)s, (void)e, (void)flags;
    return outcome(cudaSuccess);
}

struct call {
    cudaHostFn_t f;
    void *ctx;
};

static void run_call(const void *ctx)
{
    const struct call *c = ctx;
    c->f(c->ctx);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t f, void *ctx)
{
    struct call c = { f, ctx };
    return emulate_submit(s, run_call, &c, sizeof c);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags)
{
    (void)flags;
    *e = calloc(1, sizeof **e);
    return outcome(*e ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaEventCreate(cudaEvent_t *e)
{
    return cudaEventCreateWithFlags(e, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    free(e);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    (void)s;
    clock_gettime(CLOCK_MONOTONIC, &e->at);
    return outcome(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    (void)e;
    return outcome(cudaSuccess);
}

cudaError_t cudaEventQuery(cudaEvent_t e)
{
    return cudaEventSynchronize(e);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    double s = (double)(to->at.tv_sec - from->at.tv_sec);
    *ms = (float)(1e3 * s + 1e-6 * (double)(to->at.tv_nsec - from->at.tv_nsec));
    return outcome(cudaSuccess);
}

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
        return outcome(cudaSuccess);
    while (i < sizeof allowed / sizeof *allowed && allowed[i].kernel && allowed[i].kernel != kernel)
        i++;
    struct cudaDeviceProp p;
    cudaGetDeviceProperties(&p, 0);
    if (value < 0 || (size_t)value > p.sharedMemPerBlockOptin || i == sizeof allowed / sizeof *allowed)
        return outcome(cudaErrorInvalidValue);
    allowed[i].kernel = kernel;
    allowed[i].bytes = (size_t)value;
    return outcome(cudaSuccess);
}

/* Whether a launch asks to begin before the kernel in front has ended, which is the one thing that can be asked for. */
static int is_early(const cudaLaunchConfig_t *c)
{
    return c->numAttrs > 0 && c->attrs->val.programmaticStreamSerializationAllowed;
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *c, const void *kernel, void **args)
{
    const dim3 grid = c->gridDim, block = c->blockDim;
    const size_t shared = c->dynamicSmemBytes;
    size_t (*f)(void *const *);
    memcpy(&f, &kernel, sizeof f);
    size_t bytes = f(NULL);
    if (shared > most_shared(kernel))
        return outcome(cudaErrorInvalidValue);
    struct start *s = calloc(1, sizeof *s + bytes);
    if (!s)
        return outcome(cudaErrorMemoryAllocation);
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 || block.x == 0 || block.y == 0 ||
        block.z == 0 || (uint64_t)block.x * block.y * block.z > 1024) {
        free(s);
        return outcome(cudaErrorInvalidConfiguration);
    }
    *s = (struct start){ f, grid, block, shared, is_early(c) };
    memcpy(s->arg, args[0], bytes);
    cudaError_t e = emulate_submit(c->stream, run_start, s, sizeof *s + bytes);
    free(s);
    return e;
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

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode mode)
{
    (void)mode;
    if (!s || s->capture)
        return outcome(cudaErrorStreamCaptureUnsupported);
    s->capture = calloc(1, sizeof *s->capture);
    if (!s->capture)
        return outcome(cudaErrorMemoryAllocation);
    s->capture->last = &s->capture->first;
    s->capture->shares = 1;
    n_captures++;
    return outcome(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g)
{
    *g = s->capture;
    n_captures -= s->capture != NULL;
    s->capture = NULL;
    return outcome(*g ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long flags)
{
    (void)flags;
    cudaError_t e = outcome(no_graphs ? cudaErrorMemoryAllocation : cudaSuccess);
    g->shares += e == cudaSuccess;
    *x = e == cudaSuccess ? g : NULL;
    return e;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s)
{
    for (const struct op *op = x->first; op; op = op->next) {
        cudaError_t e = s && s->capture ? cudaErrorStreamCaptureUnsupported : outcome(cudaSuccess);
        if (e != cudaSuccess)
            return e;
        op->run(op->ctx);
    }
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    if (--g->shares > 0)
        return cudaSuccess;
    for (struct op *op = g->first, *next; op; op = next) {
        next = op->next;
        free(op);
    }
    free(g);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x)
{
    return cudaGraphDestroy(x);
}

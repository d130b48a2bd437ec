#include "cuda/card.h"
#include "cuda/rows_launch.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_MAJOR    8 /* sm_80: bf16 products, 16-byte asynchronous copies */
#define OVERLAPS_MAJOR 9 /* griddepcontrol */

int card_say(int result, struct device_error *error, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(error->text, sizeof error->text, format, list);
    va_end(list);
    return result;
}

int card_alive(const struct device_context *c, struct device_error *error)
{
    return c->dead ? card_say(DEVICE_FAULT, error, "%s", c->fault) : DEVICE_OK;
}

static int lost(struct device_context *c, const char *what, const char *name, struct device_error *error)
{
    if (!c->dead)
        snprintf(c->fault, sizeof c->fault,
                 "%s failed with %s: the card's context is lost; what was acknowledged is kept, start again to go on",
                 what, name);
    c->dead = 1;
    return card_alive(c, error);
}

int card_ok(struct device_context *c, cudaError_t e, const char *what, struct device_error *error)
{
    if (c->dead)
        return card_alive(c, error);
    if (e == cudaSuccess)
        return DEVICE_OK;
    if (e != cudaErrorMemoryAllocation)
        return lost(c, what, cudaGetErrorName(e), error);
    cudaGetLastError(); /* it is no error of the next call */
    return card_say(DEVICE_NO_MEMORY, error, "%s: out of memory", what);
}

int card_product_ok(struct device_context *c, cublasStatus_t e, const char *what, struct device_error *error)
{
    char name[80];
    cudaError_t under = e == CUBLAS_STATUS_SUCCESS ? cudaSuccess : cudaGetLastError();
    snprintf(name, sizeof name, "cuBLASLt status %d%s%s", (int)e, under == cudaSuccess ? "" : ", ",
             under == cudaSuccess ? "" : cudaGetErrorName(under));
    if (c->dead)
        return card_alive(c, error);
    if (e == CUBLAS_STATUS_ALLOC_FAILED)
        return card_say(DEVICE_NO_MEMORY, error, "%s: cuBLASLt is out of memory", what);
    return e == CUBLAS_STATUS_SUCCESS ? DEVICE_OK : lost(c, what, name, error);
}

int card_enter(struct device_context *c, struct device_error *error)
{
    CARD_TRY(card_alive(c, error));
    return card_ok(c, cudaSetDevice((int)c->ordinal), "choosing the card", error);
}

int card_wait(struct device_context *c, const char *what, struct device_error *error)
{
    return card_ok(c, cudaStreamSynchronize(c->stream), what, error);
}

/* Driver, cards and this one's age: its compute capability's major number. */
static int find(uint32_t ordinal, int *major, struct device_error *error)
{
    int n = 0, driver = 0, minor = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
        return card_say(DEVICE_ABSENT, error, "no NVIDIA driver here (libcuda.so.1), want one for CUDA %d.%d or later",
                        CUDART_VERSION / 1000, CUDART_VERSION / 10 % 100);
    cudaError_t e = cudaGetDeviceCount(&n);
    if (e == cudaErrorInsufficientDriver)
        return card_say(DEVICE_ABSENT, error, "the NVIDIA driver is for CUDA %d.%d, want one for %d.%d or later",
                        driver / 1000, driver / 10 % 100, CUDART_VERSION / 1000, CUDART_VERSION / 10 % 100);
    if (e == cudaErrorNoDevice || (e == cudaSuccess && n == 0))
        return card_say(DEVICE_ABSENT, error, "no NVIDIA card that this process may use");
    if (e != cudaSuccess)
        return card_say(DEVICE_ABSENT, error, "asking for the cards failed with %s", cudaGetErrorName(e));
    if (ordinal >= (uint32_t)n)
        return card_say(DEVICE_ABSENT, error, "no such card, there %s %d, numbered from 0", n == 1 ? "is" : "are", n);
    if ((e = cudaDeviceGetAttribute(major, cudaDevAttrComputeCapabilityMajor, (int)ordinal)) != cudaSuccess ||
        (e = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, (int)ordinal)) != cudaSuccess)
        return card_say(DEVICE_ABSENT, error, "asking for its compute capability failed with %s", cudaGetErrorName(e));
    if (*major < LEAST_MAJOR)
        return card_say(DEVICE_ABSENT, error, "the card is of compute capability %d.%d (sm_%d%d), want 8.0 or more",
                        *major, minor, *major, minor);
    return DEVICE_OK;
}

static int start(struct device_context *c, struct device_error *error)
{
    int n = 0;
    CARD_TRY(card_ok(c, cudaSetDevice((int)c->ordinal), "choosing the card", error));
    CARD_TRY(card_ok(c, cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, (int)c->ordinal),
                     "asking for its multiprocessors", error));
    c->n_multiprocessors = (uint32_t)n;
    CARD_TRY(card_ok(c, cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking), "making a stream", error));
    CARD_TRY(card_ok(c, cudaStreamCreateWithFlags(&c->carrier, cudaStreamNonBlocking), "making a stream", error));
    CARD_TRY(card_ok(c, cudaMalloc(&c->work, CARD_WORK), "memory for cuBLASLt's work", error));
    CARD_TRY(card_ok(c, launch_prepare(), "preparing kernels", error));
    CARD_TRY(card_ok(c, rows_launch_prepare(), "preparing kernels", error));
    return card_product_ok(c, cublasLtCreate(&c->products), "starting cuBLASLt", error);
}

int card_open(const struct device_open *o, struct device_context **out, struct device_error *error)
{
    int major = 0;
    *out = NULL;
    CARD_TRY(find(o->ordinal, &major, error));
    struct device_context *c = calloc(1, sizeof *c);
    if (!c)
        return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory for a card's context");
    c->ordinal = o->ordinal;
    c->deterministic = o->deterministic;
    c->overlaps = major >= OVERLAPS_MAJOR;
    int rc = start(c, error);
    if (rc == DEVICE_OK)
        *out = c;
    else
        card_close(c);
    return rc;
}

void card_close(struct device_context *c)
{
    if (!c)
        return;
    if (c->products)
        cublasLtDestroy(c->products);
    cudaFree(c->work);
    if (c->carrier)
        cudaStreamDestroy(c->carrier);
    if (c->stream)
        cudaStreamDestroy(c->stream);
    free(c);
}

int card_info(struct device_context *c, struct device_info *out, struct device_error *error)
{
    struct cudaDeviceProp p;
    size_t free_bytes = 0, total = 0;
    CARD_TRY(card_enter(c, error));
    CARD_TRY(card_ok(c, cudaGetDeviceProperties(&p, (int)c->ordinal), "asking for the card's properties", error));
    CARD_TRY(card_ok(c, cudaMemGetInfo(&free_bytes, &total), "asking for the card's memory", error));
    *out = (struct device_info){ .major = (uint32_t)p.major,
                                 .minor = (uint32_t)p.minor,
                                 .n_multiprocessors = c->n_multiprocessors,
                                 .total = total,
                                 .free = free_bytes };
    snprintf(out->name, sizeof out->name, "%.127s", p.name);
    return DEVICE_OK;
}

/* The best of some copies between two halves, after one that warms up. */
static int time_copies(struct device_context *c, char *memory, size_t half, double *best, struct device_error *error)
{
    cudaEvent_t from, to;
    CARD_TRY(card_ok(c, cudaEventCreate(&from), "making an event", error));
    CARD_TRY(card_ok(c, cudaEventCreate(&to), "making an event", error));
    int rc = DEVICE_OK;
    *best = 0;
    for (int i = 0; i < 8 && rc == DEVICE_OK; i++) {
        float ms = 0;
        cudaError_t e = cudaEventRecord(from, c->stream);
        if (e == cudaSuccess)
            e = cudaMemcpyAsync(memory + half, memory, half, cudaMemcpyDeviceToDevice, c->stream);
        if (e == cudaSuccess)
            e = cudaEventRecord(to, c->stream);
        if (e == cudaSuccess)
            e = cudaEventSynchronize(to);
        if (e == cudaSuccess)
            e = cudaEventElapsedTime(&ms, from, to);
        rc = card_ok(c, e, "timing a copy", error);
        double rate = ms > 0 ? 2 * (double)half / ((double)ms * 1e-3) : 0;
        *best = i > 0 && rate > *best ? rate : *best;
    }
    cudaEventDestroy(from);
    cudaEventDestroy(to);
    return rc;
}

int card_bandwidth(struct device_context *c, uint64_t bytes, double *out, struct device_error *error)
{
    void *memory = NULL;
    size_t half = (size_t)bytes / 2 / 256 * 256;
    CARD_TRY(card_enter(c, error));
    CARD_TRY(card_ok(c, cudaMalloc(&memory, 2 * half), "memory to copy", error));
    int rc = card_ok(c, cudaMemsetAsync(memory, 0x5a, 2 * half, c->stream), "filling memory", error);
    if (rc == DEVICE_OK)
        rc = time_copies(c, memory, half, out, error);
    cudaFree(memory);
    return rc;
}

/* The runtime's calls about memory: what is given holds NaN, and what is given back is counted. */
#include "tests/emulate/runtime.h"
#include "tests/emulate/stale.h"
#include <stdlib.h>

/* Before each allocation, so that what is given back is counted. */
union head {
    size_t bytes;
    char unused[64];
};

static size_t most = (size_t)1 << 30, used;
static int most_is_set;

void emulate_set_memory(size_t bytes)
{
    most = bytes;
    most_is_set = 1;
}

size_t runtime_memory(void)
{
    const char *s = getenv("CHORALE_EMULATE_MEMORY");
    if (!most_is_set && s)
        most = (size_t)strtoull(s, NULL, 10);
    most_is_set = 1;
    return most;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    *total = runtime_memory();
    *free_bytes = *total > used ? *total - used : 0;
    return runtime_outcome(cudaSuccess);
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
    size_t room = runtime_memory() > used ? runtime_memory() - used : 0;
    *p = NULL;
    if (runtime_records())
        return runtime_outcome(cudaErrorStreamCaptureUnsupported);
    *p = bytes <= room ? give(bytes) : NULL;
    if (!*p)
        return runtime_outcome(cudaErrorMemoryAllocation);
    return kept(p, runtime_outcome(cudaSuccess));
}

cudaError_t cudaFree(void *p)
{
    if (runtime_records())
        return runtime_outcome(cudaErrorStreamCaptureUnsupported);
    if (p) {
        union head *h = (union head *)p - 1;
        used -= h->bytes;
        stale_forget(p, h->bytes);
        free(h);
    }
    return runtime_outcome(cudaSuccess);
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    *p = give(bytes);
    return runtime_outcome(*p ? cudaSuccess : cudaErrorMemoryAllocation);
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
    return runtime_outcome(cudaSuccess);
}

cudaError_t cudaHostUnregister(void *p)
{
    (void)p;
    return cudaSuccess;
}

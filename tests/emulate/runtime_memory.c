/* The runtime's calls about memory: what is given holds NaN, and what is given back is counted. */
#include "tests/emulate/runtime.h"
#include "tests/emulate/stale.h"
#include <stdio.h>
#include <stdlib.h>

/* What the card has given, in no order. */
struct given {
    struct given *next;
    char *from;
    size_t bytes;
};

static size_t most = (size_t)1 << 30, used;
static int most_is_set;
static struct given *first;

/* Where allocations of the card lie one behind the other, as a card's own may. */
static struct {
    char *memory;
    size_t bytes, at;
} strip;

int emulate_set_strip(size_t bytes)
{
    free(strip.memory);
    strip.memory = bytes > 0 ? aligned_alloc(256, (bytes + 255) / 256 * 256) : NULL;
    strip.bytes = strip.memory ? bytes : 0;
    strip.at = 0;
    return strip.memory || bytes == 0;
}

static void *give_in_strip(size_t bytes)
{
    size_t whole = (bytes + 255) / 256 * 256;
    if (whole > strip.bytes - strip.at)
        return NULL;
    void *p = strip.memory + strip.at;
    strip.at += whole;
    memset(p, 0xff, bytes);
    return p;
}

int runtime_holds(const void *p, size_t bytes)
{
    for (const struct given *g = first; g; g = g->next)
        if ((const char *)p >= g->from && (const char *)p < g->from + g->bytes)
            return bytes <= (size_t)(g->from + g->bytes - (const char *)p);
    return 0;
}

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
    void *p = bytes < SIZE_MAX / 2 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
    return p ? memset(p, 0xff, bytes) : NULL;
}

static int in_strip(const void *p)
{
    return strip.memory && (const char *)p >= strip.memory && (const char *)p < strip.memory + strip.bytes;
}

static void free_one(void *p)
{
    if (!in_strip(p))
        free(p);
}

/* What a call that fails has given is nobody's. */
static cudaError_t kept(void **p, size_t bytes, cudaError_t e)
{
    struct given *g = e == cudaSuccess ? malloc(sizeof *g) : NULL;
    if (g) {
        *g = (struct given){ first, *p, bytes };
        first = g;
        used += bytes;
        return cudaSuccess;
    }
    free_one(*p);
    *p = NULL;
    return e == cudaSuccess ? runtime_outcome(cudaErrorMemoryAllocation) : e;
}

/* Takes out of the list what begins at p: its bytes. */
static size_t forget(const void *p)
{
    struct given **at = &first;
    while (*at && (*at)->from != p)
        at = &(*at)->next;
    struct given *g = *at;
    if (!g) {
        fprintf(stderr, "emulator: cudaFree() of what cudaMalloc() has not given\n");
        abort();
    }
    size_t bytes = g->bytes;
    *at = g->next;
    free(g);
    return bytes;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    size_t room = runtime_memory() > used ? runtime_memory() - used : 0;
    *p = NULL;
    if (runtime_records())
        return runtime_outcome(cudaErrorStreamCaptureUnsupported);
    if (bytes <= room)
        *p = strip.memory ? give_in_strip(bytes) : give(bytes);
    if (!*p)
        return runtime_outcome(cudaErrorMemoryAllocation);
    return kept(p, bytes, runtime_outcome(cudaSuccess));
}

cudaError_t cudaFree(void *p)
{
    if (runtime_records())
        return runtime_outcome(cudaErrorStreamCaptureUnsupported);
    if (p) {
        size_t bytes = forget(p);
        used -= bytes;
        stale_forget(p, bytes);
        free_one(p);
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
    free(p);
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

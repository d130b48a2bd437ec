/* The runtime's calls about errors and cards. */
#include "tests/emulate/runtime.h"
#include <stdlib.h>

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

static unsigned good_calls;
static cudaError_t broken, last;

void emulate_set_error(unsigned after, cudaError_t error)
{
    good_calls = after;
    broken = error;
}

long runtime_from_environment(const char *name, long fallback)
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

cudaError_t runtime_outcome(cudaError_t own)
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
    *version = (int)runtime_from_environment("CHORALE_EMULATE_DRIVER", CUDART_VERSION);
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    *n = (int)runtime_from_environment("CHORALE_EMULATE_CARDS", 1);
    return *n > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaSetDevice(int device)
{
    return runtime_outcome(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
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

/* Shared memory of 8.0, of 8.6, 8.9 and 12.x, and of 9.0 and 10.x (CUDA C++ programming guide, technical
 * specifications). */
static size_t most_of_multiprocessor(int major, int minor)
{
    size_t kib = major >= 12 ? 100 : major > 8 ? 228 : minor > 0 ? 100 : 164;
    return kib << 10;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
    if (device != 0)
        return runtime_outcome(cudaErrorInvalidDevice);
    memset(p, 0, sizeof *p);
    strcpy(p->name, "emulated");
    p->totalGlobalMem = runtime_memory();
    p->sharedMemPerBlock = (size_t)48 << 10;
    p->major = (int)runtime_from_environment("CHORALE_EMULATE_CAPABILITY", 90) / 10;
    p->minor = (int)runtime_from_environment("CHORALE_EMULATE_CAPABILITY", 90) % 10;
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
    return runtime_outcome(runtime_records() ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t cudaDeviceReset(void)
{
    return cudaSuccess;
}

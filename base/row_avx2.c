/* Row kernels for AVX2 with FMA. */
#define KERNEL           row_kernel_avx2
#define KERNEL_NAME      "avx2"
#define KERNEL_SUPPORTED avx2_supported

#include <stdbool.h>

#if defined(__x86_64__)

#define LANES 8

static bool avx2_supported(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#include "base/row_kernel_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

static bool avx2_supported(void)
{
    return false;
}

#include "base/row_kernel_body.h"

#endif

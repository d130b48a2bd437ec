/* Row kernels for AVX-512 (F, DQ, BW, VL). */
#define KERNEL           row_kernel_avx512
#define KERNEL_NAME      "avx512"
#define KERNEL_SUPPORTED avx512_supported

#include <stdbool.h>

#if defined(__x86_64__)

#define LANES 16

static bool avx512_supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
}

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))),                   \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#endif

#include "base/row_kernel_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

static bool avx512_supported(void)
{
    return false;
}

#include "base/row_kernel_body.h"

#endif

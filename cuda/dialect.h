/* The language that the kernels are written in: what CUDA C and C11 have in common, so that nvcc compiles a .cu file
 * for a card, and a C compiler compiles the same file for the emulator of tests/emulate, which runs it on the host.
 *
 * 1. A kernel takes one structure by value, named a, declared in a header by CUDA_DECLARE(name, structure) and defined
 *    by CUDA_KERNEL(name, structure, threads) { ... }; threads is the most that a block may have; CUDA_KERNEL_OF() says
 *    too how many blocks a multiprocessor must have registers for.  To host code that is compiled apart
 *    CUDA_ENTRY(name) is what cudaLaunchKernel() wants, with one argument: the structure's address.
 * 2. No templates, no overloading, no classes: a kernel's variants are kernels over one CUDA_INLINE function with
 *    constant arguments.  No cuda_bf16.h: bf16 and f16 are uint16_t, converted below.
 * 3. Both languages check it: no implicit conversion from void *, structures are named with `struct`.
 * 4. Threads of a warp synchronise by the ..._sync() functions alone; shared memory is CUDA_SHARED type name[n], or, of
 *    a size that the launch gives, CUDA_DYNAMIC_SHARED(type, name).  What a barrier orders is ordered by nothing else:
 *    the emulator runs threads one after the other, in any order, from one barrier to the next. */
#ifndef CUDA_DIALECT_H
#define CUDA_DIALECT_H

#include <stddef.h>
#include <stdint.h>

#define CUDA_WARP 32u
#define CUDA_ALL  0xffffffffu /* lanes */

#if defined(__CUDACC__)

#define CUDA_DECLARE(name, type) extern "C" __global__ void name(const __grid_constant__ struct type a)
#define CUDA_KERNEL(name, type, threads)                                                                               \
    extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ struct type a)
#define CUDA_KERNEL_OF(name, type, threads, blocks)                                                                    \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ struct type a)
#define CUDA_INLINE static __device__ __forceinline__
#define CUDA_SHARED __shared__
#define CUDA_DYNAMIC_SHARED(type, name)                                                                                \
    extern __shared__ uint4 cuda_dynamic_shared[];                                                                     \
    type *name = (type *)cuda_dynamic_shared
#define CUDA_TABLE    static const __constant__
#define CUDA_RESTRICT __restrict__
#define CUDA_UNROLL   _Pragma("unroll")
#define CUDA_UNROLL4  _Pragma("unroll 4")
#define CUDA_ONCE     _Pragma("unroll 1")

#elif defined(CHORALE_EMULATE)

#include <emulate.h>

#define CUDA_DECLARE(name, type) size_t name(void *const *args)
#define CUDA_KERNEL(name, type, threads)                                                                               \
    static void name##_thread(const struct type a);                                                                    \
    size_t name(void *const *args)                                                                                     \
    {                                                                                                                  \
        if (args) {                                                                                                    \
            emulate_enter(#name, (threads));                                                                           \
            name##_thread(*(const struct type *)args[0]);                                                              \
        }                                                                                                              \
        return sizeof(struct type);                                                                                    \
    }                                                                                                                  \
    static void name##_thread(const struct type a)
#define CUDA_KERNEL_OF(name, type, threads, blocks) CUDA_KERNEL(name, type, threads)
#define CUDA_INLINE                                 static inline /* once for all kernels: compiled in an instant */
#define CUDA_SHARED                                 static __attribute__((section("cuda_shared")))
#define CUDA_DYNAMIC_SHARED(type, name)             type *name = (type *)emulate_dynamic_shared()
#define CUDA_TABLE                                  static const
#define CUDA_RESTRICT                               __restrict
#define CUDA_UNROLL
#define CUDA_UNROLL4
#define CUDA_ONCE

#else

#define CUDA_DECLARE(name, type) void name(void)

#endif

#if defined(__CUDACC__) || !defined(__GNUC__)
#define CUDA_ENTRY(name) ((const void *)(name))
#else
#define CUDA_ENTRY(name) (__extension__(const void *)(name))
#endif

#if defined(__CUDACC__)

/* Asks for a line of 128 bytes, which may be anywhere, to come into the second cache. */
CUDA_INLINE void cuda_prefetch(const void *p)
{
    asm volatile("prefetch.global.L2 [%0];" : : "l"(p));
}

/* Reads in front of cuda_wait_before(), of what no kernel writes that may still run.  They go past the first cache: what
 * lies there may be of a pass before, of lines that copies have written anew since, and only a kernel that has waited is
 * promised that it is not.  They stay in front of the wait. */
CUDA_INLINE uint32_t cuda_ahead_u32(const uint32_t *p)
{
    uint32_t x;
    asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(x) : "l"(p));
    return x;
}

CUDA_INLINE float cuda_ahead_f32(const float *p)
{
    float x;
    asm volatile("ld.global.cg.f32 %0, [%1];" : "=f"(x) : "l"(p));
    return x;
}

/* At a multiple of 16 bytes. */
CUDA_INLINE float4 cuda_ahead_f32x4(const float *p)
{
    float4 x;
    asm volatile("ld.global.cg.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w) : "l"(p));
    return x;
}

CUDA_INLINE void *cuda_ahead_pointer(const void *p)
{
    void *x;
    asm volatile("ld.global.cg.u64 %0, [%1];" : "=l"(x) : "l"(p));
    return x;
}

/* Exact, and to the nearest with ties to even. */
CUDA_INLINE float cuda_from_f16(uint16_t h)
{
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
    return x;
}

CUDA_INLINE uint16_t cuda_to_f16(float x)
{
    uint16_t h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
}

CUDA_INLINE uint16_t cuda_to_bf16(float x)
{
    uint16_t h;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
}

/* A pair, the first in the low half. */
CUDA_INLINE uint32_t cuda_to_bf16x2(float low, float high)
{
    uint32_t h;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(h) : "f"(high), "f"(low));
    return h;
}

/* 16 bytes, or 8, on their way from memory into shared memory, where the thread that asked for them may read them once
 * their group has come, and others after a barrier with it.  cuda_copies_close() ends a group, which may be empty;
 * cuda_copies_wait(n), n < 4 a constant, waits for all groups but the last n. */
CUDA_INLINE void cuda_copy8(void *shared, const void *p)
{
    asm volatile("cp.async.ca.shared.global.L2::128B [%0], [%1], 8;" ::"r"((uint32_t)__cvta_generic_to_shared(shared)),
                 "l"(p)
                 : "memory");
}

CUDA_INLINE void cuda_copy16(void *shared, const void *p)
{
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"((uint32_t)__cvta_generic_to_shared(shared)),
                 "l"(p)
                 : "memory");
}

CUDA_INLINE void cuda_copies_close(void)
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

CUDA_INLINE void cuda_copies_wait(const uint32_t n)
{
    switch (n) {
    case 0: asm volatile("cp.async.wait_group 0;" ::: "memory"); break;
    case 1: asm volatile("cp.async.wait_group 1;" ::: "memory"); break;
    case 2: asm volatile("cp.async.wait_group 2;" ::: "memory"); break;
    default: asm volatile("cp.async.wait_group 3;" ::: "memory"); break;
    }
}

/* Launched as a dependent (cudaLaunchAttributeProgrammaticStreamSerialization), a kernel may start once every block of
 * the one before it has called cuda_let_next() or ended; it must call cuda_wait_before() before it touches what any
 * kernel before it writes or reads what any of them may overwrite, and does so in every block: who has waited for the
 * one before has waited for all.  Otherwise both do nothing. */
CUDA_INLINE void cuda_wait_before(void)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

CUDA_INLINE void cuda_let_next(void)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* The number of this thread's warp, which the compiler then knows all lanes to have: of shuffles in loops of a warp it
 * makes no second copy, for lanes apart. */
CUDA_INLINE uint32_t cuda_warp(void)
{
    return __shfl_sync(CUDA_ALL, threadIdx.x / CUDA_WARP, 0);
}

#define cuda_fma(x, y, z) __fmaf_rn(x, y, z)

#elif defined(CHORALE_EMULATE)

CUDA_INLINE void cuda_prefetch(const void *p)
{
    (void)p;
}

CUDA_INLINE uint32_t cuda_ahead_u32(const uint32_t *p)
{
    uint32_t x;
    emulate_ahead(&x, p, sizeof x);
    return x;
}

CUDA_INLINE float cuda_ahead_f32(const float *p)
{
    float x;
    emulate_ahead(&x, p, sizeof x);
    return x;
}

CUDA_INLINE float4 cuda_ahead_f32x4(const float *p)
{
    float4 x;
    emulate_ahead(&x, p, sizeof x);
    return x;
}

CUDA_INLINE void *cuda_ahead_pointer(const void *p)
{
    void *x;
    emulate_ahead(&x, p, sizeof x);
    return x;
}

CUDA_INLINE float cuda_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 0x1fu, fraction = h & 0x3ffu;
    if (exponent == 0x1f)
        return __uint_as_float(sign | 0x7f800000u | fraction << 13);
    if (exponent > 0)
        return __uint_as_float(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float x = (float)fraction * 0x1p-24f;
    return sign ? -x : x;
}

CUDA_INLINE uint16_t cuda_to_f16(float x)
{
    uint32_t bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, most = bits & 0x7fffffffu;
    if (most > 0x7f800000u)
        return 0x7fff;
    if (most >= 0x477ff000u) /* 65520 and above */
        return (uint16_t)(sign | 0x7c00u);
    if (most < 0x38800000u) /* below 2^-14: a sum that rounds to multiples of 2^-24 */
        return (uint16_t)(sign | (__float_as_uint(__uint_as_float(most) + 0.5f) - 0x3f000000u));
    most += 0xfffu + (most >> 13 & 1u);
    return (uint16_t)(sign | ((most - 0x38000000u) >> 13));
}

CUDA_INLINE uint16_t cuda_to_bf16(float x)
{
    uint32_t bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff;
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

CUDA_INLINE uint32_t cuda_to_bf16x2(float low, float high)
{
    return (uint32_t)cuda_to_bf16(low) | (uint32_t)cuda_to_bf16(high) << 16;
}

CUDA_INLINE void cuda_copy8(void *shared, const void *p)
{
    emulate_copy(shared, p, 8);
}

CUDA_INLINE void cuda_copy16(void *shared, const void *p)
{
    emulate_copy(shared, p, 16);
}

CUDA_INLINE void cuda_copies_close(void)
{
    emulate_copies_close();
}

CUDA_INLINE void cuda_copies_wait(const uint32_t n)
{
    emulate_copies_wait(n);
}

CUDA_INLINE void cuda_wait_before(void)
{
    emulate_wait_before();
}

CUDA_INLINE void cuda_let_next(void)
{
}

CUDA_INLINE uint32_t cuda_warp(void)
{
    return threadIdx.x / CUDA_WARP;
}

#define cuda_fma(x, y, z) ((x) * (y) + (z))

#endif

#if defined(__CUDACC__) || defined(CHORALE_EMULATE)

CUDA_INLINE float cuda_from_bf16(uint16_t h)
{
    return __uint_as_float((uint32_t)h << 16);
}

/* The two of a pair. */
CUDA_INLINE float cuda_low_bf16(uint32_t pair)
{
    return __uint_as_float(pair << 16);
}

CUDA_INLINE float cuda_high_bf16(uint32_t pair)
{
    return __uint_as_float(pair & 0xffff0000u);
}

/* Over the lanes of a full warp; all get the result, in one order whatever is summed. */
CUDA_INLINE float cuda_warp_sum(float x)
{
    CUDA_UNROLL
    for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2)
        x += __shfl_xor_sync(CUDA_ALL, x, (int)step);
    return x;
}

CUDA_INLINE float cuda_warp_max(float x)
{
    CUDA_UNROLL
    for (unsigned step = CUDA_WARP / 2; step > 0; step /= 2)
        x = fmaxf(x, __shfl_xor_sync(CUDA_ALL, x, (int)step));
    return x;
}

/* Over the threads of a block of full warps, by all of them; part has room for a float of each warp, and may be used
 * again at once. */
CUDA_INLINE float cuda_block_sum(float x, float *part)
{
    unsigned lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP, n = blockDim.x / CUDA_WARP;
    x = cuda_warp_sum(x);
    if (lane == 0)
        part[warp] = x;
    __syncthreads();
    x = cuda_warp_sum(lane < n ? part[lane] : 0.0f);
    __syncthreads();
    return x;
}

/* Whether x is neither NaN nor infinite. */
CUDA_INLINE int cuda_finite(float x)
{
    return (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u;
}

#endif
#endif

/* What a kernel sees of a card, on the host: cuda/dialect.h includes this where a C compiler compiles a .cu file.
 *
 * Each thread of a block is a fiber; a block runs until all its threads have ended, blocks one after the other.
 * Between two barriers (of the block or of lanes of a warp) a thread runs alone and unbroken, so that what depends on
 * more than barriers gives other numbers in another order: emulate_set_order().  Misuse ends the process with the
 * kernel, block and thread named: lanes that meet in different operations or are not in their own mask, a barrier that
 * others never reach, a block larger than the kernel allows, a launch without a thread, a thread that ends with copies
 * under way, or without having waited for the kernel in front where its own may begin early.  What the host sends to
 * the same place in each pass is 0xff to plain reads of such a kernel until it has waited. */
#ifndef EMULATE_H
#define EMULATE_H

#include <cuda_runtime_api.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum emulate_order { EMULATE_FORWARD, EMULATE_REVERSE, EMULATE_SHUFFLED };

/* The order of blocks, and of a block's threads between two barriers, from the next launch on.  At the start it is that
 * of the environment's CHORALE_EMULATE_ORDER (forward, reverse, shuffled), or forward. */
void emulate_set_order(enum emulate_order order, uint64_t seed);

/* Barriers and launches since the start, for tests of the emulator. */
struct emulate_count {
    uint64_t launches, blocks, threads, block_barriers, warp_barriers;
};
struct emulate_count emulate_counted(void);

/* One launch of a kernel in the form that CUDA_KERNEL gives it. */
struct emulate_launch {
    size_t (*kernel)(void *const *args);
    dim3 grid, block;
    void *const *args;
    size_t shared;
    int early; /* it may begin before the kernel in front has ended: each thread must wait for that one */
};
void emulate_run(const struct emulate_launch *l);

/* Launches are refused or not, as a card would, and shown, but not run; NULL: they are run. */
typedef void emulate_shown(const cudaLaunchConfig_t *c, const void *kernel);
void emulate_set_shown(emulate_shown *show);

/* Called by kernels. */

struct emulate_place {
    uint3 thread, block;
};
extern struct emulate_place *emulate_now; /* of the running thread */
extern dim3 gridDim, blockDim;

#define threadIdx (emulate_now->thread)
#define blockIdx  (emulate_now->block)

void emulate_enter(const char *kernel, unsigned most_threads);
void *emulate_dynamic_shared(void);

enum emulate_op { EMULATE_SYNC, EMULATE_XOR, EMULATE_UP, EMULATE_DOWN, EMULATE_LANE, EMULATE_BALLOT };

/* Meets the other lanes of the mask in op; what it gives this lane, of what each lane brings. */
uint64_t emulate_meet(enum emulate_op op, unsigned mask, uint64_t bring, int at);
void emulate_barrier(void);
void emulate_wait_before(void);
void emulate_ahead(void *to, const void *from, size_t bytes); /* reads what is there, where others may see the old */

/* Copies of up to 16 bytes into shared memory, in groups, which are made when they are waited for: not before. */
void emulate_copy(void *shared, const void *from, unsigned bytes);
void emulate_copies_close(void);
void emulate_copies_wait(unsigned n); /* for all groups but the last n */
int emulate_barrier_count(int yes);   /* of how many threads yes is not zero */

#define __syncthreads()              emulate_barrier()
#define __syncthreads_count(x)       emulate_barrier_count(x)
#define __syncthreads_or(x)          (emulate_barrier_count(x) > 0)
#define __syncthreads_and(x)         (emulate_barrier_count(!(x)) == 0)
#define __syncwarp()                 ((void)emulate_meet(EMULATE_SYNC, 0xffffffffu, 0, 0))
#define __ballot_sync(mask, x)       ((unsigned)emulate_meet(EMULATE_BALLOT, (mask), (x) ? 1 : 0, 0))
#define __any_sync(mask, x)          (__ballot_sync((mask), (x)) != 0)
#define __all_sync(mask, x)          (__ballot_sync((mask), !(x)) == 0)
#define __threadfence()              ((void)0)
#define __threadfence_block()        ((void)0)
#define __shfl_xor_sync(mask, x, n)  EMULATE_SHUFFLE(EMULATE_XOR, mask, x, n)
#define __shfl_up_sync(mask, x, n)   EMULATE_SHUFFLE(EMULATE_UP, mask, x, n)
#define __shfl_down_sync(mask, x, n) EMULATE_SHUFFLE(EMULATE_DOWN, mask, x, n)
#define __shfl_sync(mask, x, n)      EMULATE_SHUFFLE(EMULATE_LANE, mask, x, n)

#define EMULATE_SHUFFLE(op, mask, x, n)                                                                                \
    _Generic((x), float                                                                                                \
             : emulate_shuffle_f32, double                                                                             \
             : emulate_shuffle_f64, int                                                                                \
             : emulate_shuffle_i32, unsigned                                                                           \
             : emulate_shuffle_u32, long                                                                               \
             : emulate_shuffle_i64, unsigned long                                                                      \
             : emulate_shuffle_u64)(op, mask, x, (int)(n))

#define EMULATE_SHUFFLES(X) X(float, f32) X(double, f64) X(int, i32) X(unsigned, u32) X(long, i64) X(unsigned long, u64)
#define X(type, stem)                                                                                                  \
    static inline type emulate_shuffle_##stem(enum emulate_op op, unsigned mask, type x, int at)                       \
    {                                                                                                                  \
        uint64_t bits = 0;                                                                                             \
        memcpy(&bits, &x, sizeof x);                                                                                   \
        bits = emulate_meet(op, mask, bits, at);                                                                       \
        memcpy(&x, &bits, sizeof x);                                                                                   \
        return x;                                                                                                      \
    }
EMULATE_SHUFFLES(X)
#undef X

/* Threads take turns: what is atomic on a card is plain here. */
#define EMULATE_ATOMICS(X) X(float, f32) X(double, f64) X(int, i32) X(unsigned, u32) X(unsigned long long, u64)
#define X(type, stem)                                                                                                  \
    static inline type emulate_add_##stem(type *p, type x)                                                             \
    {                                                                                                                  \
        type old = *p;                                                                                                 \
        *p = old + x;                                                                                                  \
        return old;                                                                                                    \
    }                                                                                                                  \
    static inline type emulate_exchange_##stem(type *p, type x)                                                        \
    {                                                                                                                  \
        type old = *p;                                                                                                 \
        *p = x;                                                                                                        \
        return old;                                                                                                    \
    }
EMULATE_ATOMICS(X)
#undef X
#define EMULATE_INTEGER_ATOMICS(X) X(int, i32) X(unsigned, u32) X(unsigned long long, u64)
#define X(type, stem)                                                                                                  \
    static inline type emulate_max_##stem(type *p, type x)                                                             \
    {                                                                                                                  \
        return emulate_exchange_##stem(p, *p > x ? *p : x);                                                            \
    }                                                                                                                  \
    static inline type emulate_min_##stem(type *p, type x)                                                             \
    {                                                                                                                  \
        return emulate_exchange_##stem(p, *p < x ? *p : x);                                                            \
    }                                                                                                                  \
    static inline type emulate_or_##stem(type *p, type x)                                                              \
    {                                                                                                                  \
        return emulate_exchange_##stem(p, *p | x);                                                                     \
    }                                                                                                                  \
    static inline type emulate_swap_##stem(type *p, type want, type x)                                                 \
    {                                                                                                                  \
        return emulate_exchange_##stem(p, *p == want ? x : *p);                                                        \
    }
EMULATE_INTEGER_ATOMICS(X)
#undef X

#define EMULATE_EACH_INTEGER(stem) int * : stem##_i32, unsigned * : stem##_u32, unsigned long long * : stem##_u64
#define EMULATE_EACH(stem)         float * : stem##_f32, double * : stem##_f64, EMULATE_EACH_INTEGER(stem)
#define atomicAdd(p, x)            _Generic((p), EMULATE_EACH(emulate_add))(p, x)
#define atomicExch(p, x)           _Generic((p), EMULATE_EACH(emulate_exchange))(p, x)
#define atomicMax(p, x)            _Generic((p), EMULATE_EACH_INTEGER(emulate_max))(p, x)
#define atomicMin(p, x)            _Generic((p), EMULATE_EACH_INTEGER(emulate_min))(p, x)
#define atomicOr(p, x)             _Generic((p), EMULATE_EACH_INTEGER(emulate_or))(p, x)
#define atomicCAS(p, want, x)      _Generic((p), EMULATE_EACH_INTEGER(emulate_swap))(p, want, x)

static inline float __uint_as_float(unsigned bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline unsigned __float_as_uint(float x)
{
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline int __float_as_int(float x)
{
    return (int)__float_as_uint(x);
}

static inline float __int_as_float(int bits)
{
    return __uint_as_float((unsigned)bits);
}

static inline double __longlong_as_double(long long bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline long long __double_as_longlong(double x)
{
    long long bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return (unsigned)((uint64_t)a * b >> 32);
}

static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}

static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}

static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}

static inline unsigned __brev(unsigned x)
{
    unsigned r = 0;
    for (int i = 0; i < 32; i++)
        r |= (x >> i & 1u) << (31 - i);
    return r;
}

/* c plus the products of four pairs of signed bytes. */
static inline int __dp4a(int a, int b, int c)
{
    for (int i = 0; i < 32; i += 8)
        c += (int)(int8_t)((unsigned)a >> i) * (int)(int8_t)((unsigned)b >> i);
    return c;
}

/* Bytes of (y, x), each named by a hex digit of s. */
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned s)
{
    uint64_t all = (uint64_t)y << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++)
        r |= (unsigned)(all >> (s >> 4 * i & 7u) * 8 & 0xffu) << 8 * i;
    return r;
}

#define __ldg(p)         (*(p))
#define __ldcs(p)        (*(p))
#define __stcs(p, x)     ((void)(*(p) = (x)))
#define __expf           expf
#define __logf           logf
#define __fdividef(x, y) ((x) / (y))
#define rsqrtf(x)        (1.0f / sqrtf(x))
#define __trap()         __builtin_trap()

#endif

/* Products of few rows with weights without blocks, at the speed at which weights can be read.
 *
 * A block makes OUT outputs, and as many gates, for up to ROWS rows at a time, a unit, and one unit after the other.  Each
 * thread takes eight values of every RING_CHUNK of a row of weights, so that a weight is read once, in 16 bytes a thread;
 * weights are on their way into shared memory STAGES chunks before they are used, across units, and before the kernel in front
 * has ended.  A row's sum is that of its threads' sums, of lanes and then of warps, which know nothing of other rows. */
#include "cuda/apart.h"
#include "cuda/product.h"

#define RING_CHUNK (8u * PRODUCT_THREADS)
#define RING_SUMS  16u /* of a unit at most: a power of two */

struct raw {
    uint4 low, high; /* high: of float32 alone */
};

CUDA_INLINE void two(const uint32_t TYPE, uint32_t pair, float *v)
{
    v[0] = TYPE == CUDA_BF16 ? cuda_low_bf16(pair) : cuda_from_f16((uint16_t)(pair & 0xffffu));
    v[1] = TYPE == CUDA_BF16 ? cuda_high_bf16(pair) : cuda_from_f16((uint16_t)(pair >> 16));
}

CUDA_INLINE void values_of(const uint32_t TYPE, const struct raw *x, float v[8])
{
    if (TYPE == CUDA_F32) {
        v[0] = __uint_as_float(x->low.x);
        v[1] = __uint_as_float(x->low.y);
        v[2] = __uint_as_float(x->low.z);
        v[3] = __uint_as_float(x->low.w);
        v[4] = __uint_as_float(x->high.x);
        v[5] = __uint_as_float(x->high.y);
        v[6] = __uint_as_float(x->high.z);
        v[7] = __uint_as_float(x->high.w);
        return;
    }
    two(TYPE, x->low.x, v);
    two(TYPE, x->low.y, v + 2);
    two(TYPE, x->low.z, v + 4);
    two(TYPE, x->low.w, v + 6);
}

/* Where this thread's 16 bytes of a row of weights lie while they wait. */
CUDA_INLINE char *ring_place(char *ring, uint32_t at)
{
    return ring + ((size_t)at * PRODUCT_THREADS + threadIdx.x) * 16;
}

/* Asks for chunk `step` of a unit's rows of k values of type W, if there are any; always ends a group. */
CUDA_INLINE void ring_ask(const struct product_outputs *rows, const uint32_t W, const uint32_t ALL, uint32_t k,
                          uint32_t step, char *ring, uint32_t stage)
{
    const uint32_t PARTS = W == CUDA_F32 ? 2 : 1;
    uint32_t at = step * RING_CHUNK + 8 * threadIdx.x;
    if (at + 8 <= k && rows->n > 0) {
        CUDA_UNROLL
        for (uint32_t j = 0; j < ALL; j++) {
            CUDA_UNROLL
            for (uint32_t p = 0; p < PARTS; p++)
                cuda_copy16(ring_place(ring, (stage * ALL + j) * PARTS + p),
                            rows->row[j] + (size_t)at * product_bytes(W) + 16 * p);
        }
    }
    cuda_copies_close();
}

CUDA_INLINE void ring_take(const uint32_t W, char *ring, uint32_t at, float v[8])
{
    const uint32_t PARTS = W == CUDA_F32 ? 2 : 1;
    struct raw x;
    x.low = *(const uint4 *)ring_place(ring, at * PARTS);
    if (PARTS > 1)
        x.high = *(const uint4 *)ring_place(ring, at * PARTS + 1);
    values_of(W, &x, v);
}

/* A unit's sums over the block: thread j * ROWS + r ends with that of its output for its row, and with its gate's.  Warps
 * that have none of k's values add nothing. */
CUDA_INLINE void ring_sum(float *sum, uint32_t OUT, const uint32_t ROWS, const uint32_t ALL, uint32_t k,
                          float (*part)[RING_SUMS], float *y, float *gate)
{
    const uint32_t N = ALL * ROWS;
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP;
    uint32_t warps = (k + 8 * CUDA_WARP - 1) / (8 * CUDA_WARP);
    warps = warps < PRODUCT_WARPS ? warps : PRODUCT_WARPS;
    if (warp < warps) {
        apart_sum(sum, N, CUDA_WARP, lane);
        if (lane % (CUDA_WARP / N) == 0)
            part[warp][apart_held(N, CUDA_WARP, lane)] = sum[0];
    }
    __syncthreads();
    *y = *gate = 0.0f;
    if (threadIdx.x >= OUT * ROWS)
        return;
    for (uint32_t w = 0; w < warps; w++) {
        *y += part[w][threadIdx.x];
        *gate += ALL > OUT ? part[w][OUT * ROWS + threadIdx.x] : 0.0f;
    }
}

CUDA_INLINE void read_x(const uint32_t X, const char *row, uint32_t k, float v[8])
{
    struct raw x;
    if (X == CUDA_F32) {
        x.low = *(const uint4 *)(row + 4 * (size_t)k);
        x.high = *(const uint4 *)(row + 4 * (size_t)k + 16);
    } else {
        x.low = *(const uint4 *)(row + 2 * (size_t)k);
    }
    values_of(X, &x, v);
}

/* What a block asks for, in the order in which it will be used. */
struct asked {
    struct product_outputs rows;
    uint32_t unit, step, stage;
};

/* The next chunk: of the block's next unit once all of one is asked for. */
CUDA_INLINE void ask(const struct cuda_product_args *a, const uint32_t W, const uint32_t ALL, const uint32_t GATED,
                     const uint32_t STAGES, uint32_t expert, char *ring, struct asked *k)
{
    if (k->step * RING_CHUNK >= a->w.k) {
        k->step = 0;
        k->unit += gridDim.x;
        product_outputs(a, ALL, GATED, expert, k->unit, &k->rows);
    }
    ring_ask(&k->rows, W, ALL, a->w.k, k->step, ring, k->stage);
    k->stage = k->stage + 1 < STAGES ? k->stage + 1 : 0;
    k->step++;
}

/* The last k % 8 values, by the thread whose turn it is. */
CUDA_INLINE void take_rest(const uint32_t W, const uint32_t X, const char *row, const char *x, uint32_t k, float *sum)
{
    uint32_t from = k / 8 * 8;
    if (threadIdx.x != k / 8 % PRODUCT_THREADS)
        return;
    for (uint32_t i = from; i < k; i++)
        *sum = cuda_fma(cuda_load(W, row, i), cuda_load(X, x, i), *sum);
}

CUDA_INLINE void product(const struct cuda_product_args *a, const uint32_t W, const uint32_t X, const uint32_t ROWS,
                         const uint32_t OUT, const uint32_t GATED, const uint32_t STAGES)
{
    CUDA_DYNAMIC_SHARED(char, ring);
    CUDA_SHARED float part[2][PRODUCT_WARPS][RING_SUMS];
    const uint32_t ALL = GATED ? 2 * OUT : OUT, PARTS = W == CUDA_F32 ? 2 : 1;
    uint32_t k = a->w.k, first = blockIdx.y * ROWS, expert = 0, turn = 0, stage = 0;
    uint32_t n = a->m - first < ROWS ? a->m - first : ROWS;
    struct product_outputs o;
    struct asked asked;
    cuda_let_next();
    if (a->which) {
        cuda_wait_before();
        expert = a->which[(size_t)first * a->which_step];
    }
    product_outputs(a, ALL, GATED, expert, blockIdx.x, &o);
    asked.rows = o;
    asked.unit = blockIdx.x;
    asked.step = asked.stage = 0;
    CUDA_UNROLL
    for (uint32_t i = 0; i < STAGES; i++)
        ask(a, W, ALL, GATED, STAGES, expert, ring, &asked);
    cuda_wait_before();
    const char *from = (const char *)a->x + (size_t)(first / a->per) * a->x_stride * product_bytes(X);
    uint64_t step = (uint64_t)a->x_stride * product_bytes(X);
    if (a->norm.weight) {
        char *normed = ring + (size_t)STAGES * ALL * PARTS * PRODUCT_THREADS * 16;
        step = (uint64_t)(k + 7) / 8 * 8 * product_bytes(X);
        product_norm(a, first, n, X, normed, step);
        from = normed;
    }
    CUDA_ONCE
    for (uint32_t unit = blockIdx.x; o.n > 0; turn ^= 1) {
        float sum[RING_SUMS], y, gate;
        CUDA_UNROLL
        for (uint32_t i = 0; i < ALL * ROWS; i++)
            sum[i] = 0.0f;
        CUDA_ONCE
        for (uint32_t at = 8 * threadIdx.x; at - 8 * threadIdx.x < k; at += RING_CHUNK) {
            float w[4][8], x[8];
            cuda_copies_wait(STAGES - 1);
            CUDA_UNROLL
            for (uint32_t j = 0; j < ALL; j++)
                ring_take(W, ring, stage * ALL + j, w[j]);
            stage = stage + 1 < STAGES ? stage + 1 : 0;
            ask(a, W, ALL, GATED, STAGES, expert, ring, &asked);
            if (at + 8 > k)
                continue;
            CUDA_UNROLL
            for (uint32_t r = 0; r < ROWS; r++) {
                read_x(X, from + (r < n ? r : 0) * step, at, x);
                CUDA_UNROLL
                for (uint32_t j = 0; j < ALL; j++) {
                    CUDA_UNROLL
                    for (uint32_t i = 0; i < 8; i++)
                        sum[j * ROWS + r] = cuda_fma(w[j][i], x[i], sum[j * ROWS + r]);
                }
            }
        }
        CUDA_UNROLL
        for (uint32_t i = 0; i < ALL * ROWS; i++)
            if (k % 8 > 0)
                take_rest(W, X, o.row[i / ROWS], from + (i % ROWS < n ? i % ROWS : 0) * step, k, &sum[i]);
        ring_sum(sum, OUT, ROWS, ALL, k, part[turn], &y, &gate);
        if (threadIdx.x < OUT * ROWS && threadIdx.x / ROWS < o.n && threadIdx.x % ROWS < n)
            product_end(a, first + threadIdx.x % ROWS, o.first + threadIdx.x / ROWS, y, gate);
        unit += gridDim.x;
        product_outputs(a, ALL, GATED, expert, unit, &o);
    }
}

#define PRODUCT(name, weights, values, rows, out, gated, stages)                                                       \
    CUDA_KERNEL_OF(name, cuda_product_args, PRODUCT_THREADS, 2)                                                        \
    {                                                                                                                  \
        product(&a, weights, values, rows, out, gated, stages);                                                        \
    }
/* Outputs of a unit: such that rows times outputs (and gates) fit the registers.  launch_product.c knows them too. */
#define PRODUCTS(stem, weights, values, stages)                                                                        \
    PRODUCT(cuda_product_##stem##_1, weights, values, 1, 4, 0, stages)                                                 \
    PRODUCT(cuda_product_##stem##_4, weights, values, 4, 4, 0, stages)                                                 \
    PRODUCT(cuda_product_##stem##_8, weights, values, 8, 2, 0, stages)                                                 \
    PRODUCT(cuda_product_##stem##_1_gated, weights, values, 1, 2, 1, stages)                                           \
    PRODUCT(cuda_product_##stem##_4_gated, weights, values, 4, 2, 1, stages)                                           \
    PRODUCT(cuda_product_##stem##_8_gated, weights, values, 8, 1, 1, stages)

PRODUCTS(bf16, CUDA_BF16, CUDA_BF16, CUDA_PRODUCT_STAGES)
PRODUCTS(bf16_f32, CUDA_BF16, CUDA_F32, CUDA_PRODUCT_STAGES)
PRODUCTS(f16, CUDA_F16, CUDA_F16, CUDA_PRODUCT_STAGES)
PRODUCTS(f16_f32, CUDA_F16, CUDA_F32, CUDA_PRODUCT_STAGES)
PRODUCTS(f32, CUDA_F32, CUDA_F32, CUDA_PRODUCT_STAGES_F32)

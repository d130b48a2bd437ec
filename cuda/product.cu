/* Products of few rows with weights without blocks.  A warp makes OUT outputs for up to ROWS rows: each lane takes eight values
 * of every 256 of a row of weights, so that a weight is read once, in 16 bytes a lane, and DEPTH of these reads are on their
 * way for each output.  A row's sum is that of its lanes' sums, which know nothing of other rows. */
#include "cuda/product.h"

#define STEP (8u * CUDA_WARP)

struct raw {
    uint4 low, high; /* high: of float32 alone */
};

CUDA_INLINE void no_raw(struct raw *w)
{
    w->low.x = w->low.y = w->low.z = w->low.w = 0;
    w->high = w->low;
}

/* Eight weights from k on, where there are eight. */
CUDA_INLINE void read_raw(const uint32_t W, const char *row, uint32_t k, uint32_t most, struct raw *w)
{
    if (k + 8 > most) {
        no_raw(w);
    } else if (W == CUDA_F32) {
        w->low = *(const uint4 *)(row + 4 * (size_t)k);
        w->high = *(const uint4 *)(row + 4 * (size_t)k + 16);
    } else {
        w->low = cuda_stream16(row + 2 * (size_t)k);
    }
}

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

/* The last k % 8 values, by the lane whose turn it is. */
CUDA_INLINE void take_rest(const uint32_t W, const uint32_t X, const char *row, const char *x, uint32_t k, float *sum)
{
    uint32_t from = k / 8 * 8;
    if (threadIdx.x % CUDA_WARP != k / 8 % CUDA_WARP)
        return;
    for (uint32_t i = from; i < k; i++)
        *sum = cuda_fma(cuda_load(W, row, i), cuda_load(X, x, i), *sum);
}

CUDA_INLINE void product(const struct cuda_product_args *a, const uint32_t W, const uint32_t X, const uint32_t ROWS,
                         const uint32_t OUT, const uint32_t GATED)
{
    CUDA_DYNAMIC_SHARED(char, normed);
    const uint32_t ALL = GATED ? 2 * OUT : OUT, DEPTH = ALL * ROWS > 16 ? 1 : 2;
    uint32_t lane = threadIdx.x % CUDA_WARP, k = a->w.k, first = blockIdx.y * ROWS, expert = 0;
    uint32_t n = a->m - first < ROWS ? a->m - first : ROWS;
    struct product_outputs o;
    struct raw raw[2][8];
    float sum[8 * 8], w[8][8], x[8];
    if (a->which) {
        cuda_wait_before();
        expert = a->which[(size_t)first * a->which_step];
    }
    product_outputs(a, ALL, GATED, expert, &o);
    CUDA_UNROLL
    for (uint32_t d = 0; d < DEPTH; d++) {
        CUDA_UNROLL
        for (uint32_t j = 0; j < ALL; j++)
            read_raw(W, o.row[j], d * STEP + 8 * lane, k, &raw[d][j]);
    }
    cuda_wait_before();
    cuda_let_next();
    const char *from = (const char *)a->x + (size_t)(first / a->per) * a->x_stride * product_bytes(X);
    uint64_t step = (uint64_t)a->x_stride * product_bytes(X);
    if (a->norm.weight) {
        step = (uint64_t)(k + 7) / 8 * 8 * product_bytes(X);
        product_norm(a, first, n, X, normed, step);
        from = normed;
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < ALL * ROWS; i++)
        sum[i] = 0.0f;
    CUDA_ONCE
    for (uint32_t base = 8 * lane; base < k + DEPTH * STEP; base += DEPTH * STEP) {
        if (base - 8 * lane >= k)
            break;
        CUDA_UNROLL
        for (uint32_t d = 0; d < DEPTH; d++) {
            uint32_t at = base + d * STEP;
            CUDA_UNROLL
            for (uint32_t j = 0; j < ALL; j++) {
                values_of(W, &raw[d][j], w[j]);
                read_raw(W, o.row[j], at + DEPTH * STEP, k, &raw[d][j]);
            }
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
    }
    float y = 0.0f, gate = 0.0f;
    CUDA_UNROLL
    for (uint32_t j = 0; j < OUT; j++) {
        CUDA_UNROLL
        for (uint32_t r = 0; r < ROWS; r++) {
            const char *row = from + (r < n ? r : 0) * step;
            if (k % 8 > 0) {
                take_rest(W, X, o.row[j], row, k, &sum[j * ROWS + r]);
                if (GATED)
                    take_rest(W, X, o.row[OUT + j], row, k, &sum[(OUT + j) * ROWS + r]);
            }
            float s = cuda_warp_sum(sum[j * ROWS + r]), g = GATED ? cuda_warp_sum(sum[(OUT + j) * ROWS + r]) : 0.0f;
            y = lane == j * ROWS + r ? s : y;
            gate = lane == j * ROWS + r ? g : gate;
        }
    }
    if (lane < OUT * ROWS && lane / ROWS < o.n && lane % ROWS < n)
        product_end(a, first + lane % ROWS, o.first + lane / ROWS, y, gate);
}

#define PRODUCT(name, weights, values, rows, out, gated)                                                               \
    CUDA_KERNEL(name, cuda_product_args, PRODUCT_THREADS)                                                              \
    {                                                                                                                  \
        product(&a, weights, values, rows, out, gated);                                                                \
    }
/* Outputs of a warp: such that rows times outputs (and gates) fit the registers. */
#define PRODUCTS(stem, weights, values)                                                                                \
    PRODUCT(cuda_product_##stem##_1, weights, values, 1, 4, 0)                                                         \
    PRODUCT(cuda_product_##stem##_4, weights, values, 4, 4, 0)                                                         \
    PRODUCT(cuda_product_##stem##_8, weights, values, 8, 2, 0)                                                         \
    PRODUCT(cuda_product_##stem##_1_gated, weights, values, 1, 2, 1)                                                   \
    PRODUCT(cuda_product_##stem##_4_gated, weights, values, 4, 2, 1)                                                   \
    PRODUCT(cuda_product_##stem##_8_gated, weights, values, 8, 1, 1)

PRODUCTS(bf16, CUDA_BF16, CUDA_BF16)
PRODUCTS(bf16_f32, CUDA_BF16, CUDA_F32)
PRODUCTS(f16, CUDA_F16, CUDA_F16)
PRODUCTS(f16_f32, CUDA_F16, CUDA_F32)
PRODUCTS(f32, CUDA_F32, CUDA_F32)

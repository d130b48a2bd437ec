/* Products of few rows with quantised weights.  A lane takes 32 values of a row of weights at a time: a block of 32, or an eighth
 * of one of 256.  Of values d q - m a product is d (sum of q x) - m (sum of x), and the second sum serves all of a warp's
 * outputs.  Activations wait in shared memory, a chunk of each row at a time, 32 of them every 36 floats, so that lanes meet in
 * no bank. */
#include "cuda/product.h"
#include "cuda/quant.h"

#define SLOTS  4u   /* rows of weights of a warp */
#define GROUPS 256u /* groups of 32 activations in shared memory, of all rows of a tile */
#define PADDED 9u   /* of a group, in units of four floats */

/* Groups [from, from + GROUPS / ROWS) of the rows of a tile, what is beyond their end zero. */
CUDA_INLINE void fill_chunk(const struct cuda_product_args *a, const uint32_t ROWS, uint32_t first, uint32_t n,
                            uint32_t from, const struct product_moments *m, float4 *chunk)
{
    const uint32_t groups = GROUPS / ROWS;
    for (uint32_t i = threadIdx.x; i < GROUPS * 32; i += PRODUCT_THREADS) {
        uint32_t r = i / (groups * 32), d = i % (groups * 32), at = from * 32 + d;
        float x = 0.0f;
        if (r < n && at < a->w.k && a->norm.weight) {
            x = ((const float *)a->x)[(size_t)((first + r) / a->per) * a->x_stride + at];
            x = product_normed(a, m[r], x, at);
        } else if (r < n && at < a->w.k) {
            size_t row = (size_t)((first + r) / a->per) * a->x_stride * product_bytes(a->x_type);
            x = cuda_load(a->x_type, (const char *)a->x + row, at);
        }
        ((float *)chunk)[(r * groups + d / 32) * PADDED * 4 + d % 32] = x;
    }
}

CUDA_INLINE float byte_of(uint32_t type, uint32_t word, uint32_t i)
{
    uint32_t byte = word >> 8 * i & 0xffu;
    return type == CUDA_Q8_0 ? (float)(int8_t)byte : (float)byte;
}

/* Adds 16 values of each slot, `half` of their groups. */
CUDA_INLINE void take_half(uint32_t type, const struct quant32 *w, const float4 *x, const uint32_t half, float *sum,
                           const uint32_t ROWS)
{
    float4 v[4];
    float all = 0.0f;
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        v[i] = x[4 * half + i];
        all += (v[i].x + v[i].y) + (v[i].z + v[i].w);
    }
    CUDA_UNROLL
    for (uint32_t j = 0; j < SLOTS; j++) {
        float s = 0.0f;
        CUDA_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t word = w[j].q[4 * half + i];
            s = cuda_fma(byte_of(type, word, 0), v[i].x, s);
            s = cuda_fma(byte_of(type, word, 1), v[i].y, s);
            s = cuda_fma(byte_of(type, word, 2), v[i].z, s);
            s = cuda_fma(byte_of(type, word, 3), v[i].w, s);
        }
        sum[j * ROWS] = cuda_fma(w[j].d[half], s, sum[j * ROWS]);
        if (type != CUDA_Q8_0)
            sum[j * ROWS] = cuda_fma(-w[j].m[half], all, sum[j * ROWS]);
    }
}

/* ROWS is a constant of the kernels below, as is type but for the last of them. */
CUDA_INLINE void product_quant(const struct cuda_product_args *a, uint32_t type, const uint32_t ROWS)
{
    CUDA_SHARED float4 chunk[GROUPS * PADDED];
    CUDA_SHARED float part[PRODUCT_WARPS];
    CUDA_SHARED struct product_moments m[4];
    uint32_t lane = threadIdx.x % CUDA_WARP, k = a->w.k, first = blockIdx.y * ROWS;
    uint32_t n = a->m - first < ROWS ? a->m - first : ROWS, gated = a->gate.data != NULL;
    struct product_outputs o;
    float sum[SLOTS * 4];
    cuda_let_next();
    cuda_wait_before();
    product_outputs(a, SLOTS, gated, a->which ? a->which[(size_t)first * a->which_step] : 0,
                    blockIdx.x * PRODUCT_WARPS + threadIdx.x / CUDA_WARP, &o);
    for (uint32_t r = 0; a->norm.weight && r < n; r++) {
        float4 held[PRODUCT_HELD];
        struct product_moments own =
            product_moments(a, (const float *)a->x + (size_t)((first + r) / a->per) * a->x_stride, part, held);
        if (threadIdx.x == 0)
            m[r] = own;
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < SLOTS * ROWS; i++)
        sum[i] = 0.0f;
    CUDA_ONCE
    for (uint32_t from = 0; from < k / 32; from += GROUPS / ROWS) {
        uint32_t end = from + GROUPS / ROWS < k / 32 ? from + GROUPS / ROWS : k / 32;
        __syncthreads();
        fill_chunk(a, ROWS, first, n, from, m, chunk);
        __syncthreads();
        CUDA_ONCE
        for (uint32_t g = from + lane; g < end; g += CUDA_WARP) {
            struct quant32 w[SLOTS];
            CUDA_UNROLL
            for (uint32_t j = 0; j < SLOTS; j++)
                quant_read(type, (const uint8_t *)o.row[j], k, g, &w[j]);
            CUDA_UNROLL
            for (uint32_t r = 0; r < ROWS; r++) {
                const float4 *x = chunk + (r * (GROUPS / ROWS) + (g - from)) * PADDED;
                take_half(type, w, x, 0, sum + r, ROWS);
                take_half(type, w, x, 1, sum + r, ROWS);
            }
        }
    }
    float y = 0.0f, gate = 0.0f;
    CUDA_UNROLL
    for (uint32_t j = 0; j < SLOTS; j++) {
        CUDA_UNROLL
        for (uint32_t r = 0; r < ROWS; r++) {
            float s = cuda_warp_sum(sum[j * ROWS + r]);
            y = lane == j * ROWS + r ? s : y;
            gate = gated && lane + SLOTS / 2 * ROWS == j * ROWS + r ? s : gate;
        }
    }
    if (lane / ROWS < o.n && lane % ROWS < n)
        product_end(a, first + lane % ROWS, o.first + lane / ROWS, y, gate);
}

#define PRODUCT(name, type, rows)                                                                                      \
    CUDA_KERNEL(name, cuda_product_args, PRODUCT_THREADS)                                                              \
    {                                                                                                                  \
        product_quant(&a, type, rows);                                                                                 \
    }
#define PRODUCTS(stem, type)                                                                                           \
    PRODUCT(cuda_product_##stem##_1, type, 1)                                                                          \
    PRODUCT(cuda_product_##stem##_4, type, 4)

PRODUCTS(q8_0, CUDA_Q8_0)
PRODUCTS(q4_0, CUDA_Q4_0)
PRODUCTS(q4_k, CUDA_Q4_K)
PRODUCTS(q6_k, CUDA_Q6_K)
PRODUCTS(quant, a.w.type)

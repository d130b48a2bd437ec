/* Products of few rows with weights without blocks, at the speed at which weights can be read.
 *
 * A block makes some outputs, and as many gates, for up to `rows` rows at a time, a unit, and one unit after the other.
 * Each thread takes eight values of every RING_CHUNK of a row of weights, so that a weight is read once, in 16 bytes a
 * thread; weights are on their way into shared memory some chunks before they are used, across units, and before the
 * kernel in front has ended.  A row's sum is that of its threads' sums, of lanes and then of warps, which know nothing
 * of other rows. */
#include "cuda/apart.h"
#include "cuda/product.h"

#define RING_CHUNK (8u * PRODUCT_THREADS)
#define RING_SUMS  16u /* of a unit at most: a power of two */

/* What a kernel is made for: its constants. */
struct made {
    uint32_t type, rows; /* of weights and activations; of a tile */
    uint32_t out, gated, stages;
};

CUDA_INLINE uint32_t all_of(const struct made c) /* rows of weights of a unit */
{
    return c.gated ? 2 * c.out : c.out;
}

CUDA_INLINE uint32_t parts_of(const struct made c) /* of 16 bytes, of eight weights */
{
    return c.type == CUDA_F32 ? 2 : 1;
}

/* The chunks on their way, and which is asked for next: in the order in which they are used. */
struct ring {
    char *memory; /* (stages, all_of(), parts_of(), PRODUCT_THREADS, 16) */
    struct product_outputs rows;
    uint32_t expert, unit, step, stage;
};

/* Where this thread's 16 bytes of part `at` of the ring lie. */
CUDA_INLINE char *place_of(const struct ring *k, uint32_t at)
{
    return k->memory + ((size_t)at * PRODUCT_THREADS + threadIdx.x) * 16;
}

/* The next chunk, of the block's next unit once all of one is asked for: a group, empty where there is none. */
CUDA_INLINE void ask(const struct cuda_product_args *a, const struct made c, struct ring *k)
{
    if (k->step * RING_CHUNK >= a->w.k) {
        k->step = 0;
        k->unit += gridDim.x;
        product_outputs(a, all_of(c), c.gated, k->expert, k->unit, &k->rows);
    }
    uint32_t at = k->step * RING_CHUNK + 8 * threadIdx.x;
    if (at + 8 <= a->w.k && k->rows.n > 0) {
        CUDA_UNROLL
        for (uint32_t i = 0; i < all_of(c) * parts_of(c); i++)
            cuda_copy16(place_of(k, k->stage * all_of(c) * parts_of(c) + i),
                        k->rows.row[i / parts_of(c)] + (size_t)at * product_bytes(c.type) + 16 * (i % parts_of(c)));
    }
    cuda_copies_close();
    k->stage = k->stage + 1 < c.stages ? k->stage + 1 : 0;
    k->step++;
}

/* This thread's eight of row j of the chunk in `stage`. */
CUDA_INLINE void weights_of(const struct made c, const struct ring *k, uint32_t stage, uint32_t j, float v[8])
{
    uint32_t at = (stage * all_of(c) + j) * parts_of(c);
    struct cuda_eight x;
    x.low = *(const uint4 *)place_of(k, at);
    if (parts_of(c) > 1)
        x.high = *(const uint4 *)place_of(k, at + 1);
    cuda_eight_values(c.type, &x, v);
}

/* A unit's sums over the block: thread j * rows + r ends with that of its output for its row, and with its gate's.
 * Warps that have none of k's values add nothing. */
CUDA_INLINE void sum_up(const struct made c, uint32_t k, float *sum, float (*part)[RING_SUMS], float ends[2])
{
    const uint32_t n = all_of(c) * c.rows;
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP;
    uint32_t warps = (k + 8 * CUDA_WARP - 1) / (8 * CUDA_WARP);
    warps = warps < PRODUCT_WARPS ? warps : PRODUCT_WARPS;
    if (warp < warps) {
        apart_sum(sum, n, CUDA_WARP, lane);
        if (lane % (CUDA_WARP / n) == 0)
            part[warp][apart_held(n, CUDA_WARP, lane)] = sum[0];
    }
    __syncthreads();
    ends[0] = ends[1] = 0.0f;
    if (threadIdx.x >= c.out * c.rows)
        return;
    for (uint32_t w = 0; w < warps; w++) {
        ends[0] += part[w][threadIdx.x];
        ends[1] += c.gated ? part[w][c.out * c.rows + threadIdx.x] : 0.0f;
    }
}

/* The tile of rows that a block computes. */
struct tile {
    uint32_t first, n;
    const char *x; /* its first row, */
    uint32_t step; /* and bytes from one to the next */
};

CUDA_INLINE const char *row_of(const struct tile *t, uint32_t r)
{
    return t->x + (r < t->n ? r : 0) * t->step;
}

CUDA_INLINE void read_x(uint32_t type, const char *row, uint32_t at, float v[8])
{
    const uint4 *from = (const uint4 *)(row + (size_t)at * product_bytes(type));
    struct cuda_eight x;
    x.low = from[0];
    if (type == CUDA_F32)
        x.high = from[1];
    cuda_eight_values(type, &x, v);
}

/* The tile's rows as they are multiplied, once the kernel in front has ended: normed with w, behind the ring, or as they
 * lie in memory. */
CUDA_INLINE void begin_tile(const struct cuda_product_args *a, const struct made c, const struct ring *k,
                            const float4 w[PRODUCT_HELD], struct tile *t)
{
    t->step = a->x_stride * product_bytes(c.type);
    t->x = (const char *)a->x + (size_t)(t->first / a->per) * t->step;
    if (!a->norm.weight)
        return;
    char *normed = k->memory + (size_t)c.stages * all_of(c) * parts_of(c) * PRODUCT_THREADS * 16;
    const struct product_normed rows = { t->first, t->n, c.type, normed };
    product_norm(a, rows, w);
    t->step = (a->w.k + 7) / 8 * 8 * product_bytes(c.type);
    t->x = normed;
}

/* Adds a thread's eight of a chunk, those from `at` on, while the next chunk is asked for. */
CUDA_INLINE void take_chunk(const struct cuda_product_args *a, const struct made c, const struct tile *t, uint32_t at,
                            struct ring *k, float *sum)
{
    float w[4][8], x[8];
    cuda_copies_wait(c.stages - 1);
    CUDA_UNROLL
    for (uint32_t j = 0; j < all_of(c); j++)
        weights_of(c, k, k->stage, j, w[j]);
    ask(a, c, k);
    if (at + 8 > a->w.k)
        return;
    CUDA_UNROLL
    for (uint32_t r = 0; r < c.rows; r++) {
        read_x(c.type, row_of(t, r), at, x);
        CUDA_UNROLL
        for (uint32_t j = 0; j < all_of(c); j++) {
            CUDA_UNROLL
            for (uint32_t i = 0; i < 8; i++)
                sum[j * c.rows + r] = cuda_fma(w[j][i], x[i], sum[j * c.rows + r]);
        }
    }
}

/* The last k % 8 values, by the thread whose turn it is. */
CUDA_INLINE void take_rest(const struct cuda_product_args *a, const struct made c, const struct tile *t,
                           const struct product_outputs *o, float *sum)
{
    uint32_t k = a->w.k;
    if (k % 8 == 0 || threadIdx.x != k / 8 % PRODUCT_THREADS)
        return;
    CUDA_ONCE
    for (uint32_t at = k / 8 * 8; at < k; at++) {
        float w[4];
        CUDA_UNROLL
        for (uint32_t j = 0; j < all_of(c); j++)
            w[j] = cuda_load(c.type, product_row(a, all_of(c), c.gated, o, j), at);
        CUDA_UNROLL
        for (uint32_t r = 0; r < c.rows; r++) {
            float x = cuda_load(c.type, row_of(t, r), at);
            CUDA_UNROLL
            for (uint32_t j = 0; j < all_of(c); j++)
                sum[j * c.rows + r] = cuda_fma(w[j], x, sum[j * c.rows + r]);
        }
    }
}

/* Whether this thread ends an output of a unit: sum_up() says which. */
CUDA_INLINE int ends_of(const struct made c, const struct tile *t, const struct product_outputs *o)
{
    return threadIdx.x < c.out * c.rows && threadIdx.x / c.rows < o->n && threadIdx.x % c.rows < t->n;
}

/* What may be asked for before the kernel in front has ended; after it, where that chooses the matrix. */
CUDA_INLINE void begin_ring(const struct cuda_product_args *a, const struct made c, const struct tile *t,
                            struct ring *k)
{
    if (a->which) {
        cuda_wait_before();
        k->expert = a->which[(size_t)t->first * a->which_step];
    }
    product_outputs(a, all_of(c), c.gated, k->expert, k->unit, &k->rows);
    CUDA_ONCE
    for (uint32_t i = 0; i < c.stages; i++)
        ask(a, c, k);
}

CUDA_INLINE void product(const struct cuda_product_args *a, const struct made c)
{
    CUDA_DYNAMIC_SHARED(char, shared);
    CUDA_SHARED float part[2][PRODUCT_WARPS][RING_SUMS];
    struct tile t = { blockIdx.y * c.rows, 0, NULL, 0 };
    struct ring k = { shared, { { NULL, NULL, NULL, NULL }, 0, 0, 0 }, 0, blockIdx.x, 0, 0 };
    uint32_t turn = 0;
    float4 w[PRODUCT_HELD];
    t.n = a->m - t.first < c.rows ? a->m - t.first : c.rows;
    cuda_let_next();
    product_norm_ask(a); /* before the ring fills the way to memory: it is wanted first */
    begin_ring(a, c, &t, &k);
    product_norm_ahead(a, w);
    cuda_wait_before();
    begin_tile(a, c, &k, w, &t);
    CUDA_ONCE
    for (uint32_t unit = blockIdx.x; product_units(a, all_of(c), c.gated) > unit; unit += gridDim.x, turn ^= 1) {
        const int early = c.rows < 8; /* that many take all registers */
        struct product_outputs o;
        struct product_output own;
        float sum[RING_SUMS], ends[2];
        product_outputs(a, all_of(c), c.gated, k.expert, unit, &o);
        if (early && ends_of(c, &t, &o))
            own = product_output(a, c.gated, t.first + threadIdx.x % c.rows, o.first + threadIdx.x / c.rows);
        CUDA_UNROLL
        for (uint32_t i = 0; i < all_of(c) * c.rows; i++)
            sum[i] = 0.0f;
        CUDA_ONCE
        for (uint32_t from = 0; from < a->w.k; from += RING_CHUNK)
            take_chunk(a, c, &t, from + 8 * threadIdx.x, &k, sum);
        take_rest(a, c, &t, &o, sum);
        sum_up(c, a->w.k, sum, part[turn], ends);
        if (!ends_of(c, &t, &o))
            continue;
        if (!early)
            own = product_output(a, c.gated, t.first + threadIdx.x % c.rows, o.first + threadIdx.x / c.rows);
        product_end(a, &own, ends[0], ends[1]);
    }
}

#define PRODUCT(name, type, rows, out, gated, stages)                                                                  \
    CUDA_KERNEL_OF(name, cuda_product_args, PRODUCT_THREADS, 2)                                                        \
    {                                                                                                                  \
        const struct made c = { type, rows, out, gated, stages };                                                      \
        product(&a, c);                                                                                                \
    }
/* Outputs of a unit: such that rows times outputs (and gates) fit the registers.  launch_product.c knows them too. */
#define PRODUCTS(stem, type, stages)                                                                                   \
    PRODUCT(cuda_product_##stem##_1, type, 1, 4, 0, stages)                                                            \
    PRODUCT(cuda_product_##stem##_4, type, 4, 4, 0, stages)                                                            \
    PRODUCT(cuda_product_##stem##_1_gated, type, 1, 2, 1, stages)                                                      \
    PRODUCT(cuda_product_##stem##_4_gated, type, 4, 2, 1, stages)

PRODUCTS(bf16, CUDA_BF16, CUDA_PRODUCT_STAGES)
PRODUCTS(f16, CUDA_F16, CUDA_PRODUCT_STAGES)
PRODUCTS(f32, CUDA_F32, CUDA_PRODUCT_STAGES_F32)
PRODUCT(cuda_product_bf16_8, CUDA_BF16, 8, 2, 0, CUDA_PRODUCT_STAGES)
PRODUCT(cuda_product_f16_8, CUDA_F16, 8, 2, 0, CUDA_PRODUCT_STAGES)

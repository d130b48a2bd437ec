/* Products of few rows with quantised weights.
 *
 * A warp makes a unit, two outputs or one with its gate, for up to `rows` rows, and one unit after the other.  It has a
 * piece of each of its rows of weights in hand at a time, 32 values a lane; pieces are on their way into the warp's
 * part of shared memory STAGES before they are used, across units, and before the kernel in front has ended.  Of values
 * d q - m a product is d (sum of q x) - m (sum of x), and the second sum serves all of a warp's outputs.  Activations
 * wait in shared memory for all of a block's warps, as many of each row as there is room for, 32 of them every 36
 * floats, so that lanes meet in no bank; the gap has their sums. */
#include "cuda/product.h"
#include "cuda/quant.h"

#define SLOTS  CUDA_QUANT_SLOTS
#define STAGES CUDA_PRODUCT_STAGES
#define PADDED (CUDA_QUANT_GROUP / 16) /* of a group of 32 activations, in units of four floats: odd */

/* What a kernel is made for: constants but for the type of the last of them. */
struct made {
    uint32_t type, rows;
};

#define NOWHERE UINT32_MAX

/* The tile of rows that a block computes, and what of them waits in shared memory. */
struct tile {
    uint32_t first, n;
    uint32_t from, held; /* groups [from, from + held) of each row; from NOWHERE: none yet */
    float4 *x;           /* (rows, held, PADDED) */
};

CUDA_INLINE const float *row_of(const struct cuda_product_args *a, uint32_t row)
{
    return (const float *)a->x + (size_t)(row / a->per) * a->x_stride;
}

/* Four activations of a row, normed where they are to be. */
CUDA_INLINE float4 four_of(const struct cuda_product_args *a, const float *x, uint32_t at, struct product_moments m)
{
    float4 v = *(const float4 *)(x + at);
    if (a->norm.weight)
        return product_normed4(a, m, v, *(const float4 *)(a->norm.weight + at), at);
    return v;
}

/* Brings groups [from, from + held) of the tile's rows into shared memory, what is beyond their end zero, and behind
 * each group the sums of its halves.  Whole warps have a share of each row: held is a multiple of CUDA_QUANT_PIECE. */
CUDA_INLINE void hold(const struct cuda_product_args *a, uint32_t rows, struct tile *t, uint32_t from,
                      const struct product_moments *m)
{
    t->from = from;
    __syncthreads();
    for (uint32_t r = 0; r < rows; r++) {
        const float *x = row_of(a, t->first + r);
        CUDA_UNROLL4
        for (uint32_t i = threadIdx.x; i < t->held * 8; i += PRODUCT_THREADS) {
            uint32_t at = 32 * from + 4 * i;
            float4 v = { 0.0f, 0.0f, 0.0f, 0.0f }, *group = t->x + (r * t->held + i / 8) * PADDED;
            if (r < t->n && at < a->w.k)
                v = four_of(a, x, at, m[r]);
            group[i % 8] = v;
            float half = (v.x + v.y) + (v.z + v.w);
            half += __shfl_xor_sync(CUDA_ALL, half, 1);
            half += __shfl_xor_sync(CUDA_ALL, half, 2);
            if (i % 4 == 0)
                ((float *)(group + 8))[i / 4 % 2] = half;
        }
    }
    __syncthreads();
}

/* Byte i of four as a float, exactly: it is the last of 2^23 + byte, or, where bytes are signed, of 2^23 + 128 + byte.
 * (A card converts integers at an eighth of the rate at which it does this.) */
CUDA_INLINE float byte_of(uint32_t type, uint32_t word, uint32_t i)
{
    if (type == CUDA_Q8_0)
        return __uint_as_float(__byte_perm(word ^ 0x80808080u, 0x4b000000u, 0x7650u + i)) - 8388736.0f;
    return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7650u + i)) - 8388608.0f;
}

/* Adds 16 values of each slot, `half` of their groups, times a row's. */
CUDA_INLINE void take_half(const struct made c, const struct quant32 *w, const float4 *x, const uint32_t half,
                           float *sum)
{
    const float all = ((const float *)(x + 8))[half];
    float4 v[4];
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        v[i] = x[4 * half + i];
    CUDA_UNROLL
    for (uint32_t j = 0; j < SLOTS; j++) {
        float s = 0.0f;
        CUDA_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t word = w[j].q[4 * half + i];
            s = cuda_fma(byte_of(c.type, word, 0), v[i].x, s);
            s = cuda_fma(byte_of(c.type, word, 1), v[i].y, s);
            s = cuda_fma(byte_of(c.type, word, 2), v[i].z, s);
            s = cuda_fma(byte_of(c.type, word, 3), v[i].w, s);
        }
        sum[j * c.rows] = cuda_fma(w[j].d[half], s, sum[j * c.rows]);
        if (c.type != CUDA_Q8_0)
            sum[j * c.rows] = cuda_fma(-w[j].m[half], all, sum[j * c.rows]);
    }
}

/* A warp's ring of pieces, and what it asks for next. */
struct ring {
    uint8_t *memory; /* (STAGES, SLOTS, quant_piece_bytes()) */
    struct product_outputs rows;
    uint32_t expert, unit, from, stage; /* stage: also the one that is used next, once all are asked for */
};

/* The next piece of each row: of the warp's next unit once all of one is asked for. */
CUDA_INLINE void ask(const struct cuda_product_args *a, uint32_t type, struct ring *k)
{
    uint32_t bytes = quant_piece_bytes(type);
    uint8_t *to = k->memory + k->stage * SLOTS * bytes;
    if (32 * k->from >= a->w.k) {
        k->from = 0;
        k->unit += gridDim.x * PRODUCT_WARPS;
        product_outputs(a, SLOTS, a->gate.data != NULL, k->expert, k->unit, &k->rows);
    }
    if (k->rows.n > 0) {
        CUDA_UNROLL
        for (uint32_t j = 0; j < SLOTS; j++)
            quant_ask(type, (const uint8_t *)k->rows.row[j], a->w.k, k->from, to + j * bytes);
    }
    cuda_copies_close();
    k->from += CUDA_QUANT_PIECE;
    k->stage = k->stage + 1 < STAGES ? k->stage + 1 : 0;
}

/* Takes the piece that begins with group `from` of a unit's rows into their sums, and asks for another in its place. */
CUDA_INLINE void take_piece(const struct cuda_product_args *a, const struct made c, const struct tile *t, uint32_t from,
                            struct ring *k, float *sum)
{
    uint32_t lane = threadIdx.x % CUDA_WARP, bytes = quant_piece_bytes(c.type);
    const uint8_t *piece = k->memory + k->stage * SLOTS * bytes;
    cuda_copies_wait(STAGES - 1);
    __syncwarp();
    if (32 * (from + lane) < a->w.k) {
        struct quant32 w[SLOTS];
        CUDA_UNROLL
        for (uint32_t j = 0; j < SLOTS; j++)
            quant_read(c.type, piece + j * bytes, 32 * CUDA_QUANT_PIECE, lane, &w[j]);
        CUDA_UNROLL
        for (uint32_t r = 0; r < c.rows; r++) {
            const float4 *x = t->x + (r * t->held + from - t->from + lane) * PADDED;
            take_half(c, w, x, 0, sum + r);
            take_half(c, w, x, 1, sum + r);
        }
    }
    __syncwarp();
    ask(a, c.type, k);
}

/* A unit's sums over the lanes: that of each row and output to the lane that ends it. */
CUDA_INLINE void end_unit(const struct cuda_product_args *a, const struct made c, const struct tile *t,
                          const struct product_outputs *o, const float *sum)
{
    const uint32_t gated = a->gate.data != NULL, lane = threadIdx.x % CUDA_WARP;
    float y = 0.0f, gate = 0.0f;
    CUDA_UNROLL
    for (uint32_t j = 0; j < SLOTS; j++) {
        CUDA_UNROLL
        for (uint32_t r = 0; r < c.rows; r++) {
            float s = cuda_warp_sum(sum[j * c.rows + r]);
            y = lane == j * c.rows + r ? s : y;
            gate = gated && lane + SLOTS / 2 * c.rows == j * c.rows + r ? s : gate;
        }
    }
    if (lane / c.rows < o->n && lane % c.rows < t->n) {
        const struct product_output own = product_output(a, gated, t->first + lane % c.rows, o->first + lane / c.rows);
        product_end(a, &own, y, gate);
    }
}

/* The moments of the tile's rows, where they are to be normed. */
CUDA_INLINE void moments_of(const struct cuda_product_args *a, const struct tile *t, struct product_moments *m)
{
    CUDA_SHARED float part[PRODUCT_WARPS];
    for (uint32_t r = 0; a->norm.weight && r < t->n; r++) {
        float4 first[PRODUCT_HELD];
        struct product_moments own = product_moments(a, row_of(a, t->first + r), part, first);
        if (threadIdx.x == 0)
            m[r] = own;
    }
}

CUDA_INLINE void product_quant(const struct cuda_product_args *a, const struct made c)
{
    CUDA_DYNAMIC_SHARED(uint8_t, shared);
    CUDA_SHARED struct product_moments m[4];
    const uint32_t groups = a->w.k / 32, warp = threadIdx.x / CUDA_WARP, gated = a->gate.data != NULL;
    const uint32_t ring_bytes = STAGES * SLOTS * quant_piece_bytes(c.type), step = gridDim.x * PRODUCT_WARPS;
    struct tile t = { blockIdx.y * c.rows, 0, NOWHERE, a->held, (float4 *)(shared + PRODUCT_WARPS * ring_bytes) };
    struct ring k = { shared + warp * ring_bytes, { { NULL, NULL, NULL, NULL }, 0, 0, 0 }, 0, 0, 0, 0 };
    struct product_outputs o;
    t.n = a->m - t.first < c.rows ? a->m - t.first : c.rows;
    cuda_let_next();
    product_norm_ask(a);
    if (a->which) {
        cuda_wait_before();
        k.expert = a->which[(size_t)t.first * a->which_step];
    }
    k.unit = blockIdx.x * PRODUCT_WARPS + warp;
    product_outputs(a, SLOTS, gated, k.expert, k.unit, &k.rows);
    CUDA_ONCE
    for (uint32_t i = 0; i < STAGES; i++)
        ask(a, c.type, &k);
    cuda_wait_before();
    moments_of(a, &t, m);
    CUDA_ONCE
    for (uint32_t unit = blockIdx.x * PRODUCT_WARPS; product_units(a, SLOTS, gated) > unit; unit += step) {
        float sum[SLOTS * 4];
        CUDA_UNROLL
        for (uint32_t i = 0; i < SLOTS * c.rows; i++)
            sum[i] = 0.0f;
        product_outputs(a, SLOTS, gated, k.expert, unit + warp, &o);
        CUDA_ONCE
        for (uint32_t from = 0; from < groups; from += CUDA_QUANT_PIECE) {
            if (from < t.from || from >= t.from + t.held) /* by all warps at once: they have as many pieces each */
                hold(a, c.rows, &t, from, m);
            if (o.n > 0)
                take_piece(a, c, &t, from, &k, sum);
        }
        if (o.n > 0)
            end_unit(a, c, &t, &o, sum);
    }
}

#define PRODUCT(name, type, rows)                                                                                      \
    CUDA_KERNEL_OF(name, cuda_product_args, PRODUCT_THREADS, 2)                                                        \
    {                                                                                                                  \
        const struct made c = { type, rows };                                                                          \
        product_quant(&a, c);                                                                                          \
    }
#define PRODUCTS(stem, type)                                                                                           \
    PRODUCT(cuda_product_##stem##_1, type, 1)                                                                          \
    PRODUCT(cuda_product_##stem##_4, type, 4)

PRODUCTS(q8_0, CUDA_Q8_0)
PRODUCTS(q4_0, CUDA_Q4_0)
PRODUCTS(q4_k, CUDA_Q4_K)
PRODUCTS(q6_k, CUDA_Q6_K)
PRODUCTS(quant, a.w.type)

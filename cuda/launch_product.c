#include "cuda/launch.h"

#define THREADS   256u /* PRODUCT_THREADS */
#define MOST_WAIT (4u * CUDA_PRODUCT_STAGES * CUDA_PRODUCT_WAIT)

/* Blocks of a multiprocessor that go through their units side by side.  Where the next kernel may begin early each takes ROOM
 * bytes of shared memory, more than a third of what a multiprocessor of compute capability 9.0 has (228 KB), so that none
 * of the next kernel's finds room beside two: it would have as much to do as two have each, and all would wait for it. */
#define RESIDENT 2u
#define ROOM     ((size_t)77 << 10)

/* [rows of a tile 1, 4, 8][without, with gate] of one pair of types. */
struct family {
    const void *kernel[3][2];
};

#define FAMILY(stem)                                                                                                   \
    {                                                                                                                  \
        {                                                                                                              \
            { CUDA_ENTRY(cuda_product_##stem##_1), CUDA_ENTRY(cuda_product_##stem##_1_gated) },                        \
                { CUDA_ENTRY(cuda_product_##stem##_4), CUDA_ENTRY(cuda_product_##stem##_4_gated) },                    \
                { CUDA_ENTRY(cuda_product_##stem##_8), CUDA_ENTRY(cuda_product_##stem##_8_gated) },                    \
        }                                                                                                              \
    }

/* [rows of a tile 1, 4] */
#define QUANT_FAMILY(stem)                                                                                             \
    {                                                                                                                  \
        CUDA_ENTRY(cuda_product_##stem##_1), CUDA_ENTRY(cuda_product_##stem##_4)                                       \
    }

enum { BF16, BF16_F32, F16, F16_F32, F32, FAMILIES };

static void families(struct family out[FAMILIES])
{
    const struct family all[FAMILIES] = { FAMILY(bf16), FAMILY(bf16_f32), FAMILY(f16), FAMILY(f16_f32), FAMILY(f32) };
    for (int i = 0; i < FAMILIES; i++)
        out[i] = all[i];
}

/* Where x is normed it is rounded to what the weights are multiplied with. */
static int family_of(const struct cuda_product_args *a)
{
    int narrow = a->x_type != CUDA_F32;
    switch (a->w.type) {
    case CUDA_BF16: return narrow ? BF16 : BF16_F32;
    case CUDA_F16: return narrow ? F16 : F16_F32;
    default: return F32;
    }
}

static const void *quant_kernel(uint32_t type, int many)
{
    const void *const all[][2] = { QUANT_FAMILY(q8_0), QUANT_FAMILY(q4_0), QUANT_FAMILY(q4_k), QUANT_FAMILY(q6_k),
                                   QUANT_FAMILY(quant) };
    int row = type == CUDA_Q8_0 ? 0 : type == CUDA_Q4_0 ? 1 : type == CUDA_Q4_K ? 2 : type == CUDA_Q6_K ? 3 : 4;
    return all[row][many];
}

cudaError_t launch_prepare(void)
{
    struct family all[FAMILIES];
    families(all);
    for (int i = 0; i < FAMILIES; i++)
        for (int k = 0; k < 6; k++) {
            const void *kernel = all[i].kernel[k / 2][k % 2];
            cudaError_t e = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                 LAUNCH_NORM_BYTES + MOST_WAIT);
            if (e != cudaSuccess)
                return e;
        }
    return cudaSuccess;
}

/* How the product is cut. */
struct cut {
    const void *kernel;
    uint32_t rows, outputs; /* of a block at a time */
    uint32_t most_blocks;   /* that share the outputs of a tile of rows */
    size_t shared;
};

static const uint32_t tile_rows[] = { 1, 4, 8 }, tile_slots[] = { 4, 4, 2 };

static size_t norm_bytes(const struct cuda_product_args *a, int tile)
{
    return a->norm.weight ? tile_rows[tile] * (((size_t)a->w.k + 7) / 8 * 8) * (a->x_type == CUDA_F32 ? 4 : 2) : 0;
}

static size_t wait_bytes(const struct cuda_product_args *a, int tile)
{
    size_t each = a->w.type == CUDA_F32 ? 2 * CUDA_PRODUCT_STAGES_F32 : CUDA_PRODUCT_STAGES;
    return tile_slots[tile] * each * CUDA_PRODUCT_WAIT;
}

static struct cut cut_quant(const struct cuda_product_args *a)
{
    int many = !a->which && a->m > 1;
    return (struct cut){ .kernel = quant_kernel(a->w.type, many),
                         .rows = many ? 4 : 1,
                         .outputs = (a->gate.data ? 2 : 4) * (THREADS / CUDA_WARP),
                         .most_blocks = UINT32_MAX };
}

static uint32_t least(uint32_t x, uint32_t y)
{
    return x < y ? x : y;
}

/* As many as find room, on cards with less shared memory; a launch that finds none is refused as such. */
static uint32_t resident(const struct cut *c)
{
    int n = 0;
    if (cudaOccupancyMaxActiveBlocksPerMultiprocessor(&n, c->kernel, (int)THREADS, c->shared) != cudaSuccess)
        cudaGetLastError();
    return n < 1 ? 1 : least((uint32_t)n, RESIDENT);
}

static struct cut cut_of(const struct cuda_product_args *a, struct launch_on on)
{
    int gated = a->gate.data != NULL, tile = a->which || a->m == 1 ? 0 : a->m <= 4 ? 1 : 2;
    struct family all[FAMILIES];
    if (a->w.type > CUDA_BF16)
        return cut_quant(a);
    families(all);
    while (tile > 0 && norm_bytes(a, tile) > LAUNCH_NORM_BYTES)
        tile--;
    struct cut c = { .kernel = all[family_of(a)].kernel[tile][gated],
                     .rows = tile_rows[tile],
                     .outputs = tile_slots[tile] / (gated ? 2 : 1),
                     .most_blocks = UINT32_MAX,
                     .shared = wait_bytes(a, tile) + norm_bytes(a, tile) };
    if (on.overlaps && c.shared < ROOM)
        c.shared = ROOM;
    if (on.n_multiprocessors > 0) /* tiles of rows go through the weights side by side */
        c.most_blocks = resident(&c) * on.n_multiprocessors / ((a->m + c.rows - 1) / c.rows);
    return c;
}

cudaError_t launch_product(const struct cuda_product_args *a, struct launch_on on)
{
    struct cuda_product_args with = *a;
    const struct cut cut = cut_of(a, on);
    if (a->m == 0 || a->w.n == 0)
        return cudaSuccess;
    if (a->w.type <= CUDA_BF16 && norm_bytes(a, 0) > LAUNCH_NORM_BYTES)
        return cudaErrorInvalidValue;
    if (!a->which || with.per == 0)
        with.per = 1;
    uint32_t units = (a->w.n + cut.outputs - 1) / cut.outputs, blocks = cut.most_blocks > 0 ? cut.most_blocks : 1;
    const cudaLaunchConfig_t c = { .gridDim = { least(units, blocks), (a->m + cut.rows - 1) / cut.rows, 1 },
                                   .blockDim = { THREADS, 1, 1 },
                                   .dynamicSmemBytes = cut.shared };
    return launch_kernel(cut.kernel, c, &with, on);
}

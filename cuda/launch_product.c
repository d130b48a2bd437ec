#include "cuda/launch.h"
#include "cuda/layout.h"

#define THREADS     256u /* PRODUCT_THREADS */
#define MOST_WAIT   (4u * CUDA_PRODUCT_STAGES * CUDA_PRODUCT_WAIT)
#define MOST_SHARED (LAUNCH_NORM_BYTES + MOST_WAIT) /* what cards of all compute capabilities from 8.0 on have */

/* Blocks of a multiprocessor that go through their units side by side.  Where the next kernel may begin early each
 * takes ROOM bytes of shared memory, more than a third of what a multiprocessor of compute capability 9.0 has (228 KB),
 * so that none of the next kernel's finds room beside two: it would have as much to do as two have each, and all would
 * wait for it. */
#define RESIDENT 2u
#define ROOM     ((size_t)77 << 10)

/* [rows of a tile 1, 4, 8][without, with gate] of one type; NULL: there is none, smaller tiles do. */
struct family {
    const void *kernel[3][2];
};

#define FAMILY(stem, eight)                                                                                            \
    {                                                                                                                  \
        {                                                                                                              \
            { CUDA_ENTRY(cuda_product_##stem##_1), CUDA_ENTRY(cuda_product_##stem##_1_gated) },                        \
                { CUDA_ENTRY(cuda_product_##stem##_4), CUDA_ENTRY(cuda_product_##stem##_4_gated) }, { eight, NULL },   \
        }                                                                                                              \
    }

/* [rows of a tile 1, 4] */
struct quant_family {
    const void *kernel[2];
};

#define QUANT_FAMILY(stem)                                                                                             \
    {                                                                                                                  \
        {                                                                                                              \
            CUDA_ENTRY(cuda_product_##stem##_1), CUDA_ENTRY(cuda_product_##stem##_4)                                   \
        }                                                                                                              \
    }

enum { FAMILIES = CUDA_BF16 + 1 };

/* By enum cuda_type. */
static void families(struct family out[FAMILIES])
{
    const struct family all[FAMILIES] = { [CUDA_F32] = FAMILY(f32, NULL),
                                          [CUDA_F16] = FAMILY(f16, CUDA_ENTRY(cuda_product_f16_8)),
                                          [CUDA_BF16] = FAMILY(bf16, CUDA_ENTRY(cuda_product_bf16_8)) };
    for (int i = 0; i < FAMILIES; i++)
        out[i] = all[i];
}

enum { Q8_0, Q4_0, Q4_K, Q6_K, QUANT, QUANT_FAMILIES };

static void quant_families(struct quant_family out[QUANT_FAMILIES])
{
    const struct quant_family all[QUANT_FAMILIES] = { QUANT_FAMILY(q8_0), QUANT_FAMILY(q4_0), QUANT_FAMILY(q4_k),
                                                      QUANT_FAMILY(q6_k), QUANT_FAMILY(quant) };
    for (int i = 0; i < QUANT_FAMILIES; i++)
        out[i] = all[i];
}

static int quant_family_of(uint32_t type)
{
    switch (type) {
    case CUDA_Q8_0: return Q8_0;
    case CUDA_Q4_0: return Q4_0;
    case CUDA_Q4_K: return Q4_K;
    case CUDA_Q6_K: return Q6_K;
    default: return QUANT;
    }
}

static cudaError_t prepare(const void *kernel)
{
    return kernel ? cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, MOST_SHARED)
                  : cudaSuccess;
}

cudaError_t launch_prepare(void)
{
    struct family all[FAMILIES];
    struct quant_family quant[QUANT_FAMILIES];
    cudaError_t e = cudaSuccess;
    families(all);
    quant_families(quant);
    for (int i = 0; i < 6 * FAMILIES && e == cudaSuccess; i++)
        e = prepare(all[i / 6].kernel[i % 6 / 2][i % 2]);
    for (int i = 0; i < 2 * QUANT_FAMILIES && e == cudaSuccess; i++)
        e = prepare(quant[i / 2].kernel[i % 2]);
    return e;
}

/* How the product is cut. */
struct cut {
    const void *kernel;
    uint32_t rows, outputs; /* of a block at a time */
    uint32_t held;          /* cuda_product_args.held */
    size_t shared;
};

static const uint32_t tile_rows[] = { 1, 4, 8 }, tile_slots[] = { 4, 4, 2 };

static size_t norm_bytes(const struct cuda_product_args *a, int tile)
{
    return a->norm.weight ? tile_rows[tile] * (((size_t)a->w.k + 7) / 8 * 8) * (a->w.type == CUDA_F32 ? 4 : 2) : 0;
}

static size_t wait_bytes(const struct cuda_product_args *a, int tile)
{
    size_t each = a->w.type == CUDA_F32 ? 2 * CUDA_PRODUCT_STAGES_F32 : CUDA_PRODUCT_STAGES;
    return tile_slots[tile] * each * CUDA_PRODUCT_WAIT;
}

static uint32_t least(uint32_t x, uint32_t y)
{
    return x < y ? x : y;
}

/* Of a block's warps, in flight. */
static size_t pieces_bytes(uint32_t type)
{
    const struct layout *l = layout_of(type);
    size_t bytes = 0;
    for (uint32_t i = 0; i < l->n_planes; i++)
        bytes += (CUDA_QUANT_PIECE * 32 / l->block * l->planes[i].bytes + 15) / 16 * 16;
    return THREADS / CUDA_WARP * CUDA_PRODUCT_STAGES * CUDA_QUANT_SLOTS * bytes;
}

static struct cut cut_quant(const struct cuda_product_args *a)
{
    int many = !a->which && a->m > 1;
    struct quant_family all[QUANT_FAMILIES];
    quant_families(all);
    struct cut c = { .kernel = all[quant_family_of(a->w.type)].kernel[many],
                     .rows = many ? 4 : 1,
                     .outputs = CUDA_QUANT_SLOTS / (a->gate.data ? 2 : 1) * (THREADS / CUDA_WARP),
                     .shared = pieces_bytes(a->w.type) };
    uint32_t room = (uint32_t)((MOST_SHARED - c.shared) / (c.rows * CUDA_QUANT_GROUP));
    uint32_t pieces = (a->w.k / 32 + CUDA_QUANT_PIECE - 1) / CUDA_QUANT_PIECE;
    c.held = least(pieces, room / CUDA_QUANT_PIECE) * CUDA_QUANT_PIECE;
    c.shared += c.rows * CUDA_QUANT_GROUP * (size_t)c.held;
    return c;
}

static struct cut cut_plain(const struct cuda_product_args *a)
{
    int gated = a->gate.data != NULL, tile = a->which || a->m == 1 ? 0 : a->m <= 4 ? 1 : 2;
    struct family all[FAMILIES];
    families(all);
    while (tile > 0 && (!all[a->w.type].kernel[tile][gated] || norm_bytes(a, tile) > LAUNCH_NORM_BYTES))
        tile--;
    return (struct cut){ .kernel = all[a->w.type].kernel[tile][gated],
                         .rows = tile_rows[tile],
                         .outputs = tile_slots[tile] / (gated ? 2 : 1),
                         .shared = wait_bytes(a, tile) + norm_bytes(a, tile) };
}

/* As many as find room, on cards with less shared memory; a launch that finds none is refused as such. */
static uint32_t resident(const struct cut *c)
{
    int n = 0;
    if (cudaOccupancyMaxActiveBlocksPerMultiprocessor(&n, c->kernel, (int)THREADS, c->shared) != cudaSuccess)
        cudaGetLastError();
    return n < 1 ? 1 : least((uint32_t)n, RESIDENT);
}

/* Blocks that share a tile's units: tiles go through the weights side by side. */
static uint32_t blocks_of(const struct cuda_product_args *a, const struct cut *c, struct launch_on on)
{
    uint32_t units = (a->w.n + c->outputs - 1) / c->outputs, tiles = (a->m + c->rows - 1) / c->rows, most;
    if (on.n_multiprocessors == 0)
        return units;
    most = resident(c) * on.n_multiprocessors / tiles;
    return least(units, most > 0 ? most : 1);
}

cudaError_t launch_product(const struct cuda_product_args *a, struct launch_on on)
{
    struct cuda_product_args with = *a;
    struct cut cut = a->w.type > CUDA_BF16 ? cut_quant(a) : cut_plain(a);
    if (a->m == 0 || a->w.n == 0)
        return cudaSuccess;
    if (a->norm.weight && (a->w.k % 4 > 0 || (a->w.type <= CUDA_BF16 && norm_bytes(a, 0) > LAUNCH_NORM_BYTES)))
        return cudaErrorInvalidValue;
    if (on.overlaps && cut.shared < ROOM)
        cut.shared = ROOM;
    if (!a->which || with.per == 0)
        with.per = 1;
    with.held = cut.held;
    const cudaLaunchConfig_t c = { .gridDim = { blocks_of(a, &cut, on), (a->m + cut.rows - 1) / cut.rows, 1 },
                                   .blockDim = { THREADS, 1, 1 },
                                   .dynamicSmemBytes = cut.shared };
    return launch_kernel(cut.kernel, c, &with, on);
}

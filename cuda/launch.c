#include "cuda/launch.h"
#include "cuda/layout.h"

#define ATTEND_THREADS 128u
#define ATTEND_DIM     256u
#define PLACE_SHARED   ((size_t)48 << 10)

struct shape {
    unsigned x, y, z, threads;
    size_t shared;
};

cudaError_t launch_kernel(const void *kernel, cudaLaunchConfig_t c, const void *args, struct launch_on on)
{
    void *list[] = { (void *)(uintptr_t)args };
    cudaLaunchAttribute early = { .id = cudaLaunchAttributeProgrammaticStreamSerialization,
                                  .val = { .programmaticStreamSerializationAllowed = 1 } };
    c.stream = on.stream;
    c.attrs = &early;
    c.numAttrs = on.overlaps ? 1 : 0;
    return cudaLaunchKernelExC(&c, kernel, list);
}

static cudaError_t launch(const void *kernel, struct shape g, const void *args, struct launch_on on)
{
    const cudaLaunchConfig_t c = { .gridDim = { g.x, g.y, g.z },
                                   .blockDim = { g.threads, 1, 1 },
                                   .dynamicSmemBytes = g.shared };
    return g.x > 0 && g.y > 0 && g.z > 0 ? launch_kernel(kernel, c, args, on) : cudaSuccess;
}

static unsigned up(uint64_t n, uint64_t by)
{
    return (unsigned)((n + by - 1) / by);
}

/* Threads for n values in loops of 4, in whole warps. */
static unsigned threads_for(uint32_t n, unsigned most)
{
    unsigned want = up(up(n, 4), CUDA_WARP) * CUDA_WARP;
    return want < most ? want : most;
}

cudaError_t launch_embed(const struct cuda_embed_args *a, uint32_t n_tokens, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_embed), (struct shape){ n_tokens, 1, 1, 256, 0 }, a, on);
}

cudaError_t launch_norm(const struct cuda_norm_args *a, uint32_t n_rows, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_norm_rows), (struct shape){ n_rows, 1, 1, threads_for(a->dim, 512), 0 }, a, on);
}

/* Warps that have a head each, as many as fit the shared memory that every card has. */
cudaError_t launch_place(const struct cuda_place_args *a, struct launch_on on)
{
    size_t head = a->kv.head_dim * sizeof(float);
    unsigned warps = 4 * head <= PLACE_SHARED ? 4 : (unsigned)(PLACE_SHARED / head);
    unsigned heads = a->n_heads + 2 * a->kv.n_kv_heads;
    struct shape g = { a->n_tokens, up(heads, warps), 1, warps * CUDA_WARP, warps * head };
    return launch(CUDA_ENTRY(cuda_place), g, a, on);
}

cudaError_t launch_copies(const struct cuda_copy_args *a, struct launch_on on)
{
    unsigned heads = a->n_copies > 0 ? a->kv.n_kv_heads : 0;
    return launch(CUDA_ENTRY(cuda_copy_pages), (struct shape){ heads, 2, 1, 128, 0 }, a, on);
}

cudaError_t launch_activate(const struct cuda_activate_args *a, uint32_t n_rows, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_activate), (struct shape){ up(a->width, 4 * 256), n_rows, 1, 256, 0 }, a, on);
}

cudaError_t launch_scores(const struct cuda_scores_args *a, uint32_t n_rows, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_scores), (struct shape){ up(a->width, 4 * 256), n_rows, 1, 256, 0 }, a, on);
}

cudaError_t launch_convert(const struct cuda_convert_args *a, uint32_t n_rows, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_convert), (struct shape){ n_rows, 1, 1, threads_for(a->width, 256), 0 }, a, on);
}

cudaError_t launch_repack(const struct cuda_repack_args *a, struct launch_on on)
{
    const struct layout *l = layout_of(a->type);
    struct cuda_repack_args with = *a;
    with.n_blocks = a->k / l->block;
    with.block_bytes = l->block_bytes;
    with.n_planes = l->n_planes;
    with.from_bytes = layout_file_bytes(a->type, a->k);
    with.to_bytes = layout_row_bytes(a->type, a->k);
    for (uint32_t i = 0; i < l->n_planes; i++) {
        with.at[i] = l->planes[i].at;
        with.bytes[i] = l->planes[i].bytes;
    }
    return launch(CUDA_ENTRY(cuda_repack), (struct shape){ a->n, 1, 1, 256, 0 }, &with, on);
}

cudaError_t launch_dequantise(const struct cuda_dequantise_args *a, struct launch_on on)
{
    uint64_t groups = (uint64_t)a->n * up(a->w.k, 32);
    return launch(CUDA_ENTRY(cuda_dequantise), (struct shape){ up(groups, 128), 1, 1, 128, 0 }, a, on);
}

/* [rows 1, 4][lanes 8, 16, 32][type of keys and values]; NULL: one row of float32 is four */
static const void *attend_kernel(uint32_t rows, uint32_t lanes, uint32_t kv)
{
    const void *const kernels[2][3][CUDA_KV_TYPES] = {
        { { NULL, CUDA_ENTRY(cuda_attend_1_8_bf16), CUDA_ENTRY(cuda_attend_1_8_q8) },
          { NULL, CUDA_ENTRY(cuda_attend_1_16_bf16), CUDA_ENTRY(cuda_attend_1_16_q8) },
          { NULL, CUDA_ENTRY(cuda_attend_1_32_bf16), CUDA_ENTRY(cuda_attend_1_32_q8) } },
        { { CUDA_ENTRY(cuda_attend_4_8_f32), CUDA_ENTRY(cuda_attend_4_8_bf16), CUDA_ENTRY(cuda_attend_4_8_q8) },
          { CUDA_ENTRY(cuda_attend_4_16_f32), CUDA_ENTRY(cuda_attend_4_16_bf16), CUDA_ENTRY(cuda_attend_4_16_q8) },
          { CUDA_ENTRY(cuda_attend_4_32_f32), CUDA_ENTRY(cuda_attend_4_32_bf16), CUDA_ENTRY(cuda_attend_4_32_q8) } },
    };
    return kernels[rows > 1][lanes == 8 ? 0 : lanes == 16 ? 1 : 2][kv];
}

struct attend_plan {
    const void *kernel;
    uint32_t rows; /* of a block */
};

int launch_attend_places(const struct cuda_kv_place *kv)
{
    return kv->head_dim % 8 == 0 && kv->head_dim <= ATTEND_DIM;
}

static struct attend_plan attend_plan(const struct cuda_attend_args *a, const struct launch_attend *l)
{
    uint32_t dim = a->kv.head_dim, lanes = dim <= 64 ? 8 : dim <= 128 ? 16 : 32;
    uint32_t all = l->most_tokens * (a->n_heads / a->kv.n_kv_heads),
             rows = all > 1 || a->kv.type == CUDA_KV_F32 ? 4 : 1;
    if (!launch_attend_places(&a->kv))
        return (struct attend_plan){ CUDA_ENTRY(cuda_attend_any), 1 };
    return (struct attend_plan){ attend_kernel(rows, lanes, a->kv.type), rows };
}

static uint32_t pages_of(const struct launch_attend *l)
{
    return up(l->most_positions, CUDA_PAGE);
}

static uint32_t n_splits(const struct cuda_attend_args *a, const struct launch_attend *l)
{
    return up(pages_of(l), a->split_pages);
}

/* Four blocks for each multiprocessor, as long as a split has four pages for each of a block's warps: below that,
 * putting splits together costs more than they save. */
void launch_attend_split(struct cuda_attend_args *a, const struct launch_attend *l, uint32_t n_multiprocessors)
{
    uint64_t rows = (uint64_t)l->most_tokens * (a->n_heads / a->kv.n_kv_heads), pages = pages_of(l);
    uint64_t blocks = up(rows, attend_plan(a, l).rows) * (uint64_t)a->kv.n_kv_heads * l->n_spans;
    uint64_t want = blocks > 0 ? 4 * (uint64_t)n_multiprocessors / blocks : 1, most = up(pages, 16);
    want = want > most ? most : want;
    a->split_pages = want > 1 ? up(pages, want) : (uint32_t)(pages > 0 ? pages : 1);
}

uint64_t launch_attend_bytes(const struct cuda_attend_args *a, const struct launch_attend *l)
{
    uint64_t n = n_splits(a, l);
    return n > 1 ? n * a->n_tokens * a->n_heads * (a->kv.head_dim + 2) * sizeof(float) : 0;
}

cudaError_t launch_attend(const struct cuda_attend_args *a, const struct launch_attend *l, struct launch_on on)
{
    struct cuda_attend_args with = *a;
    struct attend_plan plan = attend_plan(a, l);
    uint32_t rows = l->most_tokens * (a->n_heads / a->kv.n_kv_heads);
    with.n_splits = n_splits(a, l);
    struct shape g = { up(rows, plan.rows) * a->kv.n_kv_heads, with.n_splits, l->n_spans, ATTEND_THREADS, 0 };
    cudaError_t e = launch(plan.kernel, g, &with, on);
    if (e != cudaSuccess || with.n_splits == 1)
        return e;
    g = (struct shape){ a->n_tokens, a->n_heads, 1, ATTEND_THREADS, 0 };
    return launch(CUDA_ENTRY(cuda_attend_merge), g, &with, on);
}

cudaError_t launch_route(const struct cuda_route_args *a, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_route), (struct shape){ a->n_tokens, 1, 1, CUDA_WARP, 0 }, a, on);
}

cudaError_t launch_pack(const struct cuda_pack_args *a, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_pack), (struct shape){ a->n_tokens > 0, 1, 1, 256, 0 }, a, on);
}

cudaError_t launch_gather(const struct cuda_gather_args *a, uint32_t n_tokens, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_gather), (struct shape){ n_tokens * a->n_chosen, 1, 1, 256, 0 }, a, on);
}

cudaError_t launch_combine(const struct cuda_combine_args *a, uint32_t n_tokens, struct launch_on on)
{
    return launch(CUDA_ENTRY(cuda_combine), (struct shape){ n_tokens, 1, 1, threads_for(a->dim, 256), 0 }, a, on);
}

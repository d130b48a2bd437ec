/* Starts kernels with the right grids; the sizes and pointers are the caller's word.  What a launch gives is
 * cudaLaunchKernelExC()'s; a launch over nothing (no rows, no tokens) does nothing. */
#ifndef CUDA_LAUNCH_H
#define CUDA_LAUNCH_H

#include "cuda/kernels.h"
#include <cuda_runtime_api.h>

/* Where to.  overlaps: a kernel may begin while the one before it ends (compute capability 9.0 and later;
 * cuda/dialect.h says what they then owe each other), and nothing but kernels of these launches changes weights
 * meanwhile.  n_multiprocessors share the work of products, 0: as many blocks as there is work; no number depends on
 * it. */
struct launch_on {
    cudaStream_t stream;
    int overlaps;
    uint32_t n_multiprocessors;
};

/* With its grid, block and shared memory in c; its stream and attributes are `on`'s. */
cudaError_t launch_kernel(const void *kernel, cudaLaunchConfig_t c, const void *args, struct launch_on on);

cudaError_t launch_embed(const struct cuda_embed_args *a, uint32_t n_tokens, struct launch_on on);
cudaError_t launch_norm(const struct cuda_norm_args *a, uint32_t n_rows, struct launch_on on);
cudaError_t launch_place(const struct cuda_place_args *a, struct launch_on on);
cudaError_t launch_copies(const struct cuda_copy_args *a, struct launch_on on);
cudaError_t launch_activate(const struct cuda_activate_args *a, uint32_t n_rows, struct launch_on on);
cudaError_t launch_scores(const struct cuda_scores_args *a, uint32_t n_rows, struct launch_on on);
cudaError_t launch_convert(const struct cuda_convert_args *a, uint32_t n_rows, struct launch_on on);
cudaError_t launch_repack(const struct cuda_repack_args *a, struct launch_on on);
cudaError_t launch_dequantise(const struct cuda_dequantise_args *a, struct launch_on on);

/* What attention of a batch looks like. */
struct launch_attend {
    uint32_t n_spans;
    uint32_t most_tokens;    /* of a span */
    uint32_t most_positions; /* that a token sees, or more: a graph is recorded with what it may come to */
};

/* How a's pages are to be split over n_multiprocessors for speed: sets split_pages; anything > 0 is right, and a row's
 * numbers depend on split_pages (and on most_tokens being 1 or more) alone. */
void launch_attend_split(struct cuda_attend_args *a, const struct launch_attend *l, uint32_t n_multiprocessors);
/* Whether attention with heads of that width takes a batch's one token with `own`. */
int launch_attend_places(const struct cuda_kv_place *kv);
uint64_t launch_attend_bytes(const struct cuda_attend_args *a, const struct launch_attend *l); /* of partial; 0: none */
cudaError_t launch_attend(const struct cuda_attend_args *a, const struct launch_attend *l, struct launch_on on);

/* Before the first launch, once a context: what kernels may take of shared memory.  Products whose x is normed have up
 * to LAUNCH_NORM_BYTES of it for the row, beside the weights that wait there; a row that is wider (k values
 * of w's type), or no multiple of four wide, gives cudaErrorInvalidValue: norm it
 * apart. */
#define LAUNCH_NORM_BYTES (48u << 10)
cudaError_t launch_prepare(void);
cudaError_t launch_product(const struct cuda_product_args *a, struct launch_on on);

cudaError_t launch_route(const struct cuda_route_args *a, struct launch_on on);
cudaError_t launch_pack(const struct cuda_pack_args *a, struct launch_on on);
cudaError_t launch_gather(const struct cuda_gather_args *a, uint32_t n_tokens, struct launch_on on);
cudaError_t launch_combine(const struct cuda_combine_args *a, uint32_t n_tokens, struct launch_on on);

#endif

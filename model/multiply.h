/* Products of a block of activations with weight matrices, spread over threads. */
#ifndef MODEL_MULTIPLY_H
#define MODEL_MULTIPLY_H

#include "base/threads.h"
#include "model/block.h"
#include "model/kernel.h"

/* Loops whose cost (multiply-adds, about) is below this run on the caller alone: waking a thread costs more. */
#define MULTIPLY_INLINE 200000u

struct multiplier;

struct product {
    const struct weight *w;
    float *const *out; /* (m,) -> (w->n,) */
    size_t m;          /* the first m rows of the block */
};

/* Blocks of at most max_rows rows of at most max_width.  Everything is borrowed. */
struct multiplier *multiplier_alloc(const struct kernels *k, enum kernel_mode mode, struct threads *threads,
                                    size_t max_rows, size_t max_width);
void multiplier_free(struct multiplier *mul);

/* out = x w^T + bias for each of n <= 3 products of the same x. */
void multiply(struct multiplier *mul, const struct block *x, const struct product products[], size_t n);

/* Calls part(ctx, i, worker) for i < n, on all threads if cost, that of the whole loop, is worth it. */
void multiply_each(struct multiplier *mul, size_t n, size_t cost, void (*part)(void *, size_t, size_t), void *ctx);

#endif

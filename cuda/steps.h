/* A pass: what is launched, in what order. */
#ifndef CUDA_STEPS_H
#define CUDA_STEPS_H

#include "cuda/model.h"

/* Everything up to the scores of the first rows, for a batch that has been sent; what stays to be done for rows is in
 * the blocks.  Nothing waits for the card but layers with experts and many tokens. */
struct steps {
    struct device_model *m;
    const struct device_batch *d;
    struct device_error *error;
    const char *base;        /* of the present layer's weights */
    uint32_t layer, n, full; /* tokens that enter it, tokens that leave it */
    uint32_t most_positions; /* that attention is launched for */
    const float *back;       /* what is still to be added to x, or NULL, ... */
    const float *back_bias;  /* ... with this and through this, by which layer */
    uint32_t back_layer;
    struct cuda_norm post;
};

/* Rows are delivered by deliver(ctx, first, n): rows [first, first + n) of the batch's order lie in the scores block,
 * one every stride.  NULL: they stay there. */
struct steps_rows {
    int (*deliver)(void *ctx, uint64_t first, uint64_t n, uint32_t stride);
    void *ctx;
};

int steps_run(struct steps *s, const struct steps_rows *rows);

#endif

/* Blocks of activations: rows of floats, each padded with zeros as the kernels want them. */
#ifndef MODEL_BLOCK_H
#define MODEL_BLOCK_H

#include <stddef.h>

struct block {
    float *data; /* (n, stride) */
    float **row; /* (n,) */
    size_t width, stride;
};

struct block block_alloc(size_t n, size_t width);
void block_free(struct block *b);

#endif

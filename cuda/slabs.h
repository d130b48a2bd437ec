/* Blocks of one size in a card's memory, taken from slabs of many, so that taking one costs no call of the runtime.
 * Blocks that follow each other without a gap are of one slab: a copy may go over them, as it may not go from one
 * allocation into the next. */
#ifndef CUDA_SLABS_H
#define CUDA_SLABS_H

#include "cuda/card.h"

int slabs_open(struct device_context *c, uint64_t bytes, struct device_pool **out, struct device_error *error);
void slabs_close(struct device_pool *p);
void *slabs_take(struct device_pool *p);
void slabs_give(struct device_pool *p, void *block);

#endif

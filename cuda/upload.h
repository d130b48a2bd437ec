/* Weights from a file's memory into a card's, in the layout that the kernels read (cuda/layout.h). */
#ifndef CUDA_UPLOAD_H
#define CUDA_UPLOAD_H

#include "cuda/card.h"
#include "cuda/weightmap.h"

struct upload;

int upload_open(struct device_context *c, struct upload **out, struct device_error *error);
void upload_close(struct upload *u);

/* Each fills the slab at base, device memory of out->bytes, and returns when it is filled. */
int upload_top(struct upload *u, const struct device_spec *s, const struct weightmap_top *m, void *base,
               struct device_error *error);
int upload_layer(struct upload *u, const struct device_spec *s, uint32_t layer, const struct weightmap_layer *m,
                 void *base, struct device_error *error);

#endif

/* Layers of weights: the first lie in a card's memory, the others in pinned memory of the host, brought over in the
 * order of the layers, each while the one before it is computed. */
#ifndef CUDA_SWAP_H
#define CUDA_SWAP_H

#include "cuda/upload.h"

struct swap;

int swap_open(struct device_context *c, const struct device_spec *s, const struct weightmap_layer layers[],
              struct swap **out, struct device_error *error);
void swap_close(struct swap *w);

int swap_is_whole(const struct swap *w); /* every layer lies on the card */

/* Between begin and end of a pass, layers are asked for in their order, all of them: where layer lies while what is put
 * into the card's stream next is computed, until the next is asked for. */
int swap_begin(struct swap *w, struct device_error *error);
int swap_layer(struct swap *w, uint32_t layer, const char **base, struct device_error *error);
int swap_end(struct swap *w, struct device_error *error);

#endif

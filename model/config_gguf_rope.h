/* Rotary positions in a GGUF file: keys, and tensors of what frequencies are divided by. */
#ifndef MODEL_CONFIG_GGUF_ROPE_H
#define MODEL_CONFIG_GGUF_ROPE_H

#include "model/architecture.h"
#include "model/config_gguf_value.h"

/* Sets theta, the rotating dimensions, the scaling and, where that stretches a trained length, max_positions.  Sizes are in
 * c already.  0; ERR_DATA: a scaling that is unknown, a value out of range. */
int config_gguf_rope(const struct config_gguf *r, const struct architecture *a, struct config *c);

#endif

/* Rotary positions in a config.json: "rope_theta", "rope_scaling", the newer "rope_parameters", which may be one for each
 * kind of layer, and what they mean for the lengths that a checkpoint reaches. */
#ifndef MODEL_CONFIG_ROPE_H
#define MODEL_CONFIG_ROPE_H

#include "base/doc.h"
#include "model/architecture.h"

/* Sets theta, the rotating dimensions, the scaling and, where the scaling stretches a trained length, max_positions.  Sizes
 * are in c already.  0; ERR_DATA: a type or a key of the scaling that is unknown, a value out of range. */
int config_rope_read(const json_t *o, const char *where, const struct architecture *a, struct config *c);

/* YaRN's amplitude of cos and sin for a stretch by factor: 0.1 ln(factor) + 1 (https://arxiv.org/abs/2309.00071, 3.4). */
double config_rope_yarn_amplitude(double factor, double scale);

#endif

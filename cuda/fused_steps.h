/* A layer for one or two tokens: norms, activations and residual sums inside the products, since what is left of such a pass is
 * waiting between launches.  Its numbers are not those of the steps for more: a deterministic card goes without. */
#ifndef CUDA_FUSED_STEPS_H
#define CUDA_FUSED_STEPS_H

#include "cuda/steps.h"

#define FUSED_TOKENS 2u

int fused_steps_fit(const struct steps *s, const struct weightmap_layer *l);
int fused_steps_run(struct steps *s, const struct weightmap_layer *l);

#endif

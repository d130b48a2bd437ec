/* A layer for one or two tokens: norms, activations and residual sums inside the products, since what is left of such a
 * pass is waiting between launches.  Its numbers are not those of the steps for more: a deterministic card goes
 * without. */
#ifndef CUDA_FUSED_STEPS_H
#define CUDA_FUSED_STEPS_H

#include "cuda/steps.h"

#define FUSED_TOKENS 2u

int fused_steps_fit(const struct steps *s, const struct weightmap_layer *l);
int fused_steps_run(struct steps *s, const struct weightmap_layer *l);

/* The scores of a batch of one token: the last norm and what becomes of scores inside the head's product. */
int fused_steps_fit_head(const struct steps *s);
int fused_steps_head(struct steps *s);

#endif

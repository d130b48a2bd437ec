/* A feed-forward part with experts (model/experts.h). */
#ifndef CUDA_EXPERT_STEPS_H
#define CUDA_EXPERT_STEPS_H

#include "cuda/steps.h"

/* From s->full normed rows of `in` into the block `back`.  Few tokens go through the experts' matrices row by row; of
 * many, those of an expert are packed and go through it as one block, for which the host waits for the router. */
int expert_steps_run(struct steps *s, const struct weightmap_layer *l, void *const in[]);

#endif

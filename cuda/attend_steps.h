/* The middle of a layer: from the products' queries, keys and values to what attention gives. */
#ifndef CUDA_ATTEND_STEPS_H
#define CUDA_ATTEND_STEPS_H

#include "cuda/steps.h"

int attend_steps_run(struct steps *s, const struct weightmap_layer *l);

#endif

/* Starts kernels with the right grids; the sizes and pointers are the caller's word.  What a launch gives is
 * cudaLaunchKernel()'s. */
#ifndef CUDA_LAUNCH_H
#define CUDA_LAUNCH_H

#include "cuda/kernels.h"
#include <cuda_runtime_api.h>

cudaError_t launch_norm(const struct cuda_norm_args *a, uint32_t n_rows, cudaStream_t s);

#endif

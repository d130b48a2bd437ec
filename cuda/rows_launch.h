/* Starts the kernels over rows; a launch over no rows does nothing. */
#ifndef CUDA_ROWS_LAUNCH_H
#define CUDA_ROWS_LAUNCH_H

#include "cuda/rows.h"
#include <cuda_runtime_api.h>

uint64_t rows_bytes(uint32_t n);       /* of a row's block (model/device_rows.h) */
uint64_t rows_measured_at(uint32_t n); /* where in it struct device_measured lies */

cudaError_t rows_launch_prepare(void); /* before the first decision, once a context */
cudaError_t rows_launch_measure(const struct rows_measure_args *a, uint32_t n_rows, cudaStream_t s);
cudaError_t rows_launch_pool(const struct rows_pool_args *a, uint32_t n_pools, cudaStream_t s);
cudaError_t rows_launch_decide(const struct rows_decide_args *a, uint32_t n_items, cudaStream_t s);

#endif

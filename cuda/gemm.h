/* Products of many rows with a matrix of 16- or 32-bit weights: cuBLASLt, one algorithm for each shape, kept.
 *
 * The order of its sums follows the shape, so that the same batch has the same numbers and another may have others. */
#ifndef CUDA_GEMM_H
#define CUDA_GEMM_H

#include "cuda/card.h"

/* out = x w^T: w (n, k) and x (m, k) of one type, out (m, n) float32; strides in elements. */
struct gemm {
    const void *w, *x;
    float *out;
    uint32_t n, k, m, type; /* CUDA_F32, CUDA_F16, CUDA_BF16 */
    uint32_t w_stride, x_stride, out_stride;
};

struct gemm_plans;

struct gemm_plans *gemm_plans_alloc(void); /* NULL: no memory */
void gemm_plans_free(struct gemm_plans *p);

/* Puts the product into the card's stream. */
int gemm_run(struct device_context *c, struct gemm_plans *p, const struct gemm *g, struct device_error *error);

#endif

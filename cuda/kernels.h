/* The kernels of a forward pass: what each is given.  cuda/launch.h starts them with the right grids.
 *
 * Pointers are to the device's memory; rows of activations start at multiples of 16 bytes.  Activations come out of products
 * as float32 and go into the next as their weights want them (a `type`); the residual stream is float32.  Every sum has one
 * order: a row's numbers do not depend on the rows beside it. */
#ifndef CUDA_KERNELS_H
#define CUDA_KERNELS_H

#include "cuda/dialect.h"

/* The numbers of enum dtype (model/dtype.h). */
enum cuda_type {
    CUDA_F32,
    CUDA_F16,
    CUDA_BF16,
    CUDA_Q8_0,
    CUDA_Q4_0,
    CUDA_Q4_1,
    CUDA_Q5_0,
    CUDA_Q5_1,
    CUDA_Q2_K,
    CUDA_Q3_K,
    CUDA_Q4_K,
    CUDA_Q5_K,
    CUDA_Q6_K,
    CUDA_TYPES
};

/* weight NULL: none; bias NULL: a root-mean-square norm, otherwise a layer norm. */
struct cuda_norm {
    const float *weight, *bias;
};

/* What lies between a half layer and the next: row i of x, x[index[i]] where index is given,
 *   x += post(back + bias)        where back is given (and then index is not)
 *   out = norm(x)                 where norm has a weight; out may be x
 * Each of its threads writes *flag = 1 if a value of x that it makes is not finite (flag may be NULL). */
struct cuda_norm_args {
    float *x;          /* (rows, stride) */
    const float *back; /* (rows, stride) or NULL */
    const float *bias; /* (dim,) or NULL */
    struct cuda_norm post, norm;
    const uint32_t *index; /* (rows,) or NULL */
    void *out;             /* (rows, stride) of type */
    uint32_t *flag;
    uint32_t dim, stride, type;
    float eps;
};
CUDA_DECLARE(cuda_norm_rows, cuda_norm_args);

#endif

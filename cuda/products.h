/* Products of activations with a matrix, whatever its type and their number. */
#ifndef CUDA_PRODUCTS_H
#define CUDA_PRODUCTS_H

#include "cuda/model.h"

/* The type that so many rows of activations have for weights of a type. */
uint32_t products_wants(const struct device_model *m, uint32_t type, uint32_t n_rows);

/* Whether so many rows go through cuda_product, one matrix's weights read once for up to MODEL_FEW of them. */
int products_few(const struct device_model *m, uint32_t n_rows);

/* A matrix of a slab, as kernels are told. */
struct cuda_matrix products_matrix(const struct weightmap_matrix *w, const char *base);
const float *products_vector(const struct weightmap_vector *v, const char *base); /* NULL: none */
struct cuda_norm products_norm(const struct weightmap_norm *n, const char *base);

/* out (m, out_stride) = x w^T, without bias; x of products_wants(). */
struct products {
    const void *x;
    float *out;
    uint32_t m, x_type, x_stride, out_stride; /* x_type: of products_wants() */
};
int products_run(struct device_model *m, const struct cuda_matrix *w, const struct products *p,
                 struct device_error *error);

#endif

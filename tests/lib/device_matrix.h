/* Weight matrices of any type for tests of the device: as a file has them, and repacked. */
#ifndef TESTS_DEVICE_MATRIX_H
#define TESTS_DEVICE_MATRIX_H

#include "cuda/kernels.h"
#include "model/dtype.h"

/* (n, k): random bits, scales of about 1/32, values of about one.  The caller frees. */
uint8_t *device_matrix_file(enum dtype type, size_t n, size_t k, uint64_t seed);

/* On the device, in its layout; device_free() the data. */
struct cuda_matrix device_matrix_put(enum dtype type, const uint8_t *file, uint32_t n, uint32_t k);

#endif

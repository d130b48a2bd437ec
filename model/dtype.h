/* Types of stored weights, and their exact values as float32. */
#ifndef MODEL_DTYPE_H
#define MODEL_DTYPE_H

#include <stddef.h>
#include <stdint.h>

/* From Q8_0 on: blocks of 32 or 256 values in a row that share scales (model/quant.h). */
enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_Q8_0,
    DTYPE_Q4_0,
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q2_K,
    DTYPE_Q3_K,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_COUNT
};

const char *dtype_name(enum dtype t);
size_t dtype_block(enum dtype t);               /* values that are stored together: 1, 32 or 256 */
size_t dtype_block_bytes(enum dtype t);         /* bytes of those */
size_t dtype_align(enum dtype t);               /* what the address of a row must be a multiple of */
size_t dtype_row_bytes(enum dtype t, size_t n); /* bytes of a row of n values; n a multiple of dtype_block() */

/* Where in a block its i-th float16 scale is, in bytes; -1: it has no more. */
int dtype_scale_at(enum dtype t, size_t i);

float dtype_from_f16(uint16_t h); /* exact */

/* The values of a row of n; from is aligned as dtype_align() says.  Exact for the types without
 * blocks; those with blocks have float32 values by definition (model/quant.h). */
void dtype_to_f32(enum dtype t, const void *from, size_t n, float *to);

#endif

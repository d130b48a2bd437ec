/* Types of stored weights, and their exact values as float32. */
#ifndef MODEL_DTYPE_H
#define MODEL_DTYPE_H

#include <stddef.h>
#include <stdint.h>

/* Q8_0: blocks of 32 values in a row: a float16 scale, then 32 signed bytes; value = scale * byte. */
enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0, DTYPE_COUNT };

#define DTYPE_Q8_0_BLOCK 32

const char *dtype_name(enum dtype t);
size_t dtype_block(enum dtype t);               /* values that are stored together: 1, or 32 for Q8_0 */
size_t dtype_block_bytes(enum dtype t);         /* bytes of those */
size_t dtype_align(enum dtype t);               /* what the address of a row must be a multiple of */
size_t dtype_row_bytes(enum dtype t, size_t n); /* bytes of a row of n values; n a multiple of dtype_block() */

/* The values of a row of n; from is aligned as dtype_align() says.  Exact: every stored value is a float32. */
void dtype_to_f32(enum dtype t, const void *from, size_t n, float *to);

#endif

/* float32 values into stored types: F32, F16, BF16 (to nearest, ties to even), Q8_0 and Q4_K.
 *
 * Q8_0 and Q4_K are ggml's reference quantisers operation for operation (ggml-quants.c, quantize_row_q8_0_ref and
 * quantize_row_q4_K_ref with make_qkx2_quants; https://github.com/ggml-org/llama.cpp).  Q8_0: scale = largest / 127, each
 * value to the nearest, ties away from zero.  Q4_K: for each group of 32, of 22 pairs of a scale and a minimum the one with
 * the least squared error, weighted by root mean square + |x|; these scales and minima then in 6 bits. */
#ifndef MODEL_QUANT_PACK_H
#define MODEL_QUANT_PACK_H

#include "model/dtype.h"
#include <stdbool.h>

bool quant_pack_has(enum dtype t); /* whether values can be packed into it */

/* A row of n values (a multiple of dtype_block()), all finite; to has dtype_row_bytes().  false: a value is beyond the type's
 * largest (F16 alone: 65504). */
bool quant_pack(enum dtype t, const float *x, size_t n, void *to);

uint16_t quant_to_f16(float x); /* to nearest, ties to even; beyond the largest: infinity */
void quant_pack_q4_k(const float *x, size_t n, void *to);

#endif

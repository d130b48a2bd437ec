/* Blocks of quantised weights as GGUF files store them: values that share scales, in a fixed layout of bytes.
 *
 * Layouts and the order of every operation are those of ggml (ggml-quants.c, dequantize_row_*): float32 products and
 * sums, one after the other, without fused multiply-adds, so that values are the reference's bit for bit.  d, m: float16
 * scales; q: packed integers.  Blocks of 32:
 *   q4_0  d, 16 bytes of q           d (q - 8)          q4_1  d, m, 16 bytes of q           d q + m
 *   q5_0  d, 32 high bits, 16 bytes  d (q - 16)         q5_1  d, m, 32 high bits, 16 bytes  d q + m
 *   q8_0  d, 32 signed bytes         d q
 * Blocks of 256, in groups of 16 or 32 whose scales s and minima t are small integers:
 *   q2_K  16 x (s, t: 4 bits), 64 bytes of q, d, m      (d s) q - (m t), groups of 16
 *   q3_K  32 bytes of high bits, 64 of q, 16 x s (6 bits, - 32), d      (d s) (q - 4), groups of 16
 *   q4_K  d, m, 8 x (s, t: 6 bits), 128 bytes of q      (d s) q - (m t), groups of 32
 *   q5_K  d, m, 8 x (s, t: 6 bits), 32 bytes of high bits, 128 of q     (d s) q - (m t), groups of 32
 *   q6_K  128 bytes of q, 64 of high bits, 16 signed bytes s, d         (d s) (q - 32), groups of 16 */
#ifndef MODEL_QUANT_H
#define MODEL_QUANT_H

#include "model/dtype.h"

#define QUANT_BLOCK 32  /* values */
#define QUANT_SUPER 256 /* values of a block with groups */

/* Rows of n values, n a multiple of the block, to float32. */
typedef void quant_widen(const void *from, size_t n, float *to);
extern quant_widen quant_q4_0, quant_q4_1, quant_q5_0, quant_q5_1, quant_q8_0;
extern quant_widen quant_q2_k, quant_q3_k, quant_q4_k, quant_q5_k, quant_q6_k;

/* The same bits with AVX2, which the processor must have; other types as dtype_to_f32(). */
void quant_widen_avx2(enum dtype t, const void *from, size_t n, float *to);

/* The scales of a q3_K block, and the scales and minima of a q4_K or q5_K block, times its d and m. */
void quant_scales3(const uint8_t *block, float d[16]);
void quant_scales4(const uint8_t *block, float d[8], float m[8]);

#endif

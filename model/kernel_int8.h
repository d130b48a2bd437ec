/* Products of quantised weights with activations that are rounded to integers: of mode native.
 *
 * Activations: blocks of 32, scale = largest / 127, q = x / scale to the nearest, ties to even, as ggml's q8_0 and q8_K but
 * with a float32 scale.  A block whose largest is below KERNEL_INT8_LEAST is zero; one that holds a NaN or an infinity has
 * that as its scale, so that what is computed with it is not finite.
 *
 * Law: every table gives the same bits.  Sums of products of integers are exact.  Of these, in float32, for the blocks of
 * 32 in turn (a: activations; d, m: the weights' scales, s, t: their small integers, as in model/quant.h; I: the sum over
 * the block of weight times activation, both integers; fma: one rounding):
 *   q8_0, q4_0   sum = fma(I, d a.scale, sum)
 *   q4_K         sum = fma(I, (d s) a.scale, sum), then sum = fma(-(m t), a.scale_sum, sum)
 *   q6_K         sum = fma(I, (d s) a.scale, sum) for the first 16, then for the others */
#ifndef MODEL_KERNEL_INT8_H
#define MODEL_KERNEL_INT8_H

#include "model/kernel.h"

#define KERNEL_TILE       16u /* weight rows that are multiplied side by side at most */
#define KERNEL_INT8_LEAST 1e-30f
#define KERNEL_INT8_TILES 60u /* batch rows that go through AMX tiles, whatever the type */

/* In plain C. */
void kernel_int8_pack(const float *x, size_t n, struct kernel_int8 *out);
void kernel_int8_dot(const struct matmul *p, size_t from, size_t to);

/* With AVX2; with AVX2 and AVX-VNNI; with AVX-512 and its VNNI; with AMX tiles besides. */
void kernel_int8_pack_avx2(const float *x, size_t n, struct kernel_int8 *out);
void kernel_int8_dot_avx2(const struct matmul *p, size_t from, size_t to);
void kernel_int8_dot_avxvnni(const struct matmul *p, size_t from, size_t to);
void kernel_int8_dot_avx512(const struct matmul *p, size_t from, size_t to);
void kernel_int8_dot_amx(const struct matmul *p, size_t from, size_t to);

/* How many of n rows from row j on lie one after the other in memory. */
size_t kernel_int8_run(const struct weight *w, size_t j, size_t n);

#endif

/* Products of bf16 by AMX tiles: 16 weight rows by 16 batch rows by 32 of the inner dimension an instruction.
 *
 * Order of every sum: for each 32 products in turn, those of even and of odd k are summed apart, in turn, then added to
 * each other and that to the sum (Intel's description of TDPBF16PS); the last 32 are filled up with zeros.  Subnormal
 * numbers count as zero.  A row's bits do not depend on its place in a tile. */
#ifndef MODEL_KERNEL_AMX_H
#define MODEL_KERNEL_AMX_H

#include "model/kernel.h"

#define KERNEL_AMX_ROWS 16u /* batch rows whose pairs of activations alternate */

/* Whether the processor has tiles and the system lets this process use them. */
bool kernel_amx_available(void);

void kernel_amx_dot_bf16(const struct matmul *p, size_t from, size_t to);

/* Row i of a block of (rows, n) activations: pair k of rows 16 g .. 16 g + 15 lie side by side at (g n / 2 + k) 16. */
void kernel_amx_round_bf16(const float *x, size_t n, size_t i, uint16_t *block);

#endif

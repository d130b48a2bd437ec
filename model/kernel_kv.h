/* Keys and values as pages hold them: KERNEL_PAGE positions of one head together, a *block*, in one of three types.
 *
 *   f32   (KERNEL_PAGE, head_dim) float32
 *   bf16  (KERNEL_PAGE, head_dim) bf16, rounded to nearest
 *   q8    (KERNEL_PAGE, head_dim) signed bytes q, then (KERNEL_PAGE,) float32 scales: x ~ scale q, scale = largest / 127
 * What a block gives back is float32, exactly the same on all tables. */
#ifndef MODEL_KERNEL_KV_H
#define MODEL_KERNEL_KV_H

#include <stddef.h>
#include <stdint.h>

enum kernel_kv { KERNEL_KV_F32, KERNEL_KV_BF16, KERNEL_KV_Q8, KERNEL_KV_TYPES };

const char *kernel_kv_name(enum kernel_kv type);
size_t kernel_kv_bytes(enum kernel_kv type, size_t head_dim); /* of a block; a multiple of 4 */

/* Position `at` of a block, from and to (head_dim,) floats. */
void kernel_kv_put(enum kernel_kv type, const float *x, size_t head_dim, size_t at, void *block);
void kernel_kv_get(enum kernel_kv type, const void *block, size_t head_dim, size_t at, float *out);

/* The first n positions into another block. */
void kernel_kv_copy(enum kernel_kv type, size_t head_dim, size_t n, const void *from, void *to);

#endif

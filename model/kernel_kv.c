#include "model/kernel_kv.h"
#include "model/kernel.h"
#include <assert.h>
#include <math.h>
#include <string.h>

const char *kernel_kv_name(enum kernel_kv type)
{
    static const char *const names[KERNEL_KV_TYPES] = { "f32", "bf16", "q8" };
    return names[type];
}

size_t kernel_kv_bytes(enum kernel_kv type, size_t head_dim)
{
    static const size_t each[KERNEL_KV_TYPES] = { 4, 2, 1 };
    return KERNEL_PAGE * (each[type] * head_dim + (type == KERNEL_KV_Q8 ? sizeof(float) : 0));
}

static void put_bf16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = kernel_to_bf16(x[i]);
}

/* Of finite x. */
static float put_q8(const float *x, size_t n, int8_t *out)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    float factor = most > 1e-30f ? 127 / most : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = (int8_t)lrintf(x[i] * factor);
    return factor > 0 ? most / 127 : 0;
}

void kernel_kv_put(enum kernel_kv type, const float *x, size_t head_dim, size_t at, void *block)
{
    uint8_t *b = block;
    float scale;
    switch (type) {
    case KERNEL_KV_F32: memcpy(b + at * head_dim * sizeof *x, x, head_dim * sizeof *x); break;
    case KERNEL_KV_BF16: put_bf16(x, head_dim, (uint16_t *)block + at * head_dim); break;
    case KERNEL_KV_Q8:
        scale = put_q8(x, head_dim, (int8_t *)block + at * head_dim);
        memcpy(b + KERNEL_PAGE * head_dim + at * sizeof scale, &scale, sizeof scale);
        break;
    case KERNEL_KV_TYPES: assert(0);
    }
}

void kernel_kv_get(enum kernel_kv type, const void *block, size_t head_dim, size_t at, float *out)
{
    const uint8_t *b = block;
    const int8_t *q = (const int8_t *)block + at * head_dim;
    float scale = 0;
    if (type == KERNEL_KV_F32)
        memcpy(out, b + at * head_dim * sizeof *out, head_dim * sizeof *out);
    else if (type == KERNEL_KV_Q8)
        memcpy(&scale, b + KERNEL_PAGE * head_dim + at * sizeof scale, sizeof scale);
    for (size_t i = 0; type == KERNEL_KV_BF16 && i < head_dim; i++)
        out[i] = kernel_from_bf16(((const uint16_t *)block)[at * head_dim + i]);
    for (size_t i = 0; type == KERNEL_KV_Q8 && i < head_dim; i++)
        out[i] = scale * (float)q[i];
}

void kernel_kv_copy(enum kernel_kv type, size_t head_dim, size_t n, const void *from, void *to)
{
    static const size_t each[KERNEL_KV_TYPES] = { 4, 2, 1 };
    size_t scales = KERNEL_PAGE * head_dim;
    memcpy(to, from, n * head_dim * each[type]);
    if (type == KERNEL_KV_Q8)
        memcpy((uint8_t *)to + scales, (const uint8_t *)from + scales, n * sizeof(float));
}

#include "tests/lib/device_matrix.h"
#include "cuda/launch.h"
#include "cuda/layout.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include <stdlib.h>

uint8_t *device_matrix_file(enum dtype type, size_t n, size_t k, uint64_t seed)
{
    size_t bytes = n * dtype_row_bytes(type, k), block = dtype_block_bytes(type);
    uint8_t *m = malloc(bytes);
    float *x = malloc((bytes + 1) * sizeof *x);
    device_fill(x, bytes + 1, seed);
    for (size_t i = 0; i < bytes; i++)
        m[i] = (uint8_t)(int)(x[i] * 1e5f);
    for (size_t b = 0; b < bytes; b += block) {
        for (size_t i = 0; i < 2 && dtype_scale_at(type, i) >= 0; i++) {
            uint16_t h = (uint16_t)(0x2800 + (m[b + (size_t)dtype_scale_at(type, i)] | 0x100));
            memcpy(m + b + dtype_scale_at(type, i), &h, sizeof h);
        }
        if (type == DTYPE_F32)
            memcpy(m + b, &x[b / block], sizeof *x);
        if (type == DTYPE_F16 || type == DTYPE_BF16) {
            uint16_t h = type == DTYPE_F16 ? cuda_to_f16(x[b / block]) : cuda_to_bf16(x[b / block]);
            memcpy(m + b, &h, sizeof h);
        }
    }
    free(x);
    return m;
}

struct cuda_matrix device_matrix_put(enum dtype type, const uint8_t *file, uint32_t n, uint32_t k)
{
    struct cuda_matrix w = { .row_bytes = layout_row_bytes(type, k), .type = type, .n = n, .k = k };
    void *raw = device_put(file, n * dtype_row_bytes(type, k)), *to = device_new(n * w.row_bytes);
    struct cuda_repack_args a = { .from = raw, .to = to, .n = n, .k = k, .type = type };
    check(launch_repack(&a, (struct launch_on){ 0 }) == cudaSuccess, "a launch");
    w.data = to;
    device_free(raw);
    return w;
}

/* The device's layout of weights and their values, the embedding, activations and scores, against the host's. */
#include "cuda/launch.h"
#include "cuda/layout.h"
#include "model/kernel.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include "tests/lib/device_matrix.h"
#include <stdlib.h>

static const struct launch_on plainly = { .stream = NULL };

_Static_assert((int)CUDA_Q8_0 == (int)DTYPE_Q8_0 && (int)CUDA_Q6_K == (int)DTYPE_Q6_K &&
                   (int)CUDA_TYPES == (int)DTYPE_COUNT && (int)CUDA_BF16 == (int)DTYPE_BF16,
               "numbers of types");
_Static_assert((int)CUDA_KV_Q8 == (int)KERNEL_KV_Q8 && (int)CUDA_GELU == (int)ACTIVATION_GELU &&
                   CUDA_PAGE == KERNEL_PAGE,
               "numbers of choices");

static float value(uint32_t type, const void *row, size_t i)
{
    uint16_t h = type == CUDA_F32 ? 0 : ((const uint16_t *)row)[i];
    return type == CUDA_F32 ? ((const float *)row)[i] : type == CUDA_F16 ? dtype_from_f16(h) : kernel_from_bf16(h);
}

static void test_values(enum dtype type, uint32_t k)
{
    enum { N = 3 };
    uint8_t *file = device_matrix_file(type, N, k, type + k);
    struct cuda_matrix w = device_matrix_put(type, file, N, k);
    float *want = malloc(k * sizeof *want);
    for (uint32_t to = CUDA_F32; to <= CUDA_BF16; to++) {
        uint32_t stride = (k + 7) / 8 * 8;
        struct cuda_dequantise_args a = { w, device_new(2 * stride * sizeof(float)), 1, 2, stride, to };
        double worst = 0;
        check(launch_dequantise(&a, plainly) == cudaSuccess, "a launch");
        for (size_t i = 0; i < 2; i++) {
            dtype_to_f32(type, file + (1 + i) * dtype_row_bytes(type, k), k, want);
            for (size_t d = 0; d < k; d++) {
                float got = value(to, (char *)a.out + i * stride * (to == CUDA_F32 ? 4 : 2), d);
                worst = fmax(worst, fabs((double)(got - want[d])) / (0.01 + fabs((double)want[d])));
            }
        }
        check_near(worst, 0,
                   to == CUDA_F32   ? 2e-6
                   : to == CUDA_F16 ? 1e-3
                                    : 8e-3,
                   "%s of %u as type %u", dtype_name(type), k, to);
        device_free(a.out);
    }
    free(want);
    free(file);
    device_free((void *)(uintptr_t)w.data);
}

static void test_embed(enum dtype type)
{
    enum { N = 4, K = 256, STRIDE = 264 };
    uint8_t *file = device_matrix_file(type, N, K, 8), *places = device_matrix_file(DTYPE_F32, N, K, 9);
    struct cuda_token tokens[] = { { .symbol = 3, .position = 0 }, { .symbol = 1, .position = 2 } };
    struct cuda_embed_args a = { .embedding = device_matrix_put(type, file, N, K), .scale = 1.5f, .stride = STRIDE };
    float row[K], place[K];
    a.tokens = device_put(tokens, sizeof tokens);
    a.x = device_new(2 * STRIDE * sizeof *a.x);
    for (int with = 0; with < 2; with++) {
        double worst = 0;
        if (with)
            a.positions = device_matrix_put(DTYPE_F32, places, N, K);
        check(launch_embed(&a, 2, plainly) == cudaSuccess, "a launch");
        for (size_t i = 0; i < 2; i++) {
            dtype_to_f32(type, file + tokens[i].symbol * dtype_row_bytes(type, K), K, row);
            memcpy(place, places + tokens[i].position * K * sizeof(float), sizeof place);
            for (size_t d = 0; d < K; d++)
                worst = fmax(worst, fabs((double)(a.x[i * STRIDE + d] - row[d] * 1.5f - (with ? place[d] : 0))));
        }
        check_near(worst, 0, 1e-5, "%s: the embedding, with positions: %d", dtype_name(type), with);
    }
    free(file);
    free(places);
    device_free((void *)(uintptr_t)a.embedding.data);
    device_free((void *)(uintptr_t)a.positions.data);
    device_free((void *)(uintptr_t)a.tokens);
    device_free(a.x);
}

static void test_activations(uint32_t width)
{
    enum { ROWS = 2 };
    uint32_t stride = (width + 7) / 8 * 8;
    size_t n = ROWS * stride;
    float *gate = device_new(n * 4), *rise = device_new(n * 4), *bias = device_new(2 * width * 4),
          *out = device_new(n * 4);
    float *want = malloc(width * sizeof *want);
    device_fill(gate, n, 1);
    device_fill(rise, n, 2);
    device_fill(bias, 2 * width, 3);
    for (uint32_t k = 0; k < 12; k++) {
        struct cuda_activate_args a = { gate, k % 2 ? rise : NULL, NULL, NULL, out, width, stride, stride, CUDA_F32,
                                        k / 4 };
        double worst = 0;
        if (k / 2 % 2)
            a.gate_bias = bias, a.up_bias = bias + width;
        check(launch_activate(&a, ROWS, plainly) == cudaSuccess, "a launch");
        for (size_t i = 0; i < ROWS; i++) {
            for (uint32_t d = 0; d < width; d++)
                want[d] = gate[i * stride + d] + (a.gate_bias ? bias[d] : 0);
            kernel_reference.activate[k / 4](want, width);
            for (uint32_t d = 0; d < width; d++) {
                want[d] *= a.up ? rise[i * stride + d] + (a.up_bias ? bias[width + d] : 0) : 1;
                worst = fmax(worst, fabs((double)(out[i * stride + d] - want[d])));
            }
        }
        check_near(worst, 0, 3e-6, "width %u: activation %u", width, k);
    }
    free(want);
    void *all[] = { gate, rise, bias, out };
    for (size_t i = 0; i < 4; i++)
        device_free(all[i]);
}

static void test_scores(uint32_t width)
{
    uint32_t *flag = device_put(&(uint32_t){ 0 }, 4);
    float *x = device_new(2 * width * 4), *bias = device_new(width * 4), *want = malloc(2 * width * sizeof *want);
    struct cuda_scores_args a = { x, bias, flag, width, width, 3 };
    device_fill(x, 2 * width, 1);
    device_fill(bias, width, 2);
    for (uint32_t i = 0; i < 2 * width; i++)
        want[i] = x[i] + bias[i % width];
    kernel_reference.cap(want, 2 * width, 3);
    check(launch_scores(&a, 2, plainly) == cudaSuccess && *flag == 0, "a launch");
    double worst = 0;
    for (uint32_t i = 0; i < 2 * width; i++)
        worst = fmax(worst, fabs((double)(x[i] - want[i])));
    check_near(worst, 0, 1e-6, "width %u: biased and capped scores", width);
    x[2 * width - 1] = -INFINITY;
    launch_scores(&a, 2, plainly);
    check(*flag == 1, "width %u: an infinity is seen before the cap", width);
    device_free(flag);
    device_free(x);
    device_free(bias);
    free(want);
}

static void test_convert(void)
{
    enum { WIDTH = 67, STRIDE = 72 };
    float *x = device_new(2 * STRIDE * 4);
    uint16_t *out = device_new(2 * 80 * 2);
    device_fill(x, 2 * STRIDE, 6);
    for (uint32_t type = CUDA_F16; type <= CUDA_BF16; type++) {
        struct cuda_convert_args a = { x, out, WIDTH, STRIDE, 80, type };
        check(launch_convert(&a, 2, plainly) == cudaSuccess, "a launch");
        for (size_t i = 0; i < 2 * WIDTH; i++) {
            size_t at = i / WIDTH * 80 + i % WIDTH;
            float from = x[i / WIDTH * STRIDE + i % WIDTH];
            uint16_t want = type == CUDA_BF16 ? kernel_to_bf16(from) : cuda_to_f16(from);
            check(out[at] == want, "type %u: value %zu is %04x, want %04x", type, i, out[at], want);
        }
    }
    device_free(x);
    device_free(out);
}

int main(void)
{
    for (enum dtype type = DTYPE_F32; type < DTYPE_COUNT; type++) {
        check(layout_file_bytes(type, 512) == dtype_row_bytes(type, 512), "%s: bytes of a row", dtype_name(type));
        test_values(type, 256);
        test_values(type, type <= DTYPE_BF16 ? 67 : (uint32_t)(3 * dtype_block(type)));
        test_embed(type);
    }
    test_activations(13);
    test_activations(1030);
    test_scores(5);
    test_scores(1031);
    test_convert();
    return check_done("cuda_embed");
}

/* Norms and residual sums of the device against the reference kernels. */
#include "cuda/launch.h"
#include "model/kernel.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include <stdlib.h>

static const struct launch_on plainly = { .stream = NULL };

enum { ROWS = 3 };

struct one {
    struct cuda_norm_args a;
    const float *x;
    size_t bytes;
};

static void reset(void *ctx)
{
    const struct one *o = ctx;
    memcpy(o->a.x, o->x, o->bytes);
}

static void run(void *ctx)
{
    const struct one *o = ctx;
    check(launch_norm(&o->a, ROWS, plainly) == cudaSuccess, "a launch");
}

static void reference_norm(struct cuda_norm n, const float *x, uint32_t dim, float *out)
{
    if (n.bias)
        kernel_reference.layer_norm(x, &(struct kernel_norm){ n.weight, n.bias }, dim, 1e-5f, out);
    else
        kernel_reference.rms_norm(x, n.weight, dim, 1e-5f, out);
}

static float *made(size_t n, uint64_t seed)
{
    float *x = malloc(n * sizeof *x), *on;
    device_fill(x, n, seed);
    on = device_put(x, n * sizeof *x);
    free(x);
    return on;
}

static void one_width(uint32_t dim, uint32_t stride, int layer, int post)
{
    size_t n = (size_t)ROWS * stride;
    float *x = made(n, dim), *back = made(n, dim + 1), *w = made(dim, 3), *b = made(dim, 4), *bias = made(dim, 5);
    float *want_x = malloc(n * sizeof *x), *want = malloc(n * sizeof *x), *half = malloc(dim * sizeof *half);
    struct one o = { .x = malloc(n * sizeof *x), .bytes = n * sizeof *x };
    uint32_t *flag = device_put(&(uint32_t){ 0 }, sizeof *flag);
    memcpy((void *)(uintptr_t)o.x, x, o.bytes);
    o.a = (struct cuda_norm_args){ .x = x, .back = back, .bias = bias, .dim = dim, .stride = stride, .eps = 1e-5f };
    o.a.norm = (struct cuda_norm){ w, layer ? b : NULL };
    o.a.post = post ? o.a.norm : (struct cuda_norm){ NULL, NULL };
    o.a.out = device_new(o.bytes);
    o.a.flag = flag;
    for (size_t i = 0; i < ROWS; i++) {
        float *row = want_x + i * stride;
        for (uint32_t d = 0; d < dim; d++)
            half[d] = back[i * stride + d] + bias[d];
        if (post)
            reference_norm(o.a.post, half, dim, half);
        for (uint32_t d = 0; d < dim; d++)
            row[d] = o.x[i * stride + d] + half[d];
        reference_norm(o.a.norm, row, dim, want + i * stride);
    }
    for (o.a.type = CUDA_F32; o.a.type <= CUDA_BF16; o.a.type++) {
        double worst = 0, worst_x = 0, bar = o.a.type == CUDA_F32 ? 2e-6 : o.a.type == CUDA_F16 ? 1e-3 : 8e-3;
        memset(o.a.out, 0, o.bytes);
        check(device_same_in_orders(reset, run, &o, o.a.out, o.bytes), "width %u: the same in all orders", dim);
        for (size_t i = 0; i < ROWS; i++)
            for (uint32_t d = 0; d < dim; d++) {
                uint16_t h = o.a.type == CUDA_F32 ? 0 : ((uint16_t *)o.a.out)[i * stride + d];
                float got = o.a.type == CUDA_F32   ? ((float *)o.a.out)[i * stride + d]
                            : o.a.type == CUDA_F16 ? dtype_from_f16(h)
                                                   : kernel_from_bf16(h);
                worst =
                    fmax(worst, fabs((double)(got - want[i * stride + d])) / (1 + fabs((double)want[i * stride + d])));
                worst_x = fmax(worst_x, fabs((double)(x[i * stride + d] - want_x[i * stride + d])));
            }
        check_near(worst, 0, bar, "width %u, type %u, layer %d, post %d: the norm", dim, o.a.type, layer, post);
        check_near(worst_x, 0, 1e-5, "width %u: the residual stream", dim);
    }
    check(*flag == 0, "width %u: all is finite", dim);
    ((float *)(uintptr_t)o.x)[stride + dim - 1] = INFINITY;
    reset(&o);
    run(&o);
    check(*flag == 1, "width %u: an infinity is seen", dim);
    void *on_device[] = { x, back, w, b, bias, o.a.out, flag },
         *here[] = { want_x, want, half, (void *)(uintptr_t)o.x };
    for (size_t i = 0; i < sizeof on_device / sizeof *on_device; i++)
        device_free(on_device[i]);
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        free(here[i]);
}

int main(void)
{
    static const uint32_t widths[][2] = { { 1, 4 }, { 7, 8 }, { 64, 64 }, { 130, 132 }, { 2051, 2056 } };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (int k = 0; k < 4; k++)
            one_width(widths[i][0], widths[i][1], k & 1, k >> 1);
    return check_done("cuda_norm");
}

/* Products of few rows against sums in double, alone and with what they may do besides; a row's bits do not depend on
 * how many rows there are. */
#include "cuda/launch.h"
#include "cuda/layout.h"
#include "model/kernel.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include "tests/lib/device_matrix.h"
#include <stdlib.h>

static const struct launch_on plainly = { .stream = NULL };

enum { MOST = 10, OUT_STRIDE = 80 };

struct shape {
    uint32_t n, k, m;
};

static const struct shape shapes[] = { { 5, 8, 1 },     { 37, 1032, 1 }, { 70, 264, 3 },
                                       { 33, 523, 4 },  { 65, 600, 10 }, { 21, 4108, 1 },
                                       { 18, 4096, 5 }, { 1, 8000, 5 } /* 8 normed rows would be 125 KB */ };

enum { SHAPES = sizeof shapes / sizeof *shapes };

static uint32_t each(uint32_t type)
{
    return type == CUDA_F32 ? 4 : 2;
}

static void put(uint32_t type, void *row, size_t i, float x)
{
    if (type == CUDA_F32)
        ((float *)row)[i] = x;
    else
        ((uint16_t *)row)[i] = type == CUDA_BF16 ? kernel_to_bf16(x) : cuda_to_f16(x);
}

static double get(uint32_t type, const void *row, size_t i)
{
    if (type == CUDA_F32)
        return (double)((const float *)row)[i];
    uint16_t h = ((const uint16_t *)row)[i];
    return (double)(type == CUDA_BF16 ? kernel_from_bf16(h) : dtype_from_f16(h));
}

/* (n, k) of type, rows a multiple of 16 bytes apart, NaN between them. */
static void *made(uint32_t type, uint32_t n, uint32_t k, uint64_t stride, uint64_t seed)
{
    char *to = device_new(n * stride * each(type));
    float *x = malloc((size_t)n * k * sizeof *x);
    device_fill(x, (size_t)n * k, seed);
    for (size_t i = 0; i < (size_t)n * k; i++)
        put(type, to + i / k * stride * each(type), i % k, x[i]);
    free(x);
    return to;
}

static struct cuda_matrix matrix(uint32_t type, uint32_t n, uint32_t k, uint64_t seed)
{
    struct cuda_matrix w = { .row_bytes = layout_row_bytes(type, k), .type = type, .n = n, .k = k };
    w.data = made(type, n, k, w.row_bytes / each(type), seed);
    return w;
}

static double dot(const struct cuda_matrix *w, size_t j, const void *x)
{
    const char *row = (const char *)w->data + j * w->row_bytes;
    double sum = 0;
    for (size_t i = 0; i < w->k; i++)
        sum += get(w->type, row, i) * get(w->type, x, i);
    return sum;
}

static void run(void *ctx)
{
    check(launch_product(ctx, plainly) == cudaSuccess, "a launch");
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* What output j of row i is to be; x: the row as it is multiplied. */
static double wanted(const struct cuda_product_args *a, size_t i, size_t j, const void *x)
{
    double y = dot(&a->w, j, x) + (a->bias ? (double)a->bias[j] : 0);
    if (a->gate.data)
        y *= silu(dot(&a->gate, j, x) + (a->gate_bias ? (double)a->gate_bias[j] : 0));
    return y + (a->add ? (double)a->add[i * a->out_stride + j] : 0);
}

static void check_outputs(const struct cuda_product_args *a, const struct shape *s, const char *what)
{
    double worst = 0, most = 1;
    float *normed = malloc(s->k * sizeof *normed);
    char *x = malloc(s->k * sizeof(float));
    for (size_t i = 0; i < s->m; i++) {
        const char *row = (const char *)a->x + i * a->x_stride * each(a->norm.weight ? CUDA_F32 : a->w.type);
        if (a->norm.weight && a->norm.bias)
            kernel_reference.layer_norm((const float *)(const void *)row,
                                        &(struct kernel_norm){ a->norm.weight, a->norm.bias }, s->k, a->eps, normed);
        else if (a->norm.weight)
            kernel_reference.rms_norm((const float *)(const void *)row, a->norm.weight, s->k, a->eps, normed);
        for (size_t d = 0; a->norm.weight && d < s->k; d++)
            put(a->w.type, x, d, normed[d]);
        for (size_t j = 0; j < s->n; j++) {
            double want = wanted(a, i, j, a->norm.weight ? x : row);
            most = fmax(most, fabs(want));
            worst = fmax(worst, fabs(want - get(a->out_type, a->out, i * a->out_stride + j)));
        }
    }
    /* a norm's last bits may round a bf16 the other way */
    check_near(worst / most, 0, a->norm.weight && a->w.type != CUDA_F32 ? 1e-3 : 2e-6,
               "%u x %u of type %u, %u rows: %s", s->n, s->k, a->w.type, s->m, what);
    free(normed);
    free(x);
}

/* The last row of a batch, computed alone. */
static void check_alone(const struct cuda_product_args *a, const struct shape *s)
{
    struct cuda_product_args one = *a;
    size_t row = s->m - 1, bytes = s->n * sizeof(float);
    float *out = (float *)a->out + row * a->out_stride, *together = malloc(bytes);
    memcpy(together, out, bytes);
    memset(out, 0, bytes);
    one.x = (const char *)a->x + row * a->x_stride * each(a->w.type);
    one.out = out;
    one.m = 1;
    run(&one);
    check(memcmp(together, out, bytes) == 0, "%u x %u: a row alone has the same bits", s->n, s->k);
    free(together);
}

/* Few blocks that go through all units, as they do on a card of one multiprocessor. */
static void check_shared_out(const struct cuda_product_args *a, const struct shape *s, const char *what)
{
    size_t bytes = MOST * OUT_STRIDE * sizeof(float);
    float *apart = malloc(bytes);
    memcpy(apart, a->out, bytes);
    memset(a->out, 0, bytes);
    check(launch_product(a, (struct launch_on){ .n_multiprocessors = 1 }) == cudaSuccess, "a launch");
    check(memcmp(apart, a->out, bytes) == 0, "%u x %u: %s is the same by few blocks", s->n, s->k, what);
    free(apart);
}

static void one_shape(const struct shape *s, uint32_t type)
{
    uint64_t stride = (s->k + 7) / 8 * 8 + 8;
    struct cuda_product_args a = { .w = matrix(type, s->n, s->k, 1), .m = s->m, .eps = 1e-5f };
    struct cuda_matrix gate = matrix(type, s->n, s->k, 2);
    void *x = made(type, s->m, s->k, stride, 3), *plain = made(CUDA_F32, s->m, s->k, stride, 4);
    float *bias = made(CUDA_F32, 1, s->n, s->n, 5), *norm = made(CUDA_F32, 1, 2 * s->k, 2 * s->k, 6);
    float *add = made(CUDA_F32, s->m, OUT_STRIDE, OUT_STRIDE, 7), *out = device_new(MOST * OUT_STRIDE * 4);
    uint32_t *flag = device_put(&(uint32_t){ 0 }, 4);
    memset(out, 0, MOST * OUT_STRIDE * 4);
    a.x = x, a.x_stride = (uint32_t)stride, a.out = out, a.out_type = CUDA_F32, a.out_stride = OUT_STRIDE,
    a.flag = flag;
    check(device_same_in_orders(NULL, run, &a, out, MOST * OUT_STRIDE * 4), "%u x %u: the same in all orders", s->n,
          s->k);
    check_outputs(&a, s, "plain");
    check_shared_out(&a, s, "a product");
    check_alone(&a, s);
    a.bias = bias, a.add = add;
    run(&a);
    check_outputs(&a, s, "bias and sum");
    a.gate = gate, a.gate_bias = bias;
    run(&a);
    check_outputs(&a, s, "gate");
    if (s->k % 4 == 0) {
        a.x = plain, a.norm = (struct cuda_norm){ norm, NULL };
        run(&a);
        check_outputs(&a, s, "norm and gate");
        check_shared_out(&a, s, "one with norm and gate");
        a.gate.data = NULL, a.norm.bias = norm + s->k;
        if (type == CUDA_BF16)
            check(device_same_in_orders(NULL, run, &a, out, MOST * OUT_STRIDE * 4), "a norm is the same in all orders");
        run(&a);
        check_outputs(&a, s, "layer norm");
    }
    check(*flag == 0, "all is finite");
    bias[s->n - 1] = INFINITY;
    run(&a);
    check(*flag == 1, "an infinity is seen");
    const void *all[] = { a.w.data, gate.data, x, plain, bias, norm, add, out, flag };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free((void *)(uintptr_t)all[i]);
}

/* Rows that go to matrices of their own. */
static void test_experts(void)
{
    enum { N = 9, K = 24, EXPERTS = 3, TOKENS = 2 };
    struct cuda_matrix all = matrix(CUDA_BF16, N * EXPERTS, K, 1), w = all;
    uint32_t which[] = { 2, 9, 0, 9, 1, 9, 2, 9 }; /* every second is an expert */
    void *x = made(CUDA_BF16, TOKENS, K, K, 2);
    float *out = device_new(4 * N * 4);
    w.n = N;
    struct cuda_product_args a = {
        .w = w, .x = x, .which = device_put(which, sizeof which), .which_step = 2, .per = 2
    };
    a.x_stride = K, a.m = 4, a.matrix_bytes = N * w.row_bytes, a.out = out, a.out_stride = N;
    run(&a);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < N; j++)
            check_near((double)out[i * N + j], dot(&all, which[2 * i] * N + j, (char *)x + i / 2 * K * 2), 1e-5,
                       "row %zu, output %zu of its expert", i, j);
    device_free((void *)(uintptr_t)all.data);
    device_free((void *)(uintptr_t)a.which);
    device_free(x);
    device_free(out);
}

/* Quantised weights of 2 N rows, the second half for gates, and rows of x. */
struct quant {
    struct cuda_product_args a;
    float *wide; /* (2 n, k) the weights */
    float *x, *out, *norm;
    size_t out_bytes;
};

enum { OUTPUTS = 35, QUANT_STRIDE = 40, QUANT_ROWS = 6 };

static struct quant quant_open(enum dtype type, uint32_t k)
{
    struct quant q = { .out_bytes = QUANT_ROWS * QUANT_STRIDE * sizeof(float) };
    uint8_t *file = device_matrix_file(type, 2 * OUTPUTS, k, type);
    q.wide = malloc(2 * OUTPUTS * (size_t)k * sizeof *q.wide);
    dtype_to_f32(type, file, 2 * OUTPUTS * (size_t)k, q.wide);
    q.x = made(CUDA_F32, QUANT_ROWS, k, k, 3);
    q.norm = made(CUDA_F32, 1, k, k, 4);
    q.out = device_new(q.out_bytes);
    q.a = (struct cuda_product_args){
        .w = device_matrix_put(type, file, 2 * OUTPUTS, k), .x = q.x, .x_stride = k, .out = q.out, .eps = 1e-5f
    };
    q.a.w.n = OUTPUTS;
    q.a.out_stride = QUANT_STRIDE;
    free(file);
    return q;
}

static void quant_close(struct quant *q)
{
    free(q->wide);
    device_free(q->out);
    device_free(q->x);
    device_free(q->norm);
    device_free((void *)(uintptr_t)q->a.w.data);
}

/* Against sums in double. */
static void check_quant(const struct quant *q, const char *what)
{
    const struct cuda_product_args *a = &q->a;
    const uint32_t k = a->w.k;
    float *row = malloc(k * sizeof *row);
    double worst = 0, most = 1;
    for (size_t r = 0; r < a->m; r++) {
        memcpy(row, q->x + r * k, k * sizeof *row);
        if (a->norm.weight)
            kernel_reference.rms_norm(q->x + r * k, q->norm, k, a->eps, row);
        for (size_t j = 0; j < OUTPUTS; j++) {
            double y = 0, gate = 0;
            for (size_t d = 0; d < k; d++) {
                y += (double)row[d] * (double)q->wide[j * k + d];
                gate += (double)row[d] * (double)q->wide[(OUTPUTS + j) * k + d];
            }
            y *= a->gate.data ? silu(gate) : 1;
            most = fmax(most, fabs(y));
            worst = fmax(worst, fabs(y - (double)q->out[r * QUANT_STRIDE + j]));
        }
    }
    check_near(worst / most, 0, 3e-6, "%s of %u, %u rows: %s", dtype_name((enum dtype)a->w.type), k, a->m, what);
    free(row);
}

/* Few blocks go through all units: a warp's next pieces are on their way while it ends one. */
static void check_quant_shared_out(const struct quant *q)
{
    float *apart = malloc(q->out_bytes);
    memcpy(apart, q->out, q->out_bytes);
    memset(q->out, 0, q->out_bytes);
    check(launch_product(&q->a, (struct launch_on){ .n_multiprocessors = 1 }) == cudaSuccess, "a launch");
    check(memcmp(apart, q->out, q->out_bytes) == 0, "%s: the same by few blocks", dtype_name((enum dtype)q->a.w.type));
    free(apart);
}

/* Plain, gated and normed, by tiles of one row and of four. */
static void test_quant(enum dtype type, uint32_t k)
{
    static const uint32_t rows[] = { 1, QUANT_ROWS };
    static const char *const what[] = { "plain", "gated", "gated and normed" };
    struct quant q = quant_open(type, k);
    const struct cuda_matrix w = q.a.w;
    for (int i = 0; i < 6; i += type == DTYPE_Q4_K ? CHECK_TIMES(1, 5) : 5) {
        q.a.m = rows[i % 2];
        q.a.gate.data = NULL;
        if (i > 1)
            q.a.gate = w, q.a.gate.data = (const char *)w.data + OUTPUTS * w.row_bytes;
        q.a.norm.weight = i > 3 ? q.norm : NULL;
        memset(q.out, 0, q.out_bytes);
        check(device_same_in_orders(NULL, run, &q.a, q.out, q.out_bytes), "%s: the same in all orders",
              dtype_name(type));
        check_quant(&q, what[i / 2]);
        check_quant_shared_out(&q);
        if (i != 1)
            continue;
        float last = q.out[5 * QUANT_STRIDE + OUTPUTS - 1];
        q.a.x = q.x + 5 * k;
        q.a.m = 1;
        run(&q.a);
        check(q.out[OUTPUTS - 1] == last, "%s: a row alone has the same bits", dtype_name(type));
        q.a.x = q.x;
    }
    quant_close(&q);
}

/* Rows of more pieces than are in flight, and of more values than wait in shared memory: of one row, of four. */
static void test_quant_long(enum dtype type, uint32_t k, uint32_t m)
{
    struct quant q = quant_open(type, k);
    q.a.m = m;
    q.a.norm.weight = q.norm;
    memset(q.out, 0, q.out_bytes);
    run(&q.a);
    check_quant(&q, "normed");
    check_quant_shared_out(&q);
    quant_close(&q);
}

int main(void)
{
    static const uint32_t types[] = { CUDA_BF16, CUDA_F16, CUDA_F32 };
    struct cuda_product_args wide = { .w = { .type = CUDA_BF16, .n = 8, .k = 50000 }, .m = 1 }, odd = wide;
    wide.norm.weight = odd.norm.weight = &wide.eps;
    odd.w.k = 523;
    check(launch_product(&odd, plainly) == cudaErrorInvalidValue,
          "a norm of a row that is no multiple of four wide is refused");
    check(launch_product(&wide, plainly) == cudaErrorInvalidValue, "a norm wider than shared memory is refused");
    check(launch_prepare() == cudaSuccess, "shared memory is to be had");
    check(launch_product(&wide, plainly) == cudaErrorInvalidValue,
          "and so it is when there is as much as there can be");
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        size_t step = t > 0 ? 2 : CHECK_TIMES(1, 2), n = t == 0 ? SHAPES : SHAPES - 1; /* the widest once */
        for (size_t i = t == 1 ? 0 : t % 2; i < n; i += step)                          /* f16 those of eight rows too */
            one_shape(&shapes[i], types[t]);
    }
    test_experts();
    for (enum dtype type = DTYPE_Q8_0; type < DTYPE_COUNT; type++)
        test_quant(type, 512);
    test_quant_long(DTYPE_Q8_0, 9216 + 288, 1);
    test_quant_long(DTYPE_Q6_K, 2048 + 768, 5);
    test_quant_long(DTYPE_Q3_K, 4096 + 256, 1);
    test_quant_long(DTYPE_Q5_1, 1024 + 32, 2);
    return check_done("cuda_product");
}

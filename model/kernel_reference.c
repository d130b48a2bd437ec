/* The kernels in plain C with double sums: what the others are compared with. */
#include "model/kernel_int8.h"
#include <math.h>
#include <string.h>

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float kernel_from_bf16(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

uint16_t kernel_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u); /* a quiet NaN */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

void kernel_widen(enum dtype type, const void *row, size_t n, float out[])
{
    dtype_to_f32(type, row, n, out);
}

static bool always(void)
{
    return true;
}

static void reference_matmul(const struct matmul *p, size_t from, size_t to, float *scratch)
{
    const struct weight *w = p->w;
    for (size_t j = from; j < to; j++) {
        kernel_widen(w->type, kernel_row(w, j), w->k, scratch);
        for (size_t i = 0; i < p->m; i++) {
            const float *x = (const float *)p->x + i * p->stride;
            double sum = 0;
            for (size_t k = 0; k < w->k; k++)
                sum += (double)x[k] * (double)scratch[k];
            p->out[i][j] = (float)sum;
        }
    }
}

static void reference_round_bf16(const float *x, size_t n, size_t row, uint16_t *block)
{
    uint16_t *out = block + row * n;
    for (size_t i = 0; i < n; i++)
        out[i] = kernel_to_bf16(x[i]);
}

static void reference_rms_norm(const float *x, const float *w, size_t n, float eps, float *out)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    double factor = 1 / sqrt(sum / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)x[i] * factor) * w[i];
}

static void reference_layer_norm(const float *x, const struct kernel_norm *w, size_t n, float eps, float *out)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean);
    double factor = 1 / sqrt(variance / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(((double)x[i] - mean) * factor * (double)w->weight[i] + (double)w->bias[i]);
}

static double cap(double x, double cap)
{
    return cap * tanh(x / cap);
}

/* Position t of the blocks at `at` in their pages. */
static void position(const struct attention *a, size_t at, size_t t, float *out)
{
    const char *page = a->pages[t / KERNEL_PAGE];
    kernel_kv_get(a->kv, page + at, a->head_dim, t % KERNEL_PAGE, out);
}

static void attend_head(const struct attention *a, size_t h)
{
    const float *q = a->q + h * a->head_dim;
    float *out = a->out + h * a->head_dim, x[CONFIG_HEAD_MAX];
    double mean[CONFIG_HEAD_MAX] = { 0 };
    double max = -INFINITY, sum = 0;
    for (size_t t = a->first; t < a->n; t++) {
        double dot = 0;
        position(a, a->k_at, t, x);
        for (size_t d = 0; d < a->head_dim; d++)
            dot += (double)q[d] * (double)x[d];
        dot *= (double)a->scale;
        if (a->cap > 0)
            dot = cap(dot, (double)a->cap);
        a->score[t] = (float)(dot - (double)a->slope[h] * (double)(a->n - 1 - t));
        max = fmax(max, (double)a->score[t]);
    }
    for (size_t t = a->first; t < a->n; t++) {
        a->score[t] = (float)exp((double)a->score[t] - max);
        sum += (double)a->score[t];
    }
    for (size_t t = a->first; t < a->n; t++) {
        position(a, a->v_at, t, x);
        for (size_t d = 0; d < a->head_dim; d++)
            mean[d] += (double)a->score[t] * (double)x[d];
    }
    for (size_t d = 0; d < a->head_dim; d++)
        out[d] = (float)(mean[d] / sum);
}

static void reference_attend(const struct attention *a)
{
    for (size_t h = 0; h < a->n_heads; h++)
        attend_head(a, h);
}

static void reference_silu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] / (1 + exp(-(double)x[i])));
}

static void reference_gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v = (double)x[i];
        x[i] = (float)(0.5 * v * (1 + tanh(0.79788456080286536 * (v + 0.044715 * v * v * v))));
    }
}

static void reference_gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(0.5 * (double)x[i] * erfc(-(double)x[i] * 0.70710678118654752));
}

static void reference_times(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= y[i];
}

static void reference_cap(float *x, size_t n, float most)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)cap((double)x[i], (double)most);
}

static bool reference_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

const struct kernels kernel_reference = {
    .name = "reference",
    .needs = "nothing",
    .available = always,
    .matmul = reference_matmul,
    .bf16_rows = 1,
    .round_bf16 = reference_round_bf16,
    .dot_int8 = kernel_int8_dot,
    .pack_int8 = kernel_int8_pack,
    .rms_norm = reference_rms_norm,
    .layer_norm = reference_layer_norm,
    .attend = reference_attend,
    .activate = { reference_silu, reference_gelu_tanh, reference_gelu },
    .times = reference_times,
    .cap = reference_cap,
    .finite = reference_finite,
};

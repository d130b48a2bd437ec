#include "model/kernel_int8.h"
#include "model/quant.h"
#include <assert.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(struct kernel_int8) == 64, "a cache line");

bool kernel_has_int8(enum dtype type)
{
    return type == DTYPE_Q8_0 || type == DTYPE_Q4_0 || type == DTYPE_Q4_K || type == DTYPE_Q6_K;
}

size_t kernel_int8_run(const struct weight *w, size_t j, size_t n)
{
    size_t left = w->gap > 0 ? w->group - j % w->group : n;
    return left < n ? left : n;
}

/* The bits of |x| grow with |x|, and those of NaN are the largest. */
static float largest(const float *x)
{
    uint32_t most = 0;
    float out;
    for (size_t i = 0; i < KERNEL_INT8; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    memcpy(&out, &most, sizeof out);
    return out;
}

static void pack_block(const float *x, struct kernel_int8 *out)
{
    float most = largest(x);
    int32_t sum[2] = { 0, 0 };
    *out = (struct kernel_int8){ .scale = most };
    if (most < KERNEL_INT8_LEAST)
        out->scale = 0;
    else if (isfinite(most))
        out->scale = most / 127;
    float factor = out->scale > 0 && isfinite(most) ? 127 / most : 0;
    for (size_t i = 0; factor > 0 && i < KERNEL_INT8; i++) {
        out->q[i] = (int8_t)lrintf(x[i] * factor);
        sum[i / 16] += out->q[i];
    }
    out->scale_sum = out->scale * (float)(sum[0] + sum[1]);
    out->less8 = -8 * (sum[0] + sum[1]);
    out->less128 = -128 * (sum[0] + sum[1]);
    out->less32[0] = -32 * sum[0];
    out->less32[1] = -32 * sum[1];
}

void kernel_int8_pack(const float *x, size_t n, struct kernel_int8 *out)
{
    assert(n % KERNEL_INT8 == 0);
    for (size_t i = 0; i < n; i += KERNEL_INT8)
        pack_block(x + i, out++);
}

static float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return dtype_from_f16(h);
}

static int32_t dot(const int8_t *w, const int8_t *q, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int32_t)w[i] * (int32_t)q[i];
    return sum;
}

/* Nibbles of 16 bytes: the low ones, then the high ones. */
static void nibbles(const uint8_t *b, int less, int8_t q[32])
{
    for (size_t i = 0; i < 16; i++) {
        q[i] = (int8_t)((b[i] & 15) - less);
        q[16 + i] = (int8_t)((b[i] >> 4) - less);
    }
}

static float row_q8_0(const uint8_t *w, const struct kernel_int8 *x, size_t n)
{
    float sum = 0;
    for (const struct kernel_int8 *end = x + n / 32; x < end; x++, w += 34) {
        int8_t q[32];
        memcpy(q, w + 2, sizeof q);
        sum = fmaf((float)dot(q, x->q, 32), half_at(w) * x->scale, sum);
    }
    return sum;
}

static float row_q4_0(const uint8_t *w, const struct kernel_int8 *x, size_t n)
{
    float sum = 0;
    for (const struct kernel_int8 *end = x + n / 32; x < end; x++, w += 18) {
        int8_t q[32];
        nibbles(w + 2, 8, q);
        sum = fmaf((float)dot(q, x->q, 32), half_at(w) * x->scale, sum);
    }
    return sum;
}

static float row_q4_k(const uint8_t *w, const struct kernel_int8 *x, size_t n)
{
    float sum = 0, d[8], m[8];
    for (const struct kernel_int8 *end = x + n / 32; x < end; w += 144) {
        quant_scales4(w, d, m);
        for (size_t j = 0; j < 8; j++, x++) {
            int8_t q[32];
            for (size_t i = 0; i < 32; i++)
                q[i] = (int8_t)(w[16 + j / 2 * 32 + i] >> (j % 2 * 4) & 15);
            sum = fmaf((float)dot(q, x->q, 32), d[j] * x->scale, sum);
            sum = fmaf(-m[j], x->scale_sum, sum);
        }
    }
    return sum;
}

static float row_q6_k(const uint8_t *w, const struct kernel_int8 *x, size_t n)
{
    float sum = 0;
    for (const struct kernel_int8 *end = x + n / 32; x < end; w += 210) {
        float d = half_at(w + 208);
        for (size_t j = 0; j < 8; j++, x++) {
            const uint8_t *low = w + j / 4 * 64 + j % 2 * 32, *high = w + 128 + j / 4 * 32;
            const int8_t *s = (const int8_t *)w + 192 + 2 * j;
            int8_t q[32];
            for (size_t i = 0; i < 32; i++)
                q[i] = (int8_t)(((low[i] >> (j % 4 / 2 * 4) & 15) | (high[i] >> (j % 4 * 2) & 3) << 4) - 32);
            for (size_t k = 0; k < 2; k++)
                sum = fmaf((float)dot(q + 16 * k, x->q + 16 * k, 16), d * (float)s[k] * x->scale, sum);
        }
    }
    return sum;
}

static float (*const rows[DTYPE_COUNT])(const uint8_t *, const struct kernel_int8 *, size_t) = {
    [DTYPE_Q8_0] = row_q8_0,
    [DTYPE_Q4_0] = row_q4_0,
    [DTYPE_Q4_K] = row_q4_k,
    [DTYPE_Q6_K] = row_q6_k,
};

void kernel_int8_dot(const struct matmul *p, size_t from, size_t to)
{
    for (size_t j = from; j < to; j++)
        for (size_t i = 0; i < p->m; i++)
            p->out[i][j] =
                rows[p->w->type](kernel_row(p->w, j), (const struct kernel_int8 *)p->x + i * p->stride, p->w->k);
}

/* The kernels with AVX2 and FMA: the order of sums of kernel_avx512.c, its 16 lanes held in two registers of 8. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_avx2.h"
#include "model/kernel_int8.h"
#include "model/quant.h"
#include <cpuid.h>
#include <math.h>
#include <string.h>

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); /* every one of these has F16C */
}

/* Leaf 7, part 1: compilers' lists of names do not have it. */
static bool has_avxvnni(void)
{
    unsigned a = 0, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4);
}

static bool in_native(enum kernel_mode mode)
{
    return mode == KERNEL_NATIVE;
}

INLINE void widen_bf16(const uint16_t *w, size_t k, float *out)
{
    size_t i = 0;
    for (; i + 8 <= k; i += 8) {
        __m256i half = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(w + i)));
        _mm256_storeu_ps(out + i, _mm256_castsi256_ps(_mm256_slli_epi32(half, 16)));
    }
    kernel_widen(DTYPE_BF16, w + i, k - i, out + i);
}

INLINE void widen_f16(const uint16_t *w, size_t k, float *out)
{
    size_t i = 0;
    for (; i + 8 <= k; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(w + i))));
    kernel_widen(DTYPE_F16, w + i, k - i, out + i);
}

/* Row j of w as floats, zero up to the next multiple of 16: where it lies, or widened into out. */
TARGET static const float *widened(const struct weight *w, size_t j, float *out)
{
    const void *row = kernel_row(w, j);
    if (w->type == DTYPE_F32 && w->k % 16 == 0)
        return row;
    if (w->type == DTYPE_BF16)
        widen_bf16(row, w->k, out);
    else if (w->type == DTYPE_F16)
        widen_f16(row, w->k, out);
    else
        quant_widen_avx2(w->type, row, w->k, out);
    memset(out + w->k, 0, (kernel_pad(w->k) - w->k) * sizeof *out);
    return out;
}

/* Two weight rows by m batch rows, m a constant up to 2: eight sums and four weights fit the 16 registers. */
INLINE void tile(const struct matmul *p, const float *const w[2], size_t i, size_t m, const struct x86_span *to)
{
    struct lanes sum[2][2];
    const float *x = (const float *)p->x + i * p->stride;
    X86_UNROLL for (size_t t = 0; t < m; t++) sum[t][0] = sum[t][1] = set1(0);
    for (size_t k = 0; k < p->w->k; k += 16) {
        struct lanes a = load(w[0] + k), b = load(w[1] + k);
        X86_UNROLL for (size_t t = 0; t < m; t++)
        {
            struct lanes v = load(x + t * p->stride + k);
            sum[t][0] = muladd(a, v, sum[t][0]);
            sum[t][1] = muladd(b, v, sum[t][1]);
        }
    }
    X86_UNROLL for (size_t t = 0; t < m; t++) for (size_t r = 0; r < to->n; r++) p->out[i + t][to->from + r] =
        sum1(sum[t][r]);
}

TARGET static void avx2_matmul(const struct matmul *p, size_t from, size_t to, float *scratch)
{
    size_t stride = kernel_pad(p->w->k);
    for (size_t j = from; j < to; j += 2) {
        struct x86_span span = { j, to - j < 2 ? to - j : 2 };
        const float *w[2];
        w[0] = widened(p->w, j, scratch);
        w[1] = span.n > 1 ? widened(p->w, j + 1, scratch + stride) : w[0];
        size_t i = 0;
        for (; i + 2 <= p->m; i += 2)
            tile(p, w, i, 2, &span);
        if (i < p->m)
            tile(p, w, i, 1, &span);
    }
}

static void avx2_round_bf16(const float *x, size_t n, size_t row, uint16_t *block)
{
    uint16_t *out = block + row * n;
    for (size_t i = 0; i < n; i++)
        out[i] = kernel_to_bf16(x[i]);
}

const struct kernels kernel_avx2 = {
    .name = "avx2",
    .needs = "AVX2, FMA and F16C",
    .available = has_avx2,
    .matmul = avx2_matmul,
    .bf16_rows = 1,
    .round_bf16 = avx2_round_bf16,
    .dot_int8 = kernel_int8_dot_avx2,
    .pack_int8 = kernel_int8_pack_avx2,
    .rms_norm = kernel_avx2_rms_norm,
    .layer_norm = kernel_avx2_layer_norm,
    .attend = kernel_avx2_attend,
    .activate = { kernel_avx2_silu, kernel_avx2_gelu_tanh, kernel_avx2_gelu },
    .times = kernel_avx2_times,
    .cap = kernel_avx2_cap,
    .finite = kernel_avx2_finite,
};

const struct kernels kernel_avxvnni = {
    .name = "avxvnni",
    .needs = "AVX2, FMA, F16C and AVX-VNNI",
    .available = has_avxvnni,
    .pays = in_native,
    .matmul = avx2_matmul,
    .bf16_rows = 1,
    .round_bf16 = avx2_round_bf16,
    .dot_int8 = kernel_int8_dot_avxvnni,
    .pack_int8 = kernel_int8_pack_avx2,
    .rms_norm = kernel_avx2_rms_norm,
    .layer_norm = kernel_avx2_layer_norm,
    .attend = kernel_avx2_attend,
    .activate = { kernel_avx2_silu, kernel_avx2_gelu_tanh, kernel_avx2_gelu },
    .times = kernel_avx2_times,
    .cap = kernel_avx2_cap,
    .finite = kernel_avx2_finite,
};

#else

static bool never(void)
{
    return false;
}

const struct kernels kernel_avx2 = { .name = "avx2", .needs = "an x86-64 processor", .available = never };
const struct kernels kernel_avxvnni = { .name = "avxvnni", .needs = "an x86-64 processor", .available = never };

#endif

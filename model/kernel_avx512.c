/* The kernels with AVX-512: products of bf16, and the tables. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_amx.h"
#include "model/kernel_avx512.h"
#include "model/kernel_int8.h"
#include <math.h>
#include <string.h>

#define TILE 6 /* batch rows: 4 x 6 sums + 4 weights fit the 32 registers */

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"); /* every one of these has FMA */
}

TARGET static void avx512_round_bf16(const float *x, size_t n, size_t row, uint16_t *block)
{
    uint16_t *out = block + row * n;
    for (size_t i = 0; i < n; i += 16) {
        __m512i bits = _mm512_castps_si512(_mm512_maskz_loadu_ps(first(n - i), x + i));
        __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
        __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        __mmask16 nan = _mm512_cmp_ps_mask(_mm512_castsi512_ps(bits), _mm512_castsi512_ps(bits), _CMP_UNORD_Q);
        up = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
        _mm256_mask_storeu_epi16(out + i, first(n - i), _mm512_cvtepi32_epi16(_mm512_srli_epi32(up, 16)));
    }
}

const struct kernels kernel_avx512 = {
    .name = "avx512",
    .needs = "AVX-512 F, BW, DQ and VL",
    .available = has_avx512,
    .matmul = kernel_avx512_matmul,
    .bf16_rows = 1,
    .round_bf16 = avx512_round_bf16,
    .dot_int8 = kernel_int8_dot_avx2,
    .pack_int8 = kernel_int8_pack_avx2,
    .rms_norm = kernel_avx512_rms_norm,
    .layer_norm = kernel_avx512_layer_norm,
    .attend = kernel_avx512_attend,
    .activate = { kernel_avx512_silu, kernel_avx512_gelu_tanh, kernel_avx512_gelu },
    .times = kernel_avx512_times,
    .cap = kernel_avx512_cap,
    .finite = kernel_avx512_finite,
};

static bool has_avx512vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool in_native(enum kernel_mode mode)
{
    return mode == KERNEL_NATIVE;
}

const struct kernels kernel_avx512vnni = {
    .name = "avx512vnni",
    .needs = "AVX-512 F, BW, DQ, VL and VNNI",
    .available = has_avx512vnni,
    .pays = in_native,
    .matmul = kernel_avx512_matmul,
    .bf16_rows = 1,
    .round_bf16 = avx512_round_bf16,
    .dot_int8 = kernel_int8_dot_avx512,
    .pack_int8 = kernel_int8_pack_avx2,
    .rms_norm = kernel_avx512_rms_norm,
    .layer_norm = kernel_avx512_layer_norm,
    .attend = kernel_avx512_attend,
    .activate = { kernel_avx512_silu, kernel_avx512_gelu_tanh, kernel_avx512_gelu },
    .times = kernel_avx512_times,
    .cap = kernel_avx512_cap,
    .finite = kernel_avx512_finite,
};

#define TARGET_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")))

static bool has_avx512bf16(void)
{
    return has_avx512vnni() && __builtin_cpu_supports("avx512bf16");
}

/* A vdpbf16ps does the work of two fused multiply-adds.  AMD's Zen 4 and 5 issue as many of it a cycle; Intel's Sapphire
 * and Emerald Rapids one every other cycle, a quarter (measured 1.35 against 5.5 thousand million a second): there float32
 * with widened weights is twice as fast, and exact. */
static bool bf16_pays(enum kernel_mode mode)
{
    return mode == KERNEL_NATIVE && __builtin_cpu_is("amd");
}

static inline __attribute__((always_inline)) TARGET_BF16 __m512bh pairs(const uint16_t *w, size_t left)
{
    __mmask32 m = left >= 32 ? 0xffffffffu : (1u << left) - 1u;
    return (__m512bh)_mm512_maskz_loadu_epi16(m, w);
}

static inline __attribute__((always_inline)) TARGET_BF16 void
tile_bf16(const struct matmul *p, const uint16_t *const w[4], size_t i, size_t m, const struct x86_span *to)
{
    __m512 sum[TILE][4];
    const uint16_t *x = (const uint16_t *)p->x + i * p->stride;
    X86_UNROLL for (size_t t = 0; t < m; t++) X86_UNROLL for (size_t r = 0; r < 4; r++) sum[t][r] = _mm512_setzero_ps();
    for (size_t k = 0; k < p->w->k; k += 32) {
        size_t left = p->w->k - k;
        __m512bh a = pairs(w[0] + k, left), b = pairs(w[1] + k, left);
        __m512bh c = pairs(w[2] + k, left), d = pairs(w[3] + k, left);
        X86_UNROLL for (size_t t = 0; t < m; t++)
        {
            __m512bh v = (__m512bh)_mm512_loadu_si512(x + t * p->stride + k);
            sum[t][0] = _mm512_dpbf16_ps(sum[t][0], a, v);
            sum[t][1] = _mm512_dpbf16_ps(sum[t][1], b, v);
            sum[t][2] = _mm512_dpbf16_ps(sum[t][2], c, v);
            sum[t][3] = _mm512_dpbf16_ps(sum[t][3], d, v);
        }
    }
    X86_UNROLL for (size_t t = 0; t < m; t++) _mm_mask_storeu_ps(
        p->out[i + t] + to->from, (__mmask8)((1u << to->n) - 1u), sum4(sum[t][0], sum[t][1], sum[t][2], sum[t][3]));
}

TARGET_BF16 static void avx512_dot_bf16(const struct matmul *p, size_t from, size_t to)
{
    for (size_t j = from; j < to; j += 4) {
        struct x86_span span = { j, to - j < 4 ? to - j : 4 };
        const uint16_t *w[4];
        for (size_t r = 0; r < 4; r++)
            w[r] = kernel_row(p->w, j + (r < span.n ? r : 0));
        size_t i = 0;
        for (; i + TILE <= p->m; i += TILE)
            tile_bf16(p, w, i, TILE, &span);
        switch (p->m - i) {
        case 5: tile_bf16(p, w, i, 5, &span); break;
        case 4: tile_bf16(p, w, i, 4, &span); break;
        case 3: tile_bf16(p, w, i, 3, &span); break;
        case 2: tile_bf16(p, w, i, 2, &span); break;
        case 1: tile_bf16(p, w, i, 1, &span); break;
        }
    }
}

const struct kernels kernel_avx512bf16 = {
    .name = "avx512bf16",
    .needs = "AVX-512 F, BW, DQ, VL, VNNI and BF16",
    .available = has_avx512bf16,
    .pays = bf16_pays,
    .matmul = kernel_avx512_matmul,
    .dot_bf16 = avx512_dot_bf16,
    .bf16_rows = 1,
    .round_bf16 = avx512_round_bf16,
    .dot_int8 = kernel_int8_dot_avx512,
    .pack_int8 = kernel_int8_pack_avx2,
    .rms_norm = kernel_avx512_rms_norm,
    .layer_norm = kernel_avx512_layer_norm,
    .attend = kernel_avx512_attend,
    .activate = { kernel_avx512_silu, kernel_avx512_gelu_tanh, kernel_avx512_gelu },
    .times = kernel_avx512_times,
    .cap = kernel_avx512_cap,
    .finite = kernel_avx512_finite,
};

static bool has_amx(void)
{
    return has_avx512vnni() && kernel_amx_available();
}

const struct kernels kernel_amx = {
    .name = "amx",
    .needs = "AMX tiles for bf16 and int8, and AVX-512 VNNI",
    .available = has_amx,
    .pays = in_native,
    .matmul = kernel_avx512_matmul,
    .dot_bf16 = kernel_amx_dot_bf16,
    .bf16_rows = KERNEL_AMX_ROWS,
    .round_bf16 = kernel_amx_round_bf16,
    .dot_int8 = kernel_int8_dot_amx,
    .int8_many = KERNEL_INT8_TILES,
    .pack_int8 = kernel_int8_pack_avx2,
    .rms_norm = kernel_avx512_rms_norm,
    .layer_norm = kernel_avx512_layer_norm,
    .attend = kernel_avx512_attend,
    .activate = { kernel_avx512_silu, kernel_avx512_gelu_tanh, kernel_avx512_gelu },
    .times = kernel_avx512_times,
    .cap = kernel_avx512_cap,
    .finite = kernel_avx512_finite,
};

#else

static bool never(void)
{
    return false;
}

const struct kernels kernel_avx512 = { .name = "avx512", .needs = "an x86-64 processor", .available = never };
const struct kernels kernel_avx512vnni = { .name = "avx512vnni", .needs = "an x86-64 processor", .available = never };
const struct kernels kernel_avx512bf16 = { .name = "avx512bf16", .needs = "an x86-64 processor", .available = never };
const struct kernels kernel_amx = { .name = "amx", .needs = "an x86-64 processor", .available = never };

#endif

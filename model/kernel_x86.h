/* What the AVX2 and AVX-512 kernels share: the constants of their exp, so that both give the same bits. */
#ifndef MODEL_KERNEL_X86_H
#define MODEL_KERNEL_X86_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Outputs [from, from + n) of a tile, n <= 4. */
struct x86_span {
    size_t from, n;
};

/* Tiles live in registers only when their loops are unrolled. */
#if defined __clang__
#define X86_UNROLL _Pragma("clang loop unroll(full)")
#else
#define X86_UNROLL _Pragma("GCC unroll 8")
#endif

/* The float16 at the start of four rows, stride bytes apart. */
static inline uint64_t x86_halves(const uint8_t *p, size_t stride)
{
    uint64_t all = 0;
    X86_UNROLL for (size_t i = 0; i < 4; i++)
    {
        uint16_t h;
        memcpy(&h, p + i * stride, sizeof h);
        all |= (uint64_t)h << 16 * i;
    }
    return all;
}

/* exp x = 2^n exp r, n = round(x log2 e), |r| <= ln 2 / 2; ln 2 in two parts (Cody and Waite), the high one with so few
 * bits that n times it is exact; exp r by its Taylor series to r^7 (error below 2^-27).  Below LEAST the result is 0,
 * above MOST that of MOST. */
#define X86_EXP_LEAST (-87.0f)
#define X86_EXP_MOST  88.0f
#define X86_LOG2E     1.44269504f
#define X86_LN2_HIGH  0.693359375f
#define X86_LN2_LOW   (-2.12194440e-4f)
#define X86_EXP_TERMS 8
static const float x86_exp_poly[X86_EXP_TERMS] = { 1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24,
                                                   1.0f / 6,    0.5f,       1.0f,       1.0f };

/* gelu x = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3), which is x/2 (1 + tanh u) without its cancellation. */
#define X86_GELU_U     1.59576912f /* 2 sqrt(2/pi) */
#define X86_GELU_CUBIC 0.044715f

/* erfc z = t P(t) exp(-z^2), t = 1 / (1 + p z), z >= 0, error below 1.5e-7: Abramowitz and Stegun 7.1.26. */
#define X86_ERFC_P     0.3275911f
#define X86_ERFC_TERMS 5
static const float x86_erfc_poly[X86_ERFC_TERMS] = { 1.061405429f, -1.453152027f, 1.421413741f, -0.284496736f,
                                                     0.254829592f };
#define X86_SQRT_HALF 0.707106781f

#endif

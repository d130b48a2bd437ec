/* What is done to one score, as the host does it: base/row_kernel_spread.h and base/row_sort.c say the same, and
 * tests/test_cuda_rows.c compares them.  Compiled without contraction of products and sums (-fmad=false). */
#ifndef CUDA_ROWS_MATH_H
#define CUDA_ROWS_MATH_H

#include "cuda/dialect.h"

#define LANES         1
#define LANES_INLINE  CUDA_INLINE __attribute__((unused))
#define PHILOX_INLINE CUDA_INLINE __attribute__((unused))
#include "base/philox.h"
#include "base/row_math.h"
#include <float.h>
#include <math.h>

#define ROWS_NEAR    80.f /* exp() of a larger number says only that it is large */
#define ROWS_LEAST   0x1p-50
#define ROWS_NORMAL  0x1p-22 /* a log Z so close to 0 is 0 */
#define ROWS_REACHES (1 - 0x1p-22)

#define ROWS_INLINE CUDA_INLINE __attribute__((unused))
#if defined(__CUDACC__) /* long functions that are used in several places, or rarely */
#define ROWS_CALL static __device__ __noinline__ __attribute__((unused))
#else
#define ROWS_CALL static __attribute__((unused))
#endif

ROWS_INLINE float rows_scaled(float x, float high, float low)
{
    float y = vf_max(vf_fma(x, high, x * low), -FLT_MAX);
    return -INFINITY < x ? y : x;
}

ROWS_INLINE float rows_affine(float x, double center, double factor, double offset)
{
    double y = vd_max(((double)x - center) * factor + offset, (double)-FLT_MAX);
    return -INFINITY < x ? (float)y : x;
}

/* x - (near + rest); what x - near loses by rounding is given back with the rest. */
ROWS_INLINE float rows_slide(float x, float near, float rest)
{
    float sum = x - near, back = sum - x;
    float lost = (x - (sum - back)) - (near + back);
    float y = vf_max(sum + (lost - rest), -FLT_MAX);
    return -INFINITY < x ? y : x;
}

ROWS_INLINE float rows_distance(float x, double center)
{
    float near = (float)center, rest = (float)(center - (double)near);
    if (fabs(center) < 0x1p40) {
        float y = rows_slide(x, near, rest);
        return vf_max(y, 0 - y);
    }
    double d = (double)x - center;
    return (float)vd_max(d, 0 - d);
}

/* exp(d) (-d), 0 for what is masked. */
ROWS_INLINE float rows_surprise(float e, float d)
{
    return e * -vf_max(d, -FLT_MAX);
}

ROWS_INLINE uint32_t rows_ascending(float x)
{
    uint32_t u = vu_of(x + 0.0f); /* -0 becomes 0 */
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

ROWS_INLINE uint32_t rows_descending(float x)
{
    return ~rows_ascending(x);
}

ROWS_INLINE float rows_of_descending(uint32_t key)
{
    uint32_t up = ~key;
    return vf_of(up & 0x80000000u ? up & 0x7FFFFFFFu : ~up);
}

ROWS_INLINE float rows_of_ascending(uint32_t key)
{
    return rows_of_descending(~key);
}

/* Masses are added as integers, so that their order does not show: multiples of 2^-60 hold all bits of a float from
 * 2^-37 on, and what smaller ones lose is, over 2^17 symbols, below 2^-43 in all. */
#define ROWS_UNIT 0x1p60

ROWS_INLINE uint64_t rows_fixed(float mass)
{
    return (uint64_t)((double)mass * ROWS_UNIT);
}

#endif

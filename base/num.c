#include "base/num.h"
#include "base/row_math.h"
#include <float.h>
#include <math.h>

bool num_add(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

bool num_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

bool num_range(uint64_t offset, uint64_t size, uint64_t total)
{
    return offset <= total && size <= total - offset;
}

/* math_log64() takes normal numbers: a subnormal one is scaled first. */
double num_log(double x)
{
    if (x < DBL_MIN)
        return x > 0 ? math_log64(x * 0x1p60) - math_log64(0x1p60) : -INFINITY;
    return math_log64(x);
}

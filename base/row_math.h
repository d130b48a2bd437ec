/* exp and log of our own, so that a row's numbers depend neither on libm nor on the instruction set.
 *
 * Each takes as many lanes as base/lanes.h gives; with the default of one they are ordinary scalar functions:
 *
 *     math_exp     float   2 ulp     x <= 88; 0 below -87 (about 2^-125.5); exp(-inf) = exp(NaN) = 0
 *     math_log     float   2 ulp     normal x > 0
 *     math_exp64   double  2 ulp     -inf <= x <= 709; 0 below -700
 *     math_log64   double  2 ulp     normal x > 0
 *
 * tests/test_row.c measures the errors against libm.  The polynomials of the float functions were fitted for least
 * maximal relative error (Lawson's iteration; 3.1e-9 and 4.1e-9 before rounding); those of the double ones are Taylor's. */
#ifndef BASE_ROW_MATH_H
#define BASE_ROW_MATH_H

#include "base/lanes.h"

/* x = n ln 2 + r, |r| <= ln 2 / 2; adding 1.5 * 2^23 leaves round(n) in the low bits of the sum. */
LANES_INLINE vf math_exp(vf x)
{
    vf shift = vf_set(0x1.8p23f);
    vf t = vf_fma(x, vf_set(0x1.715476p+0f), shift);
    vf n = t - shift;
    vf r = vf_fma(n, vf_set(-0x1.62e4p-1f), x); /* ln 2 = 0x1.62e4p-1 + 0x1.7f7d1cp-20: n times the first is exact */
    r = vf_fma(n, vf_set(-0x1.7f7d1cp-20f), r);
    vf p = vf_fma(vf_set(0x1.6a243ap-10f), r, vf_set(0x1.1239e0p-7f));
    p = vf_fma(p, r, vf_set(0x1.5558f2p-5f));
    p = vf_fma(p, r, vf_set(0x1.555492p-3f));
    p = vf_fma(p, r, vf_set(0x1.fffffcp-2f));
    p = vf_fma(p * r, r, r);
    return vf_scale(p + vf_set(1), t, x, vf_set(-87));
}

/* x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt 2. */
LANES_INLINE vf math_log(vf x)
{
    vu half = vu_of(vf_set(0x1.6a09e6p-1f)), bias = vu_of(vf_set(1)), magic = vu_of(vf_set(0x1p23f));
    vu k = (vu_of(x) - half + bias) >> 23;
    vf f = vf_of(vu_of(x) - ((k - 127) << 23)) - vf_set(1);
    vf n = vf_of(k | magic) - vf_set(0x1p23f + 127);
    vf p = vf_fma(vf_set(-0x1.383052p-4f), f, vf_set(0x1.08487ap-3f));
    p = vf_fma(p, f, vf_set(-0x1.0f3766p-3f));
    p = vf_fma(p, f, vf_set(0x1.227198p-3f));
    p = vf_fma(p, f, vf_set(-0x1.54276cp-3f));
    p = vf_fma(p, f, vf_set(0x1.99a3f4p-3f));
    p = vf_fma(p, f, vf_set(-0x1.000426p-2f));
    p = vf_fma(p, f, vf_set(0x1.555550p-2f));
    p = vf_fma(p, f, vf_set(-0x1.fffff8p-2f));
    p = p * f * f;
    vf low = vf_fma(n, vf_set(0x1.7f7d1cp-20f), p);
    return vf_fma(n, vf_set(0x1.62e4p-1f), f + low);
}

LANES_INLINE vd math_exp64(vd x)
{
    vd shift = vd_set(0x1.8p52);
    vd t = x * vd_set(0x1.71547652b82fep+0) + shift;
    vd n = t - shift;
    vd r = x - n * vd_set(0x1.62e42feep-1); /* 32 bits of ln 2: n times it is exact */
    r = r - n * vd_set(0x1.a39ef35793c76p-33);
    vd p = vd_set(1. / 6227020800.); /* 1/13! */
    p = p * r + vd_set(1. / 479001600.);
    p = p * r + vd_set(1. / 39916800.);
    p = p * r + vd_set(1. / 3628800.);
    p = p * r + vd_set(1. / 362880.);
    p = p * r + vd_set(1. / 40320.);
    p = p * r + vd_set(1. / 5040.);
    p = p * r + vd_set(1. / 720.);
    p = p * r + vd_set(1. / 120.);
    p = p * r + vd_set(1. / 24.);
    p = p * r + vd_set(1. / 6.);
    p = p * r + vd_set(.5);
    p = p * r * r + r;
    vd y = vd_of(vw_of(p + vd_set(1)) + (vw_of(t) << 52));
    return vd_less(x, vd_set(-700), vd_set(0), y);
}

/* ln(1 + f) = 2 artanh(s), s = f / (2 + f), s^2 < 0.0295. */
LANES_INLINE vd math_log64(vd x)
{
    vw half = vw_of(vd_set(0x1.6a09e667f3bcdp-1)), bias = vw_of(vd_set(1)), magic = vw_of(vd_set(0x1p52));
    vw k = (vw_of(x) - half + bias) >> 52;
    vd f = vd_of(vw_of(x) - ((k - 1023) << 52)) - vd_set(1);
    vd n = vd_of(k | magic) - vd_set(0x1p52 + 1023);
    vd s = f / (vd_set(2) + f), z = s * s;
    vd p = vd_set(2. / 21);
    p = p * z + vd_set(2. / 19);
    p = p * z + vd_set(2. / 17);
    p = p * z + vd_set(2. / 15);
    p = p * z + vd_set(2. / 13);
    p = p * z + vd_set(2. / 11);
    p = p * z + vd_set(2. / 9);
    p = p * z + vd_set(2. / 7);
    p = p * z + vd_set(2. / 5);
    p = p * z + vd_set(2. / 3);
    /* 2 s = f - s f, which keeps f's own bits */
    vd low = s * (p * z - f) + n * vd_set(0x1.a39ef35793c76p-33);
    return n * vd_set(0x1.62e42feep-1) + (f + low);
}

#endif

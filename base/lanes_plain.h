/* One lane: the operations of base/lanes.h in plain C, which says what each of them is.  Included by base/lanes.h alone. */
#ifndef BASE_LANES_PLAIN_H
#define BASE_LANES_PLAIN_H

#include <math.h>

#define HALVES 1
typedef float vf;
typedef uint32_t vu;
typedef double vd;
typedef uint64_t vw;

LANES_INLINE vu vu_of(vf x)
{
    vu u;
    memcpy(&u, &x, sizeof u);
    return u;
}
LANES_INLINE vf vf_of(vu u)
{
    vf x;
    memcpy(&x, &u, sizeof x);
    return x;
}
LANES_INLINE vw vw_of(vd x)
{
    vw u;
    memcpy(&u, &x, sizeof u);
    return u;
}
LANES_INLINE vd vd_of(vw u)
{
    vd x;
    memcpy(&x, &u, sizeof x);
    return x;
}
LANES_INLINE vf vf_set(float x)
{
    return x;
}
LANES_INLINE vd vd_set(double x)
{
    return x;
}
LANES_INLINE vw vw_set(uint64_t x)
{
    return x;
}
LANES_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return fmaf(a, b, c);
}
LANES_INLINE vf vf_max(vf a, vf b)
{
    return a > b ? a : b;
}
LANES_INLINE vf vf_min(vf a, vf b)
{
    return a < b ? a : b;
}
LANES_INLINE vd vd_max(vd a, vd b)
{
    return a > b ? a : b;
}
LANES_INLINE float vf_largest(vf x)
{
    return x;
}
LANES_INLINE vf vf_less(vf a, vf b, vf yes, vf no)
{
    return a < b ? yes : no;
}
LANES_INLINE vd vd_less(vd a, vd b, vd yes, vd no)
{
    return a < b ? yes : no;
}
LANES_INLINE unsigned vf_not_less_bits(vf a, vf b)
{
    return !(a < b);
}
LANES_INLINE unsigned vf_equal_bits(vf a, vf b)
{
    return a == b;
}
/* p 2^n where x >= least, else 0; n = t - 1.5 * 2^23, and p 2^n is normal. */
LANES_INLINE vf vf_scale(vf p, vf t, vf x, vf least)
{
    vf y = vf_of(vu_of(p) + (vu_of(t) << 23));
    return x >= least ? y : 0;
}
LANES_INLINE vd vf_half(vf x, int h)
{
    (void)h;
    return x;
}
/* vf_half() of the vf at p: widened as it is loaded, where half an instruction is saved. */
LANES_INLINE vd vf_half_at(const float *p, int h)
{
    (void)h;
    return *p;
}
/* Appends the lanes of x whose bit is set; returns how many. */
LANES_INLINE unsigned vf_compress(float *to, vf x, unsigned bits)
{
    *to = x;
    return bits;
}
LANES_INLINE unsigned vu_compress(uint32_t *to, vu x, unsigned bits)
{
    *to = x;
    return bits;
}
LANES_INLINE vf vf_join(const vd d[HALVES])
{
    return (float)d[0];
}
LANES_INLINE vw vw_mul32(vw a, vw b)
{
    return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
}
/* table[low two bits of a lane] */
LANES_INLINE vf vf_pick4(const float table[4], vu index)
{
    return table[index & 3];
}
/* Adds x to sum[0] where the bit of a lane is set, to sum[1] where the next one is, to sum[2] where both are. */
LANES_INLINE void vf_add_pair(vf sum[3], vf x, vu bits, uint32_t bit)
{
    sum[0] = bits & bit ? sum[0] + x : sum[0];
    sum[1] = bits & bit << 1 ? sum[1] + x : sum[1];
    sum[2] = (bits & bit) && (bits & bit << 1) ? sum[2] + x : sum[2];
}

#endif

/* Quantised weights as integers, LANES rows side by side, for each instruction set once.
 *
 * What it is included into defines TARGET, INLINE, LANES (16 or 8), vint and vfloat of LANES x 32 bits, and over these:
 *   columns(p, stride, out)  16 bytes of each of the rows p, p + stride, ...: out[j] has the j-th four of each
 *   halves(p, stride)        the float16 at the start of each of the rows
 *   low_half(x)              the float16 in the lower half of each lane
 *   each(i)                  in all lanes
 *   meet, join (and, or), shift_up, shift_down, to_float, mul */

/* Integers of one block of q4_0: the low nibbles of 16 bytes, then the high ones. */
INLINE void nibbles(const uint8_t *p, size_t stride, vint w[8])
{
    columns(p, stride, w);
    X86_UNROLL for (size_t i = 0; i < 4; i++)
    {
        w[4 + i] = meet(shift_down(w[i], 4), each(0x0f0f0f0f));
        w[i] = meet(w[i], each(0x0f0f0f0f));
    }
}

/* The scales d s and minima m t of q4_K's eight groups, from the 16 bytes at the start of its blocks. */
INLINE void scales4(const uint8_t *p, size_t stride, vfloat d[8], vfloat m[8])
{
    vint x[4];
    columns(p, stride, x);
    vfloat scale = low_half(x[0]), least = low_half(shift_down(x[0], 16));
    X86_UNROLL for (int i = 0; i < 4; i++)
    {
        vint s = meet(shift_down(x[1], 8 * i), each(63)), t = meet(shift_down(x[2], 8 * i), each(63));
        vint low = meet(shift_down(x[3], 8 * i), each(15)), high = meet(shift_down(x[3], 8 * i + 4), each(15));
        d[i] = mul(scale, to_float(s));
        m[i] = mul(least, to_float(t));
        s = join(low, shift_up(meet(shift_down(x[1], 8 * i + 6), each(3)), 4));
        t = join(high, shift_up(meet(shift_down(x[2], 8 * i + 6), each(3)), 4));
        d[i + 4] = mul(scale, to_float(s));
        m[i + 4] = mul(least, to_float(t));
    }
}

/* Half h of blocks of q6_K: 64 bytes of low and 32 of high bits. */
INLINE void halfway(const uint8_t *w, size_t stride, size_t h, vint low[16], vint high[8])
{
    for (size_t i = 0; i < 4; i++)
        columns(w + 64 * h + 16 * i, stride, low + 4 * i);
    for (size_t i = 0; i < 2; i++)
        columns(w + 128 + 32 * h + 16 * i, stride, high + 4 * i);
}

/* Integers of group j of eight of q6_K, from those of its half. */
INLINE void sixes(const vint low[16], const vint high[8], int j, vint q[8])
{
    X86_UNROLL for (int i = 0; i < 8; i++)
    {
        vint x = meet(shift_down(low[j % 2 * 8 + i], j % 4 / 2 * 4), each(0x0f0f0f0f));
        q[i] = join(x, shift_up(meet(shift_down(high[i], j % 4 * 2), each(0x03030303)), 4));
    }
}

/* The text of the row kernels, compiled once for each LANES (row_plain.c, row_avx2.c, row_avx512.c).
 *
 * Sixteen lanes, whatever the machine has: symbol v belongs to lane v % 16.  In each lane four consecutive terms are
 * added as floats, those sums as doubles, and at the end the lanes in one fixed tree.  A row's end is filled up with
 * masked symbols.  The file that includes this sets LANES, KERNEL (the table's name) and KERNEL_SUPPORTED. */
#include "base/row_kernel.h"
#include "base/row_math.h"
#include <float.h>
#include <math.h>

#define STRIDE ROW_BLOCK
#define TURNS  (16 / LANES) /* vectors that make sixteen lanes */
#define WIDE   (LANES / HALVES)

static void fill(float to[STRIDE], const float from[], uint32_t n)
{
    for (uint32_t i = 0; i < STRIDE; i++)
        to[i] = i < n ? from[i] : -INFINITY;
}

/* Runs STEP for every whole stride of a row as `at`, then for its padded end. */
#define EACH_STRIDE(score, n, STEP)                                                                                    \
    do {                                                                                                               \
        uint32_t each_v = 0;                                                                                           \
        for (; each_v + STRIDE <= (n); each_v += STRIDE) {                                                             \
            const float *at = (score) + each_v;                                                                        \
            STEP;                                                                                                      \
        }                                                                                                              \
        if (each_v < (n)) {                                                                                            \
            float at[STRIDE];                                                                                          \
            fill(at, (score) + each_v, (n)-each_v);                                                                    \
            STEP;                                                                                                      \
        }                                                                                                              \
    } while (0)

struct lanes {
    vd sum[TURNS][HALVES];
};

LANES_INLINE void lanes_add(struct lanes *l, int turn, vf x)
{
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++)
        l->sum[turn][h] = l->sum[turn][h] + vf_half(x, h);
}

static double lanes_total(const struct lanes *l)
{
    double x[16];
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++)
        LANES_UNROLL
    for (int h = 0; h < HALVES; h++)
        vd_store(x + j * LANES + h * WIDE, l->sum[j][h]);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            x[i] += x[i + half];
    return x[0];
}

LANES_INLINE vf stride_max(const float at[])
{
    vf a = vf_load(at);
    for (int i = LANES; i < STRIDE; i += LANES)
        a = vf_max(vf_load(at + i), a);
    return a;
}

LANES_INLINE int stride_bad(const float at[])
{
    int bad = 0;
    for (int i = 0; i < STRIDE; i += LANES)
        bad |= (int)vf_not_less_bits(vf_load(at + i), vf_set(INFINITY));
    return bad;
}

static bool kernel_max(const float score[], uint32_t n, float *max)
{
    vf top = vf_set(-INFINITY);
    int bad = 0;
    EACH_STRIDE(score, n, bad |= stride_bad(at); top = vf_max(stride_max(at), top));
    *max = vf_largest(top);
    return !bad;
}

static void kernel_block_max(const float score[], uint32_t n, float max[])
{
    uint32_t block = 0;
    EACH_STRIDE(score, n, max[block++] = vf_largest(stride_max(at)));
}

static uint32_t kernel_find(const float score[], uint32_t n, float x)
{
    for (uint32_t v = 0; v < n; v += STRIDE) {
        uint32_t end = n - v < STRIDE ? n - v : STRIDE;
        int found = end < STRIDE;
        for (int i = 0; !found && i < STRIDE; i += LANES)
            found = (int)vf_equal_bits(vf_load(score + v + i), vf_set(x));
        for (uint32_t i = 0; found && i < end; i++)
            if (score[v + i] == x)
                return v + i;
    }
    return n;
}

static uint32_t kernel_count(const float score[], uint32_t n)
{
    uint32_t masked = 0, v = 0;
    for (; v + LANES <= n; v += LANES)
        masked += (uint32_t)__builtin_popcount(vf_equal_bits(vf_load(score + v), vf_set(-INFINITY)));
    for (; v < n; v++)
        masked += !(score[v] > -INFINITY);
    return n - masked;
}

LANES_INLINE void stride_sum(struct lanes *l, const float at[], vf c)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, at += LANES) {
        vf x0 = math_exp(vf_load(at) - c), x1 = math_exp(vf_load(at + 16) - c);
        vf x2 = math_exp(vf_load(at + 32) - c), x3 = math_exp(vf_load(at + 48) - c);
        lanes_add(l, j, (x0 + x1) + (x2 + x3));
    }
}

static double kernel_sum(const float score[], uint32_t n, float shift)
{
    struct lanes l = { 0 };
    vf c = vf_set(shift);
    EACH_STRIDE(score, n, stride_sum(&l, at, c));
    return lanes_total(&l);
}

/* Whether any exp(score - c) is above 0: math_exp() is 0 below -87. */
LANES_INLINE int stride_adds(const float at[], vf c)
{
    return (int)vf_not_less_bits(stride_max(at) - c, vf_set(-87));
}

/* Where few strides are added: called, since each copy of it is long. */
static __attribute__((noinline)) void add_stride(struct lanes *l, const float at[], float shift)
{
    stride_sum(l, at, vf_set(shift));
}

static double kernel_sum_few(const float score[], uint32_t n, float shift)
{
    struct lanes l = { 0 };
    vf c = vf_set(shift);
    EACH_STRIDE(score, n, if (stride_adds(at, c)) add_stride(&l, at, shift));
    return lanes_total(&l);
}

LANES_INLINE vf surprise(const float x[], vf c)
{
    vf d = vf_load(x) - c;
    return math_exp(d) * (vf_set(0) - vf_max(d, vf_set(-FLT_MAX))); /* masked: 0 * FLT_MAX */
}

LANES_INLINE void stride_surprise(struct lanes *l, const float at[], vf c)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, at += LANES) {
        vf x0 = surprise(at, c), x1 = surprise(at + 16, c), x2 = surprise(at + 32, c), x3 = surprise(at + 48, c);
        lanes_add(l, j, (x0 + x1) + (x2 + x3));
    }
}

static double kernel_surprise(const float score[], uint32_t n, float shift)
{
    struct lanes l = { 0 };
    vf c = vf_set(shift);
    EACH_STRIDE(score, n, stride_surprise(&l, at, c));
    return lanes_total(&l);
}

LANES_INLINE vf affine(vf x, const struct row_affine *f)
{
    vd y[HALVES];
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++) {
        vd wide = (vf_half(x, h) - vd_set(f->center)) * vd_set(f->factor) + vd_set(f->offset);
        y[h] = vd_max(wide, vd_set(-FLT_MAX));
    }
    return vf_less(vf_set(-INFINITY), x, vf_join(y), x);
}

static void kernel_affine(float out[], const float score[], uint32_t n, const struct row_affine *f)
{
    uint32_t v = 0;
    for (; v + LANES <= n; v += LANES)
        vf_store(out + v, affine(vf_load(score + v), f));
    if (v < n) {
        float end[STRIDE];
        fill(end, score + v, n - v);
        vf_store(end, affine(vf_load(end), f));
        memcpy(out + v, end, (n - v) * sizeof *out);
    }
}

static void kernel_exp(float x[], uint32_t n, float shift)
{
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vf_store(x + i, math_exp(vf_load(x + i) - vf_set(shift)));
    if (i < n) {
        float end[STRIDE];
        fill(end, x + i, n - i);
        vf_store(end, math_exp(vf_load(end) - vf_set(shift)));
        memcpy(x + i, end, (n - i) * sizeof *x);
    }
}

/* Up to the last symbol its equals stay, behind it they go. */
LANES_INLINE void stride_cut_to(float at[], vf least)
{
    LANES_UNROLL
    for (int i = 0; i < STRIDE; i += LANES) {
        vf x = vf_load(at + i);
        vf_store(at + i, vf_less(x, least, vf_set(-INFINITY), x));
    }
}

LANES_INLINE void stride_cut_behind(float at[], vf least)
{
    LANES_UNROLL
    for (int i = 0; i < STRIDE; i += LANES) {
        vf x = vf_load(at + i);
        vf_store(at + i, vf_less(least, x, x, vf_set(-INFINITY)));
    }
}

static void cut_some(float x[], uint32_t n, float least, uint32_t last)
{
    for (uint32_t i = 0; i < n; i++)
        x[i] = x[i] > least || (x[i] == least && i <= last) ? x[i] : -INFINITY;
}

/* In one pass with the sum. */
static double kernel_cut(float score[], uint32_t n, float least, sym_t last, float shift)
{
    struct lanes l = { 0 };
    vf c = vf_set(shift), edge = vf_set(least);
    uint32_t v = 0, whole = n - n % STRIDE, end = last < n ? last / STRIDE * STRIDE : whole;
    for (; v < end; v += STRIDE) {
        stride_cut_to(score + v, edge);
        if (stride_adds(score + v, c))
            add_stride(&l, score + v, shift);
    }
    if (v < whole) {
        cut_some(score + v, STRIDE, least, last - v);
        add_stride(&l, score + v, shift);
        v += STRIDE;
    }
    for (; v < whole; v += STRIDE) {
        stride_cut_behind(score + v, edge);
        if (stride_adds(score + v, c))
            add_stride(&l, score + v, shift);
    }
    if (v < n) {
        float rest[STRIDE];
        for (uint32_t i = v; i < n; i++)
            score[i] = score[i] > least || (score[i] == least && i <= last) ? score[i] : -INFINITY;
        fill(rest, score + v, n - v);
        add_stride(&l, rest, shift);
    }
    return lanes_total(&l);
}

static uint32_t kernel_collect(const float score[], uint32_t n, float least, sym_t id[], float value[])
{
    uint32_t count = 0, v = 0;
    float above = least > -INFINITY ? least : -FLT_MAX;
    for (; v + LANES <= n; v += LANES) {
        vf x = vf_load(score + v);
        unsigned bits = vf_not_less_bits(x, vf_set(above));
        if (bits) {
            vf_compress(value + count, x, bits);
            count += vu_compress(id + count, vu_from(v), bits);
        }
    }
    for (; v < n; v++)
        if (score[v] >= above) {
            id[count] = v;
            value[count++] = score[v];
        }
    return count;
}

static void kernel_bin(uint32_t key[], const float value[], uint32_t n, float top, float scale)
{
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vu bits = vu_of((vf_set(top) - vf_load(value + i)) * vf_set(scale) + vf_set(0x1p23f));
        memcpy(key + i, &bits, sizeof bits);
    }
    for (; i < n; i++) {
        float x = (top - value[i]) * scale + 0x1p23f;
        memcpy(key + i, &x, sizeof x);
    }
}

static uint32_t kernel_pick(const uint32_t key[], uint32_t n, uint32_t given, sym_t id[], float value[])
{
    uint32_t count = 0, i = 0;
    float as_float;
    memcpy(&as_float, &given, sizeof given);
    for (; i + LANES <= n; i += LANES) {
        vu keys, ids;
        memcpy(&keys, key + i, sizeof keys);
        unsigned bits = vf_equal_bits(vf_of(keys), vf_set(as_float));
        if (bits) {
            memcpy(&ids, id + i, sizeof ids);
            vf_compress(value + count, vf_load(value + i), bits);
            count += vu_compress(id + count, ids, bits);
        }
    }
    for (; i < n; i++)
        if (key[i] == given) {
            id[count] = id[i];
            value[count++] = value[i];
        }
    return count;
}

#include "base/row_kernel_duel.h"
#include "base/row_kernel_noise.h"
#include "base/row_kernel_pools.h"
/* behind the pools */
#include "base/row_kernel_near.h"
/* behind them */
#include "base/row_kernel_apart.h"
#include "base/row_kernel_skew.h"
#include "base/row_kernel_spread.h"

const struct row_kernel KERNEL = {
    .name = KERNEL_NAME,
    .supported = KERNEL_SUPPORTED,
    .max = kernel_max,
    .find = kernel_find,
    .apart = kernel_apart,
    .mix_apart = kernel_mix_apart,
    .product_apart = kernel_product_apart,
    .count = kernel_count,
    .sum = kernel_sum,
    .sum_few = kernel_sum_few,
    .scale = kernel_scale,
    .slide = kernel_slide,
    .skew = kernel_skew,
    .attract = kernel_attract,
    .surprise = kernel_surprise,
    .exp = kernel_exp,
    .min = kernel_min,
    .moments = kernel_moments,
    .relative = kernel_relative,
    .cubic = kernel_cubic,
    .distance = kernel_distance,
    .affine = kernel_affine,
    .cut = kernel_cut,
    .cut_far = kernel_cut_far,
    .collect = kernel_collect,
    .bin = kernel_bin,
    .pick = kernel_pick,
    .duel = kernel_duel,
    .tally = kernel_tally,
    .block_max = kernel_block_max,
    .block_noise = kernel_block_noise,
    .mix = kernel_mix,
    .mix_near = kernel_mix_near,
    .product_near = kernel_product_near,
    .mean = kernel_mean,
    .mean_near = kernel_mean_near,
    .extreme = kernel_extreme,
};

/* Row kernels that say how scores spread, and that bend them; a part of base/row_kernel_body.h, included there
 * alone, once for each LANES. */
LANES_INLINE vf smaller(vf x, vf least)
{
    vf y = vf_less(vf_set(-INFINITY), x, x, vf_set(INFINITY));
    return vf_less(y, least, y, least);
}

static float kernel_min(const float score[], uint32_t n)
{
    float lane[LANES], min = INFINITY;
    vf least = vf_set(INFINITY);
    EACH_STRIDE(score, n, for (int i = 0; i < STRIDE; i += LANES) least = smaller(vf_load(at + i), least));
    vf_store(lane, least);
    for (int i = 0; i < LANES; i++)
        min = lane[i] < min ? lane[i] : min;
    return min + 0.0f; /* -0 and 0 are one value, whichever lane met it */
}

LANES_INLINE vf deviation(const float x[], vf c)
{
    return vf_less(vf_set(-INFINITY), vf_load(x), vf_load(x) - c, vf_set(0));
}

/* In double throughout: other systems mask with -FLT_MAX, whose square no float holds. */
LANES_INLINE void stride_moments(struct lanes l[2], const float at[], vf c)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, at += LANES) {
        vf d[4] = { deviation(at, c), deviation(at + 16, c), deviation(at + 32, c), deviation(at + 48, c) };
        LANES_UNROLL
        for (int h = 0; h < HALVES; h++) {
            vd a = vf_half(d[0], h), b = vf_half(d[1], h), e = vf_half(d[2], h), f = vf_half(d[3], h);
            l[0].sum[j][h] = l[0].sum[j][h] + ((a + b) + (e + f));
            l[1].sum[j][h] = l[1].sum[j][h] + ((a * a + b * b) + (e * e + f * f));
        }
    }
}

static void kernel_moments(const float score[], uint32_t n, float shift, double sum[2])
{
    struct lanes l[2] = { 0 };
    vf c = vf_set(shift);
    EACH_STRIDE(score, n, stride_moments(l, at, c));
    sum[0] = lanes_total(&l[0]);
    sum[1] = lanes_total(&l[1]);
}

LANES_INLINE vf relative(const float x[], const float y[], vf c)
{
    vf q = vf_load(x), gain = vf_max(q - vf_load(y), vf_set(-FLT_MAX)); /* masked: 0 * -FLT_MAX */
    return math_exp(q - c) * gain;
}

LANES_INLINE void stride_relative(struct lanes *l, const float x[], const float y[], vf c)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, x += LANES, y += LANES) {
        vf a = relative(x, y, c), b = relative(x + 16, y + 16, c);
        vf d = relative(x + 32, y + 32, c), e = relative(x + 48, y + 48, c);
        lanes_add(l, j, (a + b) + (d + e));
    }
}

static double kernel_relative(const float score[], const float other[], uint32_t n, float shift)
{
    struct lanes l = { 0 };
    float x[STRIDE], y[STRIDE];
    uint32_t v = 0;
    for (; v + STRIDE <= n; v += STRIDE)
        stride_relative(&l, score + v, other + v, vf_set(shift));
    if (v < n) {
        fill(x, score + v, n - v);
        fill(y, other + v, n - v);
        stride_relative(&l, x, y, vf_set(shift));
    }
    return lanes_total(&l);
}

LANES_INLINE vf cubic(vf x, const struct row_cubic *f)
{
    vd y[HALVES];
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++) {
        vd d = vf_half(x, h) - vd_set(f->center), dd = d * d;
        vd wide = vd_set(f->offset) + (vd_set(f->square) * dd + vd_set(f->cube) * (dd * d));
        y[h] = vd_max(wide, vd_set(-FLT_MAX));
    }
    return vf_less(vf_set(-INFINITY), x, vf_join(y), x);
}

static void kernel_cubic(float out[], const float score[], uint32_t n, const struct row_cubic *f)
{
    uint32_t v = 0;
    for (; v + LANES <= n; v += LANES)
        vf_store(out + v, cubic(vf_load(score + v), f));
    if (v < n) {
        float end[STRIDE];
        fill(end, score + v, n - v);
        vf_store(end, cubic(vf_load(end), f));
        memcpy(out + v, end, (n - v) * sizeof *out);
    }
}

LANES_INLINE vf distance(vf x, double center)
{
    vd y[HALVES];
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++) {
        vd d = vf_half(x, h) - vd_set(center);
        y[h] = vd_max(d, vd_set(0) - d);
    }
    return vf_join(y);
}

/* Stores VALUE, an expression in x, of every symbol. */
#define EACH_SCORE(VALUE)                                                                                              \
    do {                                                                                                               \
        uint32_t each_v = 0;                                                                                           \
        for (; each_v + LANES <= n; each_v += LANES) {                                                                 \
            vf x = vf_load(score + each_v);                                                                            \
            vf_store(out + each_v, VALUE);                                                                             \
        }                                                                                                              \
        if (each_v < n) {                                                                                              \
            float each_end[STRIDE];                                                                                    \
            fill(each_end, score + each_v, n - each_v);                                                                \
            vf x = vf_load(each_end);                                                                                  \
            vf_store(each_end, VALUE);                                                                                 \
            memcpy(out + each_v, each_end, (n - each_v) * sizeof *out);                                                \
        }                                                                                                              \
    } while (0)

/* x - (near + rest).  What x - near loses by rounding is found (Knuth's two-sum) and given back with the rest. */
LANES_INLINE vf slide(vf x, vf near, vf rest)
{
    vf sum = x - near, back = sum - x;
    vf lost = (x - (sum - back)) - (near + back);
    vf y = vf_max(sum + (lost - rest), vf_set(-FLT_MAX));
    return vf_less(vf_set(-INFINITY), x, y, x);
}

static void kernel_slide(float out[], const float score[], uint32_t n, double by)
{
    float near = (float)by, rest = (float)(by - (double)near);
    EACH_SCORE(slide(x, vf_set(near), vf_set(rest)));
}

LANES_INLINE vf absolute(vf x)
{
    return vf_max(x, vf_set(0) - x);
}

static void kernel_distance(float out[], const float score[], uint32_t n, double center)
{
    float near = (float)center, rest = (float)(center - (double)near);
    if (fabs(center) < 0x1p40)
        EACH_SCORE(absolute(slide(x, vf_set(near), vf_set(rest))));
    else
        EACH_SCORE(distance(x, center));
}

LANES_INLINE vf scaled(vf x, const struct row_scale *f)
{
    vf y = vf_max(vf_fma(x, vf_set(f->high), x * vf_set(f->low)), vf_set(-FLT_MAX));
    return vf_less(vf_set(-INFINITY), x, y, x);
}

LANES_INLINE void stride_scale(float at[], const struct row_scale *f)
{
    LANES_UNROLL
    for (int i = 0; i < STRIDE; i += LANES)
        vf_store(at + i, scaled(vf_load(at + i), f));
}

static double kernel_scale(float score[], uint32_t n, const struct row_scale *f)
{
    struct lanes l = { 0 };
    vf c = vf_set(f->shift);
    uint32_t v = 0;
    for (; v + STRIDE <= n; v += STRIDE) {
        stride_scale(score + v, f);
        stride_sum(&l, score + v, c);
    }
    if (v < n) {
        float end[STRIDE];
        fill(end, score + v, n - v);
        stride_scale(end, f);
        add_stride(&l, end, f->shift);
        memcpy(score + v, end, (n - v) * sizeof *score);
    }
    return lanes_total(&l);
}

LANES_INLINE vf attract(vf x, const struct row_attract *f)
{
    vf p = math_exp(x - vf_set(f->shift)) * vf_set(f->unit);
    vf d = absolute(p - vf_set(f->aim)) * vf_set(f->steep);
    vf y = vf_set(f->peak) - vf_set(f->sharp) * d * d / (vf_set(1) + d);
    return vf_less(vf_set(-INFINITY), x, y, x);
}

static void kernel_attract(float out[], const float score[], uint32_t n, const struct row_attract *f)
{
    EACH_SCORE(attract(x, f));
}

static void kernel_cut_far(float score[], const float key[], uint32_t n, float most, sym_t last)
{
    uint32_t v = 0, near = (last + 1) / LANES * LANES, end = last + 1 < n ? last + 1 : n;
    for (; v < near; v += LANES)
        vf_store(score + v, vf_less(vf_set(most), vf_load(key + v), vf_set(-INFINITY), vf_load(score + v)));
    for (; v < end; v++)
        score[v] = most < key[v] ? -INFINITY : score[v];
    for (; v < n && v % LANES != 0; v++)
        score[v] = key[v] < most ? score[v] : -INFINITY;
    for (; v + LANES <= n; v += LANES)
        vf_store(score + v, vf_less(vf_load(key + v), vf_set(most), vf_load(score + v), vf_set(-INFINITY)));
    for (; v < n; v++)
        score[v] = key[v] < most ? score[v] : -INFINITY;
}

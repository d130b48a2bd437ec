/* The part of base/row_kernel_body.h that pools in one pass: a stride at once, with the sum of exp(out) and the largest
 * of it on the way, so that a pool is measured where it is made; included there alone, after the pools, once for each
 * LANES. */

#define LEAST_MASS 0x1p-115f /* from here on ln s is right */

LANES_INLINE vf near_exp(vf x)
{
    return math_exp(vf_min(x, vf_set(ROW_NEAR)));
}

/* y = ln s; where s is too small for a float's exp, or is nothing, as kernel_mix().  A lane's way depends on itself alone. */
LANES_INLINE vf mixed(const struct row_part part[], size_t n_parts, uint32_t v, vf s, vf y)
{
    vf least = vf_set(LEAST_MASS);
    if (vf_not_less_bits(s, least) == (1u << LANES) - 1)
        return y;
    vf top = vf_set(-INFINITY);
    for (size_t k = 0; k < n_parts; k++)
        top = vf_max(vf_less(s, least, vf_load(part[k].score + v), vf_set(-INFINITY)), top);
    bool masked = vf_equal_bits(top, vf_set(-INFINITY)) == (1u << LANES) - 1;
    return vf_less(s, least, masked ? vf_set(-INFINITY) : mix(part, n_parts, v), y);
}

/* Sums over parts are made in double, so that their order does not show. */
struct wide {
    vd half[HALVES];
};

LANES_INLINE struct wide wide_set(double x)
{
    struct wide w;
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++)
        w.half[h] = vd_set(x);
    return w;
}

LANES_INLINE void wide_add(struct wide *w, vf x)
{
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++)
        w->half[h] = w->half[h] + vf_half(x, h);
}

/* w + factor x, x the vf at p. */
LANES_INLINE void wide_add_scaled(struct wide *w, const float *p, double factor)
{
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++)
        w->half[h] = w->half[h] + vf_half_at(p, h) * vd_set(factor);
}

/* A stride that comes AHEAD bytes later: more rows than a second cache holds are read side by side. */
#define AHEAD 2048

LANES_INLINE void fetch_parts(const struct row_part part[], size_t n_parts, uint32_t v)
{
    for (size_t k = 0; k < n_parts; k++) {
        uintptr_t at = (uintptr_t)(part[k].score + v) + AHEAD;
        for (uint32_t i = 0; i < STRIDE * sizeof(float); i += 64)
            __builtin_prefetch((const void *)(at + i));
    }
}

/* A sum of floats in double, rounded once; of two the sum in float is that (a double has more than twice the digits and two:
 * Figueroa 1995). */
struct mass {
    bool two;
    vf sum;
    struct wide wide;
};

/* Members; `two` of two: known where this is compiled. */
struct parts {
    const struct row_part *part; /* (n,) */
    size_t n;
    bool two;
};

LANES_INLINE struct mass mass_none(bool two)
{
    return (struct mass){ two, vf_set(0), wide_set(0) };
}

LANES_INLINE void mass_add(struct mass *m, vf x)
{
    if (m->two)
        m->sum = m->sum + x;
    else
        wide_add(&m->wide, x);
}

LANES_INLINE vf mass_of(const struct mass *m)
{
    return m->two ? m->sum : vf_join(m->wide.half);
}

/* Of four vectors of symbols, v, v + 16, v + 32, v + 48: the mixture's mass. */
LANES_INLINE void mix_sums(vf s[4], struct parts p, uint32_t v)
{
    struct mass none = mass_none(p.two), sum[4] = { none, none, none, none };
    for (size_t k = 0; k < p.n; k++) {
        vf center = vf_set(p.part[k].center), share = vf_set(p.part[k].share);
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            mass_add(&sum[i], near_exp(vf_load(p.part[k].score + v + 16 * i) - center) * share);
    }
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        s[i] = mass_of(&sum[i]);
}

/* Four vectors, by value where what is rare is called: their addresses would keep them in memory. */
struct four {
    vf x[4];
};

static __attribute__((noinline)) vf store_faint(float out[], struct four s, struct four y, struct parts p, uint32_t v)
{
    vf top = vf_set(-INFINITY);
    for (uint32_t i = 0; i < 4; i++) {
        vf x = mixed(p.part, p.n, v + 16 * i, s.x[i], y.x[i]);
        vf_store(out + 16 * i, x);
        top = vf_max(x, top);
    }
    return top;
}

/* The largest of four vectors and top; and the smallest of four. */
LANES_INLINE vf most_of(const vf x[4], vf top)
{
    return vf_max(vf_max(vf_max(x[0], x[1]), vf_max(x[2], x[3])), top);
}

LANES_INLINE vf least_of(const vf x[4])
{
    return vf_min(vf_min(x[0], x[1]), vf_min(x[2], x[3]));
}

LANES_INLINE void store_four(float out[], const vf x[4])
{
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        vf_store(out + 16 * i, x[i]);
}

/* Stores y = ln s of them, but for what mixed() knows better; returns the largest of what is stored and top. */
LANES_INLINE vf store_mixed(float out[], const vf s[4], const vf y[4], struct parts p, uint32_t v, vf top)
{
    if (vf_not_less_bits(least_of(s), vf_set(LEAST_MASS)) != (1u << LANES) - 1)
        return vf_max(store_faint(out, (struct four){ { s[0], s[1], s[2], s[3] } },
                                  (struct four){ { y[0], y[1], y[2], y[3] } }, p, v),
                      top);
    store_four(out, y);
    return most_of(y, top);
}

/* The sum of exp() of what a pool gives, and the largest of it. */
struct pooled {
    struct lanes sum;
    vf top;
};

static struct row_pooled pooled_total(const struct pooled *l)
{
    return (struct row_pooled){ lanes_total(&l->sum), vf_largest(l->top) };
}

LANES_INLINE void stride_mix(struct pooled *l, float out[], struct parts p, uint32_t v)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES, out += LANES) {
        vf s[4], y[4];
        mix_sums(s, p, v);
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            y[i] = math_log(s[i]);
        l->top = store_mixed(out, s, y, p, v, l->top);
        lanes_add(&l->sum, j, (s[0] + s[1]) + (s[2] + s[3]));
    }
}

/* (1/r) ln s; where s is too small, or so large that an exp() may have been cut, as kernel_mean(). */
LANES_INLINE vf meant(const struct row_part part[], size_t n_parts, uint32_t v, vf s, double r)
{
    vf least = vf_set(0x1p-115f), most = vf_set((float)(1 / ROW_LEAST)), y = math_log(s) * vf_set((float)(1 / r));
    unsigned all = (1u << LANES) - 1;
    if (vf_not_less_bits(s, least) == all && vf_not_less_bits(most, s) == all)
        return y;
    vf slow = mean(part, n_parts, v, r);
    return vf_less(s, least, slow, vf_less(most, s, slow, y));
}

LANES_INLINE void stride_mean(float out[], const struct row_part part[], size_t n_parts, uint32_t v, double r)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES, out += LANES) {
        struct wide sum[4] = { wide_set(0), wide_set(0), wide_set(0), wide_set(0) };
        vf power = vf_set((float)r);
        for (size_t k = 0; k < n_parts; k++) {
            vf center = vf_set(part[k].center), share = vf_set(part[k].share);
            LANES_UNROLL
            for (uint32_t i = 0; i < 4; i++)
                wide_add(&sum[i], near_exp((vf_load(part[k].score + v + 16 * i) - center) * power) * share);
        }
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            vf_store(out + 16 * i, meant(part, n_parts, v + 16 * i, vf_join(sum[i].half), r));
    }
}

/* Only what a member masks is masked: the others' sum may pass what a float holds. */
LANES_INLINE vf unmasked(const struct row_part part[], size_t n_parts, uint32_t v, vf y)
{
    vf least = vf_set(0);
    if (!vf_equal_bits(y, vf_set(-INFINITY)))
        return y;
    for (size_t k = 0; k < n_parts; k++)
        least = vf_less(vf_load(part[k].score + v), least, vf_load(part[k].score + v), least);
    return vf_less(vf_set(-INFINITY), least, vf_max(y, vf_set(-FLT_MAX)), y);
}

/* Of four vectors: first + sum over members of score * factor. */
LANES_INLINE void product_sums(vf y[4], double first, struct parts p, uint32_t v)
{
    struct wide none = wide_set(first), sum[4] = { none, none, none, none };
    for (size_t k = 0; k < p.n; k++) {
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            wide_add_scaled(&sum[i], p.part[k].score + v + 16 * i, p.part[k].factor);
    }
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        y[i] = vf_join(sum[i].half);
}

static __attribute__((noinline)) vf store_masked(float out[], struct four y, struct parts p, uint32_t v)
{
    vf top = vf_set(-INFINITY);
    for (uint32_t i = 0; i < 4; i++) {
        vf x = unmasked(p.part, p.n, v + 16 * i, y.x[i]);
        vf_store(out + 16 * i, x);
        top = vf_max(x, top);
    }
    return top;
}

LANES_INLINE vf store_product(float out[], const vf y[4], struct parts p, uint32_t v, vf top)
{
    if (vf_equal_bits(least_of(y), vf_set(-INFINITY)))
        return vf_max(store_masked(out, (struct four){ { y[0], y[1], y[2], y[3] } }, p, v), top);
    store_four(out, y);
    return most_of(y, top);
}

/* What every sum begins with: `first`. */
LANES_INLINE void stride_product(struct pooled *l, float out[], struct parts p, uint32_t v, double first)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES, out += LANES) {
        vf y[4], e[4];
        product_sums(y, first, p, v);
        l->top = store_product(out, y, p, v, l->top);
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            e[i] = near_exp(y[i]);
        lanes_add(&l->sum, j, (e[0] + e[1]) + (e[2] + e[3]));
    }
}

/* TWO where there are two parts, so that it is compiled for them, else MORE. */
#define EACH_POOLED_STRIDE_OF(TWO, MORE)                                                                               \
    do {                                                                                                               \
        if (n_parts == 2)                                                                                              \
            EACH_POOLED_STRIDE(TWO);                                                                                   \
        else                                                                                                           \
            EACH_POOLED_STRIDE(MORE);                                                                                  \
    } while (0)

/* Runs STEP, in `to`, `part` and `v`, for every stride; the end is padded with what is masked. */
#define EACH_POOLED_STRIDE(STEP)                                                                                       \
    do {                                                                                                               \
        uint32_t v = 0;                                                                                                \
        float *to = out;                                                                                               \
        for (; v + STRIDE <= n; v += STRIDE, to += STRIDE) {                                                           \
            STEP;                                                                                                      \
        }                                                                                                              \
        if (v < n) {                                                                                                   \
            float score[ROW_PARTS][STRIDE], last[STRIDE], *end = to;                                                   \
            struct row_part ends[ROW_PARTS];                                                                           \
            size_t left = n - v;                                                                                       \
            for (size_t k = 0; k < n_parts; k++) {                                                                     \
                fill(score[k], part[k].score + v, n - v);                                                              \
                ends[k] = part[k];                                                                                     \
                ends[k].score = score[k];                                                                              \
            }                                                                                                          \
            part = ends;                                                                                               \
            to = last;                                                                                                 \
            v = 0;                                                                                                     \
            STEP;                                                                                                      \
            memcpy(end, last, left * sizeof *end);                                                                     \
        }                                                                                                              \
    } while (0)

static struct row_pooled kernel_mix_near(float out[], const struct row_part part[], size_t n_parts, uint32_t n)
{
    struct pooled l = { .top = vf_set(-INFINITY) };
    EACH_POOLED_STRIDE_OF(fetch_parts(part, n_parts, v);
                          stride_mix(&l, to, (struct parts){ part, 2, true }, v), fetch_parts(part, n_parts, v);
                          stride_mix(&l, to, (struct parts){ part, n_parts, false }, v));
    return pooled_total(&l);
}

static struct row_pooled kernel_product_near(float out[], const struct row_part part[], size_t n_parts, uint32_t n,
                                             double first)
{
    struct pooled l = { .top = vf_set(-INFINITY) };
    EACH_POOLED_STRIDE_OF(fetch_parts(part, n_parts, v);
                          stride_product(&l, to, (struct parts){ part, 2, true }, v, first),
                          fetch_parts(part, n_parts, v);
                          stride_product(&l, to, (struct parts){ part, n_parts, false }, v, first));
    return pooled_total(&l);
}

static void kernel_mean_near(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double r)
{
    EACH_POOLED_STRIDE(stride_mean(to, part, n_parts, v, r));
}

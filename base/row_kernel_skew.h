/* The row kernel that raises cumulated probabilities to a power; a part of base/row_kernel_body.h, included there alone,
 * once for each LANES.
 *
 * F_i are the sums of p in order, p'_i = F_i^c - F_{i-1}^c; here they are relative to the largest p, which ln Z - top
 * mends.  With L_i = ln F_i and u = L_i - L_{i-1},
 *     ln p'_i = c L_i + ln(1 - exp(-c u)) = ln p_i + ln c + (c - 1) (L_i + L_{i-1}) / 2 + (c^2 - 1) u^2 / 24 - ...
 * Where a block of symbols adds little to what stands before it, and each of them less, floats are enough: with
 * F = anchor (1 + h) halfway between F_{i-1} and F_i and w = (F_i - F_{i-1}) / 2 F, the last two terms are
 * (c - 1) (ln anchor + ln(1 + h)) + (c - 1) (c - 2) w^2 / 6; what is left out is below 2e-8, times c where c is large.  Other blocks go
 * in double. */

#define SKEW_SUM   (1 / 16.f) /* h is at most this */
#define SKEW_STEP  (1 / 32.f) /* p / anchor and c p / anchor are */
#define SKEW_STEEP 64         /* c, which multiplies what floats lose in ln F */
#define SKEW_NEAR  0x1p-10    /* u and c u below which the series, in double, is right to 1e-15 */
#define LOWEST     (-1e100)   /* stands for ln 0 */

struct skew {
    const struct row_skew *by;
    double sum; /* of what stands before */
    double anchor;
    float inverse, near, rest; /* of the anchor; near + rest: log Z - ln c - (c - 1) ln anchor, what a score loses */
};

#if LANES == 1
#define SCAN_STEP(s, k)                                                                                                \
    for (int j = 15; j >= (k); j--)                                                                                    \
    (s)[j] = (s)[j] + (s)[j - (k)]
#elif LANES == 8
#define SCAN_STEP(s, k)                                                                                                \
    do {                                                                                                               \
        (s)[1] = (s)[1] + ((k) == 8 ? (s)[0] : vf_behind((s)[1], (s)[0], (k) % 8));                                    \
        (s)[0] = (k) == 8 ? (s)[0] : (s)[0] + vf_behind((s)[0], vf_set(0), (k) % 8);                                   \
    } while (0)
#else
#define SCAN_STEP(s, k) (s)[0] = (s)[0] + vf_behind((s)[0], vf_set(0), k)
#endif

/* Of 64 symbols. */
struct skew_block {
    float p[STRIDE], sum[STRIDE]; /* sum: up to each symbol, of sixteen each */
    float before[4], total;       /* what stands before these, and all */
};

LANES_INLINE void skew_scan(struct skew_block *b, const float x[STRIDE], float top)
{
    LANES_UNROLL
    for (int row = 0; row < STRIDE; row += 16) {
        vf s[TURNS];
        LANES_UNROLL
        for (int j = 0; j < TURNS; j++) {
            s[j] = math_exp(vf_load(x + row + j * LANES) - vf_set(top));
            vf_store(b->p + row + j * LANES, s[j]);
        }
        SCAN_STEP(s, 1);
        SCAN_STEP(s, 2);
        SCAN_STEP(s, 4);
        SCAN_STEP(s, 8);
        LANES_UNROLL
        for (int j = 0; j < TURNS; j++)
            vf_store(b->sum + row + j * LANES, s[j]);
    }
    b->total = 0;
    for (int row = 0; row < 4; row++) {
        b->before[row] = b->total;
        b->total += b->sum[16 * row + 15];
    }
}

/* ln(1 + h), 0 <= h <= 1/16. */
LANES_INLINE vf skew_log(vf h)
{
    vf y = vf_fma(vf_set(-1 / 6.f), h, vf_set(1 / 5.f));
    y = vf_fma(y, h, vf_set(-1 / 4.f));
    y = vf_fma(y, h, vf_set(1 / 3.f));
    y = vf_fma(y, h, vf_set(-1 / 2.f));
    return vf_fma(y * h, h, h);
}

/* x - (near + rest) + more, as slide(). */
LANES_INLINE vf skew_slide(vf x, vf near, vf rest, vf more)
{
    vf sum = x - near, back = sum - x;
    vf lost = (x - (sum - back)) - (near + back);
    vf y = vf_max(sum + ((lost - rest) + more), vf_set(-3e38f));
    return vf_less(vf_set(-INFINITY), x, y, x);
}

LANES_INLINE void skew_near(const struct skew *k, float x[STRIDE], const struct skew_block *b)
{
    float off = (float)(k->sum - k->anchor);
    vf inverse = vf_set(k->inverse), half = vf_set(k->inverse * .5f);
    vf once = vf_set((float)k->by->less), twice = vf_set((float)k->by->curve);
    LANES_UNROLL
    for (int i = 0; i < STRIDE; i += LANES) {
        int row = i / 16;
        vf mass = vf_load(b->p + i), from = vf_set(off + b->before[row]);
        vf h = (from + vf_fma(mass, vf_set(-.5f), vf_load(b->sum + i))) * inverse;
        vf q = vf_fma(h, vf_fma(h, vf_set(1) - h, vf_set(-1)), vf_set(1)), w = mass * half * q;
        vf more = vf_fma(twice * w, w, once * skew_log(h));
        vf_store(x + i, skew_slide(vf_load(x + i), vf_set(k->near), vf_set(k->rest), more));
    }
}

/* ln(1 - exp(-z)), z > 0 */
LANES_INLINE vd skew_grown(vd z)
{
    vd small = vd_set(SKEW_NEAR), whole = vd_set(1) - math_exp64(vd_max(vd_set(0) - z, vd_set(-690)));
    vd log = math_log64(vd_max(vd_less(z, small, z, whole), vd_set(0x1p-1000)));
    return log + vd_less(z, small, z * z * vd_set(1. / 24) - z * vd_set(.5), vd_set(0));
}

/* The same in double, of L_{i-1} and L_i, which are LOWEST where there is nothing. */
LANES_INLINE vd skew_wide(const struct row_skew *by, vd x, vd last, vd now)
{
    vd c = vd_set(by->power), u = now - last, far = c * now + skew_grown(c * u);
    vd middle = vd_less(now, vd_set(LOWEST / 2), vd_set(0), (last + now) * vd_set(.5));
    vd near =
        (x - vd_set(by->log_z)) + vd_set(by->log_power) + vd_set(by->less) * middle + vd_set(by->square) * (u * u);
    return vd_max(vd_less(u * vd_set(by->steep), vd_set(SKEW_NEAR), near, far), vd_set(-3e38));
}

static __attribute__((noinline)) void skew_far(struct skew *k, float x[STRIDE], const float p[STRIDE])
{
    double sum[STRIDE + WIDE] = { k->sum }, log_sum[STRIDE + WIDE];
    for (int i = 0; i < STRIDE; i++)
        sum[i + 1] = sum[i] + (double)p[i];
    for (int i = STRIDE + 1; i < STRIDE + WIDE; i++)
        sum[i] = 1;
    for (int i = 0; i < STRIDE + 1; i += WIDE) {
        vd s;
        memcpy(&s, sum + i, sizeof s);
        vd log = math_log64(vd_max(s, vd_set(0x1p-1000))) - vd_set(k->by->log_z - (double)k->by->top);
        vd_store(log_sum + i, vd_less(vd_set(0), s, log, vd_set(LOWEST)));
    }
    for (int i = 0; i < STRIDE; i += LANES) {
        vf score = vf_load(x + i);
        vd y[HALVES];
        LANES_UNROLL
        for (int h = 0; h < HALVES; h++) {
            vd last, now;
            memcpy(&last, log_sum + i + h * WIDE, sizeof last);
            memcpy(&now, log_sum + i + h * WIDE + 1, sizeof now);
            y[h] = skew_wide(k->by, vf_half(score, h), last, now);
        }
        vf_store(x + i, vf_less(vf_set(-INFINITY), score, vf_join(y), score));
    }
    k->sum = sum[STRIDE];
}

/* ln F of a sum. */
static double skew_log_of(const struct skew *k, double sum)
{
    double y[WIDE];
    vd_store(y, math_log64(vd_set(sum)));
    return y[0] - (k->by->log_z - (double)k->by->top);
}

static void skew_anchor(struct skew *k)
{
    double from = k->by->log_z - k->by->log_power - k->by->less * skew_log_of(k, k->sum);
    k->anchor = k->sum;
    k->inverse = (float)(1 / k->sum);
    k->near = (float)from;
    k->rest = (float)(from - (double)k->near);
}

/* Whether floats are enough for a block that reaches so far. */
LANES_INLINE bool skew_is_near(const struct skew *k, const struct skew_block *b, double reach)
{
    double step = k->anchor * (double)SKEW_STEP;
    return k->by->steep <= SKEW_STEEP && reach <= k->anchor * (1 + (double)SKEW_SUM) &&
           ((double)b->total * k->by->steep <= step || (double)vf_largest(stride_max(b->p)) * k->by->steep <= step);
}

LANES_INLINE void skew_stride(struct skew *k, float x[STRIDE])
{
    struct skew_block b;
    skew_scan(&b, x, k->by->top);
    double reach = k->sum + (double)b.total;
    if (k->sum > 0 && reach > k->anchor * (1 + (double)SKEW_SUM))
        skew_anchor(k);
    if (k->sum > 0 && skew_is_near(k, &b, reach)) {
        skew_near(k, x, &b);
        k->sum = reach;
    } else
        skew_far(k, x, b.p);
}

static double kernel_skew(float x[], uint32_t n, const struct row_skew *by)
{
    struct skew k = { .by = by };
    float end[STRIDE];
    for (uint32_t v = 0; v < n; v += STRIDE) { /* one copy of what is long */
        uint32_t left = n - v;
        float *at = left < STRIDE ? end : x + v;
        if (left < STRIDE)
            fill(end, x + v, left);
        skew_stride(&k, at);
        if (left < STRIDE)
            memcpy(x + v, end, left * sizeof *x);
    }
    return by->power * skew_log_of(&k, k.sum);
}

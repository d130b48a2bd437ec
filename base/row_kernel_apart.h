/* The part of base/row_kernel_body.h that says how the members of a mixture differ, alone or in the pass that pools them;
 * included there alone, after the pools, once for each LANES.
 *
 * Of a symbol with log-probabilities l_k and weights w_k that sum to one, m = sum w_k exp(l_k):
 *   within = -sum w_k exp(l_k) l_k,   forward = -m ln m - within,   reverse = m (ln m - sum w_k l_k)
 * with score - center for l_k: what that lacks is the same for every symbol, and left to the caller. */

/* Of four vectors, v, v + 16, v + 32, v + 48. */
struct apart {
    vf less[4];  /* sum w p l: what `within` is short of 0 */
    vf cross[4]; /* sum w l, -INFINITY where a member is masked */
    vf m[4], log_m[4];
};

LANES_INLINE vf log_mass(vf m)
{
    return math_log(vf_max(m, vf_set(FLT_MIN)));
}

/* w p of a member, and its part of the sums over members. */
LANES_INLINE void apart_member(struct apart *a, struct mass m[4], const struct row_part *part, uint32_t v)
{
    vf center = vf_set(part->center), share = vf_set(part->share), weight = vf_set(part->weight);
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        vf l = vf_load(part->score + v + 16 * i) - center, e = near_exp(l) * share;
        mass_add(&m[i], e);
        a->less[i] = vf_fma(e, vf_max(l, vf_set(-FLT_MAX)), a->less[i]); /* masked: 0 * FLT_MAX */
        a->cross[i] = vf_fma(weight, l, a->cross[i]);
    }
}

LANES_INLINE void apart_sums(struct apart *a, struct parts p, uint32_t v)
{
    struct mass none = mass_none(p.two), m[4] = { none, none, none, none };
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        a->less[i] = a->cross[i] = vf_set(0);
    for (size_t k = 0; k < p.n; k++)
        apart_member(a, m, &p.part[k], v);
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        a->m[i] = mass_of(&m[i]);
        a->log_m[i] = log_mass(a->m[i]);
    }
}

/* Adds what four vectors say to -within, forward and reverse. */
LANES_INLINE void apart_close(struct lanes l[3], int turn, const struct apart *a)
{
    vf zero = vf_set(0), back[4], reverse[4];
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        back[i] = vf_fma(a->m[i], a->log_m[i], zero - a->less[i]);                        /* minus forward */
        reverse[i] = vf_less(zero, a->m[i], a->m[i] * (a->log_m[i] - a->cross[i]), zero); /* no 0 * INFINITY */
    }
    lanes_add(&l[0], turn, (a->less[0] + a->less[1]) + (a->less[2] + a->less[3]));
    lanes_add(&l[1], turn, (back[0] + back[1]) + (back[2] + back[3]));
    lanes_add(&l[2], turn, (reverse[0] + reverse[1]) + (reverse[2] + reverse[3]));
}

LANES_INLINE void stride_apart(struct lanes l[3], struct parts p, uint32_t v)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES) {
        struct apart a;
        apart_sums(&a, p, v);
        apart_close(l, j, &a);
    }
}

LANES_INLINE void stride_mix_apart(struct pooled *pool, struct lanes l[3], float out[], struct parts p, uint32_t v)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES, out += LANES) {
        struct apart a;
        apart_sums(&a, p, v);
        pool->top = store_mixed(out, a.m, a.log_m, p, v, pool->top);
        apart_close(l, j, &a);
        lanes_add(&pool->sum, j, (a.m[0] + a.m[1]) + (a.m[2] + a.m[3]));
    }
}

LANES_INLINE void stride_product_apart(struct pooled *pool, struct lanes l[3], float out[], struct parts p, uint32_t v,
                                       double first)
{
    stride_apart(l, p, v);
    stride_product(pool, out, p, v, first);
}

static void apart_totals(const struct lanes l[3], double sum[3])
{
    sum[0] = -lanes_total(&l[0]);
    sum[1] = -lanes_total(&l[1]);
    sum[2] = lanes_total(&l[2]);
}

static void kernel_apart(const struct row_part part[], size_t n_parts, uint32_t n, double sum[3])
{
    struct lanes l[3] = { 0 };
    uint32_t v = 0;
    for (; v + STRIDE <= n && n_parts == 2; v += STRIDE)
        stride_apart(l, (struct parts){ part, 2, true }, v);
    for (; v + STRIDE <= n; v += STRIDE)
        stride_apart(l, (struct parts){ part, n_parts, false }, v);
    if (v < n) {
        float score[ROW_PARTS][STRIDE];
        struct row_part end[ROW_PARTS];
        for (size_t k = 0; k < n_parts; k++) {
            fill(score[k], part[k].score + v, n - v);
            end[k] = part[k];
            end[k].score = score[k];
        }
        stride_apart(l, (struct parts){ end, n_parts, false }, 0);
    }
    apart_totals(l, sum);
}

static struct row_pooled kernel_mix_apart(float out[], const struct row_part part[], size_t n_parts, uint32_t n,
                                          double sum[3])
{
    struct pooled pool = { .top = vf_set(-INFINITY) };
    struct lanes l[3] = { 0 };
    EACH_POOLED_STRIDE_OF(fetch_parts(part, n_parts, v);
                          stride_mix_apart(&pool, l, to, (struct parts){ part, 2, true }, v),
                          fetch_parts(part, n_parts, v);
                          stride_mix_apart(&pool, l, to, (struct parts){ part, n_parts, false }, v));
    apart_totals(l, sum);
    return pooled_total(&pool);
}

static struct row_pooled kernel_product_apart(float out[], const struct row_part part[], size_t n_parts, uint32_t n,
                                              double sum[3])
{
    struct pooled pool = { .top = vf_set(-INFINITY) };
    struct lanes l[3] = { 0 };
    double first = 0;
    for (size_t k = 0; k < n_parts; k++)
        first += part[k].offset;
    EACH_POOLED_STRIDE_OF(fetch_parts(part, n_parts, v);
                          stride_product_apart(&pool, l, to, (struct parts){ part, 2, true }, v, first),
                          fetch_parts(part, n_parts, v);
                          stride_product_apart(&pool, l, to, (struct parts){ part, n_parts, false }, v, first));
    apart_totals(l, sum);
    return pooled_total(&pool);
}

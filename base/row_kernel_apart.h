/* The part of base/row_kernel_body.h that says how the members of a mixture differ, alone or in the pass that pools them;
 * included there alone, after the pools, once for each LANES.
 *
 * Of a symbol with log-probabilities l_k and weights w_k that sum to one, m = sum w_k exp(l_k):
 *   within = -sum w_k exp(l_k) l_k,   forward = -m ln m - within,   reverse = m (ln m - sum w_k l_k)
 * with score - center for l_k: what that lacks is the same for every symbol, and left to the caller. */

struct apart {
    vf within[4], cross[4]; /* of v, v + 16, v + 32, v + 48; cross: sum w l, -INFINITY where a member is masked */
};

LANES_INLINE struct apart apart_none(void)
{
    vf zero = vf_set(0);
    return (struct apart){ { zero, zero, zero, zero }, { zero, zero, zero, zero } };
}

LANES_INLINE vf log_mass(vf m)
{
    return math_log(vf_max(m, vf_set(FLT_MIN)));
}

/* m, and what log_mass() makes of it. */
LANES_INLINE void apart_close(struct lanes l[3], int turn, const struct apart *a, const vf m[4], const vf log_m[4])
{
    vf zero = vf_set(0), forward[4], reverse[4];
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        forward[i] = zero - vf_fma(m[i], log_m[i], a->within[i]);
        reverse[i] = vf_less(zero, m[i], m[i] * (log_m[i] - a->cross[i]), zero); /* no 0 * INFINITY */
    }
    lanes_add(&l[0], turn, (a->within[0] + a->within[1]) + (a->within[2] + a->within[3]));
    lanes_add(&l[1], turn, (forward[0] + forward[1]) + (forward[2] + forward[3]));
    lanes_add(&l[2], turn, (reverse[0] + reverse[1]) + (reverse[2] + reverse[3]));
}

/* w p of four vectors of symbols, and its sum over members in m. */
LANES_INLINE void apart_member(struct apart *a, struct mass m[4], const struct row_part *part, uint32_t v)
{
    vf center = vf_set(part->center), share = vf_set(part->share), weight = vf_set(part->weight), zero = vf_set(0);
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        vf l = vf_load(part->score + v + 16 * i) - center, e = near_exp(l) * share;
        mass_add(&m[i], e);
        a->within[i] = vf_fma(zero - e, vf_max(l, vf_set(-FLT_MAX)), a->within[i]); /* masked: 0 * FLT_MAX */
        a->cross[i] = vf_fma(weight, l, a->cross[i]);
    }
}

LANES_INLINE void stride_apart(struct lanes l[3], struct parts p, uint32_t v)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES) {
        struct apart a = apart_none();
        struct mass sum[4] = { mass_none(p.two), mass_none(p.two), mass_none(p.two), mass_none(p.two) };
        vf m[4], log_m[4];
        for (size_t k = 0; k < p.n; k++)
            apart_member(&a, sum, &p.part[k], v);
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            m[i] = mass_of(&sum[i]);
            log_m[i] = log_mass(m[i]);
        }
        apart_close(l, j, &a, m, log_m);
    }
}

LANES_INLINE void stride_mix_apart(struct lanes l[4], float out[], struct parts p, uint32_t v)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES, out += LANES) {
        struct apart a = apart_none();
        struct mass sum[4] = { mass_none(p.two), mass_none(p.two), mass_none(p.two), mass_none(p.two) };
        vf m[4], log_m[4];
        for (size_t k = 0; k < p.n; k++)
            apart_member(&a, sum, &p.part[k], v);
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            m[i] = mass_of(&sum[i]);
            log_m[i] = log_mass(m[i]);
            vf_store(out + 16 * i, mixed(p.part, p.n, v + 16 * i, m[i], log_m[i]));
        }
        apart_close(l, j, &a, m, log_m);
        lanes_add(&l[3], j, (m[0] + m[1]) + (m[2] + m[3]));
    }
}

struct product_apart {
    struct lanes lanes[4];
    double first; /* what every sum begins with */
};

LANES_INLINE void stride_product_apart(struct product_apart *l, float out[], struct parts p, uint32_t v)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES, out += LANES) {
        struct apart a = apart_none();
        struct mass none = mass_none(p.two), sum[4] = { none, none, none, none };
        struct wide first = wide_set(l->first), y[4] = { first, first, first, first };
        vf m[4], log_m[4], e[4];
        for (size_t k = 0; k < p.n; k++) {
            apart_member(&a, sum, &p.part[k], v);
            LANES_UNROLL
            for (uint32_t i = 0; i < 4; i++)
                wide_add_scaled(&y[i], vf_load(p.part[k].score + v + 16 * i), p.part[k].factor);
        }
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            vf x = vf_join(y[i].half);
            m[i] = mass_of(&sum[i]);
            log_m[i] = log_mass(m[i]);
            e[i] = near_exp(x);
            vf_store(out + 16 * i, unmasked(p.part, p.n, v + 16 * i, x));
        }
        apart_close(l->lanes, j, &a, m, log_m);
        lanes_add(&l->lanes[3], j, (e[0] + e[1]) + (e[2] + e[3]));
    }
}

static void apart_totals(const struct lanes l[3], double sum[3])
{
    for (int i = 0; i < 3; i++)
        sum[i] = lanes_total(&l[i]);
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

static double kernel_mix_apart(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double sum[3])
{
    struct lanes l[4] = { 0 };
    EACH_POOLED_STRIDE_OF(stride_mix_apart(l, to, (struct parts){ part, 2, true }, v),
                          stride_mix_apart(l, to, (struct parts){ part, n_parts, false }, v));
    apart_totals(l, sum);
    return lanes_total(&l[3]);
}

static double kernel_product_apart(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double sum[3])
{
    struct product_apart l = { .first = 0 };
    for (size_t k = 0; k < n_parts; k++)
        l.first += part[k].offset;
    EACH_POOLED_STRIDE_OF(stride_product_apart(&l, to, (struct parts){ part, 2, true }, v),
                          stride_product_apart(&l, to, (struct parts){ part, n_parts, false }, v));
    apart_totals(l.lanes, sum);
    return lanes_total(&l.lanes[3]);
}

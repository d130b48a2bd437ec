/* The part of base/row_kernel_body.h that says how the members of a mixture differ; included there alone, once for each
 * LANES.
 *
 * Of a symbol with log-probabilities l_k and weights w_k, m = sum w_k exp(l_k):
 *   within = -sum w_k exp(l_k) l_k,   forward = -m ln m - within,   reverse = m (ln m - sum w_k l_k) */

/* ln p: each float sum is right to half a unit of its result's last place. */
LANES_INLINE vf part_logp(const struct row_part *part, uint32_t v)
{
    return (vf_load(part->score + v) + vf_set(part->near)) + vf_set(part->rest);
}

struct apart {
    vf within[4], m[4], cross[4]; /* of v, v + 16, v + 32, v + 48; cross: sum w l, -INFINITY where a member is masked */
};

LANES_INLINE void apart_add(struct apart *a, const struct row_part *part, uint32_t v)
{
    vf w = vf_set((float)part->factor);
    LANES_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        vf l = part_logp(part, v + 16 * i), wp = w * math_exp(l);
        a->within[i] = a->within[i] - wp * vf_max(l, vf_set(-FLT_MAX)); /* masked: 0 * FLT_MAX */
        a->m[i] = a->m[i] + wp;
        a->cross[i] = a->cross[i] + w * l;
    }
}

LANES_INLINE void stride_apart(struct lanes l[3], const struct row_part part[], size_t n_parts, uint32_t v)
{
    LANES_UNROLL
    for (int j = 0; j < TURNS; j++, v += LANES) {
        vf zero = vf_set(0), forward[4], reverse[4];
        struct apart a = { { zero, zero, zero, zero }, { zero, zero, zero, zero }, { zero, zero, zero, zero } };
        for (size_t k = 0; k < n_parts; k++)
            apart_add(&a, &part[k], v);
        LANES_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            vf log_m = vf_max(part_logp(&part[n_parts], v + 16 * i), vf_set(-FLT_MAX));
            forward[i] = zero - (a.within[i] + a.m[i] * log_m);
            reverse[i] = vf_less(zero, a.m[i], a.m[i] * (log_m - a.cross[i]), zero); /* no 0 * INFINITY */
        }
        lanes_add(&l[0], j, (a.within[0] + a.within[1]) + (a.within[2] + a.within[3]));
        lanes_add(&l[1], j, (forward[0] + forward[1]) + (forward[2] + forward[3]));
        lanes_add(&l[2], j, (reverse[0] + reverse[1]) + (reverse[2] + reverse[3]));
    }
}

static void kernel_apart(const struct row_part part[], size_t n_parts, uint32_t n, double sum[3])
{
    struct lanes l[3] = { 0 };
    uint32_t v = 0;
    for (; v + STRIDE <= n; v += STRIDE)
        stride_apart(l, part, n_parts, v);
    if (v < n) {
        float score[ROW_PARTS + 1][STRIDE];
        struct row_part end[ROW_PARTS + 1];
        for (size_t k = 0; k <= n_parts; k++) {
            fill(score[k], part[k].score + v, n - v);
            end[k] = part[k];
            end[k].score = score[k];
        }
        stride_apart(l, end, n_parts, 0);
    }
    for (int i = 0; i < 3; i++)
        sum[i] = lanes_total(&l[i]);
}

/* The part of base/row_kernel_body.h that pools rows; included there alone, once for each LANES. */

/* exp(score + offset - top).  What score + near loses by rounding is found (Knuth's two-sum) and given back: near is
 * the same for every symbol, so that its roundings would not cancel. */
LANES_INLINE vf mix_term(const struct row_part *part, uint32_t v, vf top)
{
    vf score = vf_max(vf_load(part->score + v), vf_set(-FLT_MAX)), near = vf_set(part->near);
    vf sum = score + near, back = sum - score;
    vf lost = (score - (sum - back)) + (near - back);
    return math_exp((sum - top) + (lost + vf_set(part->rest)));
}

LANES_INLINE vf mix(const struct row_part part[], size_t n_parts, uint32_t v)
{
    vd sum[HALVES];
    vf top = vf_set(-FLT_MAX);
    for (size_t k = 0; k < n_parts; k++)
        top = vf_max(vf_load(part[k].score + v) + vf_set(part[k].near), top);
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++)
        sum[h] = vd_set(0);
    for (size_t k = 0; k < n_parts; k++) {
        vf e = mix_term(&part[k], v, top);
        LANES_UNROLL
        for (int h = 0; h < HALVES; h++)
            sum[h] = sum[h] + vf_half(e, h);
    }
    vf s = vf_join(sum);
    return vf_less(vf_set(-FLT_MAX), top, top + math_log(s), vf_set(-INFINITY));
}

LANES_INLINE vf mean(const struct row_part part[], size_t n_parts, uint32_t v, double r)
{
    vd y[HALVES];
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++) {
        vd top = vd_set(-INFINITY), sum = vd_set(0);
        for (size_t k = 0; k < n_parts; k++)
            top = vd_max(vf_half(vf_load(part[k].score + v), h) * vd_set(part[k].factor) + vd_set(part[k].offset), top);
        for (size_t k = 0; k < n_parts; k++) {
            vd a = vf_half(vf_load(part[k].score + v), h) * vd_set(part[k].factor) + vd_set(part[k].offset);
            sum = sum + math_exp64(a - top);
        }
        vd value = vd_max((top + math_log64(sum)) / vd_set(r), vd_set(-FLT_MAX));
        /* an infinite top: no member has the symbol (r > 0), or one has it not (r < 0) */
        y[h] = vd_less(vd_max(top, vd_set(0) - top), vd_set(INFINITY), value, vd_set(-INFINITY));
    }
    return vf_join(y);
}

LANES_INLINE vf product(const struct row_part part[], size_t n_parts, uint32_t v)
{
    vd y[HALVES];
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++) {
        vd sum = vd_set(0);
        for (size_t k = 0; k < n_parts; k++)
            sum = sum + (vf_half(vf_load(part[k].score + v), h) * vd_set(part[k].factor) + vd_set(part[k].offset));
        y[h] = vd_less(vd_set(-INFINITY), sum, vd_max(sum, vd_set(-FLT_MAX)), sum);
    }
    return vf_join(y);
}

LANES_INLINE vf extreme(const struct row_part part[], size_t n_parts, uint32_t v, double sign)
{
    vd y[HALVES];
    LANES_UNROLL
    for (int h = 0; h < HALVES; h++) {
        vd top = vd_set(-INFINITY);
        for (size_t k = 0; k < n_parts; k++)
            top = vd_max((vf_half(vf_load(part[k].score + v), h) + vd_set(part[k].offset)) * vd_set(sign), top);
        y[h] = top * vd_set(sign);
    }
    return vf_join(y);
}

/* The end of a pool: LANES symbols of every part, copied to where they may be read whole. */
struct pool_end {
    float score[ROW_PARTS][LANES];
    struct row_part part[ROW_PARTS];
};

static void pool_end(struct pool_end *e, const struct row_part part[], size_t n_parts, uint32_t v, uint32_t n)
{
    for (size_t k = 0; k < n_parts; k++) {
        e->part[k] = part[k];
        e->part[k].score = e->score[k];
        for (uint32_t i = 0; i < LANES; i++)
            e->score[k][i] = v + i < n ? part[k].score[v + i] : -INFINITY;
    }
}

/* Stores VALUE, an expression in `part` and `v`, for every symbol. */
#define EACH_POOLED(VALUE)                                                                                             \
    do {                                                                                                               \
        uint32_t v = 0;                                                                                                \
        for (; v + LANES <= n; v += LANES)                                                                             \
            vf_store(out + v, VALUE);                                                                                  \
        if (v < n) {                                                                                                   \
            struct pool_end end;                                                                                       \
            float last[LANES], *to = out + v;                                                                          \
            size_t left = n - v;                                                                                       \
            pool_end(&end, part, n_parts, v, n);                                                                       \
            part = end.part;                                                                                           \
            v = 0;                                                                                                     \
            vf_store(last, VALUE);                                                                                     \
            memcpy(to, last, left * sizeof *to);                                                                       \
        }                                                                                                              \
    } while (0)

static void kernel_mix(float out[], const struct row_part part[], size_t n_parts, uint32_t n)
{
    EACH_POOLED(mix(part, n_parts, v));
}

static void kernel_mean(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double r)
{
    EACH_POOLED(mean(part, n_parts, v, r));
}

static void kernel_extreme(float out[], const struct row_part part[], size_t n_parts, uint32_t n, double sign)
{
    EACH_POOLED(extreme(part, n_parts, v, sign));
}

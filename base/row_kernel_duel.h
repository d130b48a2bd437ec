/* Row kernels of tournaments: factors and sums by bits of the symbols; a part of base/row_kernel_body.h, included there
 * alone, once for each LANES. */
#if LANES == 1
#define DUEL_UNROLL /* sixty-four copies would only be long */
#else
#define DUEL_UNROLL LANES_UNROLL
#endif
#define TERMS 4 /* strides whose terms are added as floats before they are added as doubles */

struct duel_sums {
    vf near[TURNS][3];
    struct lanes far[3];
};

LANES_INLINE void stride_duel(struct duel_sums *s, float x[], const uint32_t bits[], const struct row_duel *d)
{
    DUEL_UNROLL
    for (int i = 0; i < STRIDE; i += LANES) {
        vu b = vu_load(bits + i);
        vf y = vf_load(x + i) * vf_pick4(d->factor, b >> d->before);
        vf_store(x + i, y);
        vf_add_pair(s->near[i / LANES % TURNS], y, b, (uint32_t)1 << d->bit);
    }
}

LANES_INLINE void duel_flush(struct duel_sums *s)
{
    DUEL_UNROLL
    for (int j = 0; j < TURNS; j++)
        DUEL_UNROLL
    for (int k = 0; k < 3; k++) {
        lanes_add(&s->far[k], j, s->near[j][k]);
        s->near[j][k] = vf_set(0);
    }
}

static void kernel_duel(float x[], const uint32_t bits[], uint32_t n, const struct row_duel *d, double sum[3])
{
    struct duel_sums s;
    struct row_duel own = *d;
    memset(&s, 0, sizeof s);
    uint32_t v = 0;
    for (; v + TERMS * STRIDE <= n; v += TERMS * STRIDE) {
        for (uint32_t i = 0; i < TERMS * STRIDE; i += STRIDE)
            stride_duel(&s, x + v + i, bits + v + i, &own);
        duel_flush(&s);
    }
    for (; v + STRIDE <= n; v += STRIDE)
        stride_duel(&s, x + v, bits + v, &own);
    if (v < n) {
        float end[STRIDE] = { 0 };
        uint32_t end_bits[STRIDE] = { 0 };
        memcpy(end, x + v, (n - v) * sizeof *x);
        memcpy(end_bits, bits + v, (n - v) * sizeof *bits);
        stride_duel(&s, end, end_bits, &own);
        memcpy(x + v, end, (n - v) * sizeof *x);
    }
    duel_flush(&s);
    for (int k = 0; k < 3; k++)
        sum[k] = lanes_total(&s.far[k]);
}

#define TALLIED (STRIDE / LANES)

LANES_INLINE void stride_tally(float out[], const uint32_t bits[], const float table[][4], size_t n_pairs)
{
    vf sum[TALLIED];
    vu left[TALLIED];
    DUEL_UNROLL
    for (int i = 0; i < TALLIED; i++) {
        sum[i] = vf_set(0);
        left[i] = vu_load(bits + i * LANES);
    }
    for (size_t k = 0; k < n_pairs; k++)
        DUEL_UNROLL
    for (int i = 0; i < TALLIED; i++) {
        sum[i] = sum[i] + vf_pick4(table[k], left[i]);
        left[i] = left[i] >> 2;
    }
    DUEL_UNROLL
    for (int i = 0; i < TALLIED; i++)
        vf_store(out + i * LANES, sum[i]);
}

static void kernel_tally(float out[], const uint32_t bits[], uint32_t n, const float table[][4], size_t n_pairs)
{
    uint32_t v = 0;
    for (; v + STRIDE <= n; v += STRIDE)
        stride_tally(out + v, bits + v, table, n_pairs);
    if (v < n) {
        float end[STRIDE];
        uint32_t end_bits[STRIDE] = { 0 };
        memcpy(end_bits, bits + v, (n - v) * sizeof *bits);
        stride_tally(end, end_bits, table, n_pairs);
        memcpy(out + v, end, (n - v) * sizeof *out);
    }
}

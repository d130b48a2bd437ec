/* The row kernel that makes the noise of blocks; a part of base/row_kernel_body.h, included there alone, once for each LANES. */
/* Salmon et al. 2011, as base/rng.c; a lane is 64 bits wide, of which the low half counts.  Several counters at once: the
 * ten rounds of one wait for each other. */
LANES_INLINE void philox(vw c[][4], int n, const uint32_t key[2])
{
    uint32_t k0 = key[0], k1 = key[1];
    for (int i = 0; i < 10; i++) {
        LANES_UNROLL
        for (int s = 0; s < n; s++) {
            vw a = vw_mul32(c[s][0], vw_set(0xD2511F53u)), b = vw_mul32(c[s][2], vw_set(0xCD9E8D57u));
            c[s][0] = (b >> 32) ^ c[s][1] ^ vw_set(k0);
            c[s][1] = b;
            c[s][2] = (a >> 32) ^ c[s][3] ^ vw_set(k1);
            c[s][3] = a;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* rng_open53() of lanes: 52 bits behind an exponent of 0 are 1 + (odd - 1) 2^-53. */
LANES_INLINE vd open53(vw high, vw low)
{
    vw bits = (high & vw_set(0xFFFFFFFFu)) << 20 | (low & vw_set(0xFFFFFFFFu)) >> 12;
    return (vd_of(bits | vw_of(vd_set(1))) - vd_set(1)) + vd_set(0x1p-53);
}

/* Of the least times of blocks first, first + 1, ..., n * LANES of them. */
LANES_INLINE void block_noise(const struct rng_key *k, uint32_t first, int n, float noise[])
{
    vw c[2 * HALVES][4];
    LANES_UNROLL
    for (int s = 0; s < n * HALVES; s++) {
        c[s][0] = vw_from(first + (uint32_t)s * WIDE);
        LANES_UNROLL
        for (int j = 0; j < 3; j++)
            c[s][j + 1] = vw_set(k->counter[j]);
    }
    philox(c, n * HALVES, k->key);
    LANES_UNROLL
    for (int i = 0; i < n; i++) {
        vd time[HALVES];
        LANES_UNROLL
        for (int h = 0; h < HALVES; h++) {
            const vw *word = c[i * HALVES + h];
            time[h] = (vd_set(0) - math_log64(open53(word[0], word[1]))) * vd_set(1. / ROW_BLOCK);
        }
        vf_store(noise + i * LANES, vf_set(0) - math_log(vf_join(time)));
    }
}

static void kernel_block_noise(const struct rng_key *k, uint32_t first, uint32_t n, float noise[])
{
    uint32_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES)
        block_noise(k, first + i, 2, noise + i);
    for (; i < n; i += LANES)
        block_noise(k, first + i, 1, noise + i);
}

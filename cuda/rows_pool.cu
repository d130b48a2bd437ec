/* Pools of rows, as base/row_pool.c and base/row_kernel_pools.h make them: which members take part, and the mean of
 * each symbol, with what row_measure() would find and how the members differ on the way. */
#include "cuda/rows.h"
#include "cuda/rows_differ.h"
#include "cuda/rows_measure.h"

/* Sums over one thread's symbols. */
struct sums {
    double sum, surprise, apart[3];
    uint32_t count, differ; /* differ: how the members do is asked */
};

struct shared {
    struct party party;
    struct rows_reduce reduce;
};

/* Of one block: the symbols' values y, and e, the sums that they are the logs of. */
struct pooled {
    float y[4], e[4];
};

#define AHEAD 4u /* members whose scores are asked for before the first is used */

/* Runs STEP with the scores x[4] of every member m of a block, several members' loads in flight. */
#define EACH_MEMBER(p, block, STEP)                                                                                    \
    for (uint32_t each_k = 0; each_k < (p)->n; each_k += AHEAD) {                                                      \
        float each_x[AHEAD][4];                                                                                        \
        CUDA_UNROLL                                                                                                    \
        for (uint32_t each_i = 0; each_i < AHEAD; each_i++)                                                            \
            if (each_k + each_i < (p)->n)                                                                              \
                rows_load(each_x[each_i], (p)->member[each_k + each_i].score, block);                                  \
        CUDA_UNROLL                                                                                                    \
        for (uint32_t each_i = 0; each_i < AHEAD; each_i++)                                                            \
            if (each_k + each_i < (p)->n) {                                                                            \
                const struct member *m = &(p)->member[each_k + each_i];                                                \
                const float *x = each_x[each_i];                                                                       \
                STEP;                                                                                                  \
            }                                                                                                          \
    }

ROWS_INLINE void share_of(float e[4], const struct member *m, const float x[4], float power)
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        e[i] = near_exp((x[i] - m->center) * power) * m->share;
}

ROWS_INLINE void add_shares(double sum[4], const struct member *m, const float x[4], float power)
{
    float e[4];
    share_of(e, m, x, power);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        sum[i] += (double)e[i];
}

/* With how they differ, where the shares sum to one. */
ROWS_INLINE void add_differing(double sum[4], struct differ *d, const struct member *m, const float x[4])
{
    float e[4];
    share_of(e, m, x, 1);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        sum[i] += (double)e[i];
    differ_take(d, m, x, e);
}

ROWS_INLINE void add_scaled(double sum[4], const struct member *m, const float x[4])
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        sum[i] += (double)x[i] * m->factor;
}

ROWS_INLINE void block_apart(const struct party *p, uint32_t block, struct sums *s)
{
    struct differ d = { { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } };
    EACH_MEMBER(p, block, differ_add(&d, m, x));
    differ_end(&d, s->apart);
}

ROWS_INLINE void linear_end(const struct party *p, uint32_t block, const double sum[4], struct pooled *out)
{
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        out->e[i] = (float)sum[i];
        out->y[i] = math_log(out->e[i]);
    }
    if (fminf(fminf(out->e[0], out->e[1]), fminf(out->e[2], out->e[3])) >= 0x1p-115f)
        return;
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        out->y[i] = out->e[i] < 0x1p-115f ? mix(p, rows_symbol(block, i)) : out->y[i];
}

ROWS_INLINE void block_linear(const struct party *p, uint32_t block, struct pooled *out)
{
    double sum[4] = { 0, 0, 0, 0 };
    EACH_MEMBER(p, block, add_shares(sum, m, x, 1));
    linear_end(p, block, sum, out);
}

ROWS_INLINE void block_differing(const struct party *p, uint32_t block, struct sums *s, struct pooled *out)
{
    double sum[4] = { 0, 0, 0, 0 };
    struct differ d = { { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } };
    EACH_MEMBER(p, block, add_differing(sum, &d, m, x));
    linear_end(p, block, sum, out);
    differ_end(&d, s->apart);
}

ROWS_INLINE void block_log(const struct party *p, uint32_t block, struct pooled *out)
{
    double sum[4] = { p->first, p->first, p->first, p->first };
    EACH_MEMBER(p, block, add_scaled(sum, m, x));
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float y = (float)sum[i];
        out->e[i] = near_exp(y);
        out->y[i] = unmasked(p, rows_symbol(block, i), y);
    }
}

ROWS_INLINE void block_power(const struct party *p, uint32_t block, double r, struct pooled *out)
{
    double sum[4] = { 0, 0, 0, 0 };
    EACH_MEMBER(p, block, add_shares(sum, m, x, (float)r));
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float s = (float)sum[i];
        int far = s < 0x1p-115f || s > (float)(1 / ROWS_LEAST);
        out->y[i] = far ? mean(p, rows_symbol(block, i), r) : math_log(s) * (float)(1 / r);
    }
}

/* Symbol by symbol: what the short ways above leave. */
ROWS_INLINE void block_slow(const struct party *p, uint32_t block, const struct device_pooled *pool, struct pooled *out)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t v = rows_symbol(block, i);
        if (pool->rule == DEVICE_LINEAR)
            out->y[i] = mix(p, v);
        else if (isinf(pool->r))
            out->y[i] = extreme(p, v, pool->r > 0 ? 1 : -1);
        else
            out->y[i] = mean(p, v, pool->r);
    }
}

enum way { WAY_LINEAR, WAY_LOG, WAY_POWER, WAY_SLOW };

ROWS_INLINE enum way way_of(const struct party *p, const struct device_pooled *pool)
{
    if (pool->rule == DEVICE_LOG)
        return WAY_LOG;
    if (!p->near)
        return WAY_SLOW;
    return pool->rule == DEVICE_LINEAR ? WAY_LINEAR : WAY_POWER;
}

/* The sums of what was stored: e are the exponentials of y where that is cheap. */
ROWS_INLINE void block_end(struct sums *s, const struct pooled *b)
{
    float d[4];
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        d[i] = rows_surprise(b->e[i], b->y[i]);
    if (fminf(fminf(b->y[0], b->y[1]), fminf(b->y[2], b->y[3])) > -INFINITY) {
        s->count += 4;
    } else {
        CUDA_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            s->count += b->y[i] > -INFINITY;
    }
    s->sum += rows_four(b->e);
    s->surprise += rows_four(d);
}

#define SOON (2 * ROWS_GROUPS) /* blocks later a group comes to what it asks the second cache for */

/* Asks for a block of the first eight members, two lanes for each. */
ROWS_INLINE void prefetch(const struct party *p, uint32_t block, uint32_t n_blocks)
{
    uint32_t k = rows_lane() / 2, half = rows_lane() % 2 * (DEVICE_BLOCK / 2);
    if (k < p->n && block < n_blocks)
        cuda_prefetch(p->member[k].score + (size_t)block * DEVICE_BLOCK + half);
}

/* Of a block, and how its members differ where that is asked. */
ROWS_INLINE void pool_block(const struct party *p, const struct device_pooled *pool, uint32_t block, enum way way,
                            struct sums *s, struct pooled *b)
{
    int both = way == WAY_LINEAR && s->differ && p->whole;
    if (s->differ && !both)
        block_apart(p, block, s);
    if (both)
        block_differing(p, block, s, b);
    else if (way == WAY_LINEAR)
        block_linear(p, block, b);
    else if (way == WAY_LOG)
        block_log(p, block, b);
    else if (way == WAY_POWER)
        block_power(p, block, pool->r, b);
    else
        block_slow(p, block, pool, b);
}

/* The whole row. */
ROWS_INLINE void pool_blocks(const struct party *p, const struct device_pooled *pool, uint32_t n, enum way way,
                             struct sums *s)
{
    uint32_t n_blocks = rows_blocks(n);
    float *out = (float *)pool->out, *peak = rows_peaks(pool->out, n);
    for (uint32_t first = 0; first < n_blocks; first += ROWS_GROUPS) {
        uint32_t block = first + rows_group();
        struct pooled b = { { -INFINITY, -INFINITY, -INFINITY, -INFINITY }, { 0, 0, 0, 0 } };
        prefetch(p, block + SOON, n_blocks);
        if (block < n_blocks) {
            float *at = out + (size_t)block * DEVICE_BLOCK + rows_lane();
            pool_block(p, pool, block, way, s, &b);
            CUDA_UNROLL
            for (uint32_t i = 0; i < 4; i++)
                at[ROWS_LANES * i] = b.y[i];
            block_end(s, &b);
        }
        float most = rows_group_max(fmaxf(fmaxf(b.y[0], b.y[1]), fmaxf(b.y[2], b.y[3])));
        if (rows_lane() == 0 && block < n_blocks)
            peak[block] = most;
    }
}

/* The usual case, compiled alone so that its sums stay in registers; and the others. */
ROWS_CALL struct sums pool_linear(const struct party *p, const struct device_pooled *pool, uint32_t n)
{
    struct sums s = { 0, 0, { 0, 0, 0 }, 0, 0 };
    pool_blocks(p, pool, n, WAY_LINEAR, &s);
    return s;
}

ROWS_CALL struct sums pool_otherwise(const struct party *p, const struct device_pooled *pool, uint32_t n, enum way way,
                                     uint32_t differ)
{
    struct sums s = { 0, 0, { 0, 0, 0 }, 0, differ };
    pool_blocks(p, pool, n, way, &s);
    return s;
}

/* Its numbers, of the sums relative to 0; returns 0 where these say nothing. */
ROWS_INLINE int pool_measured(struct sums *s, struct rows_reduce *r, const struct device_pooled *pool, uint32_t n)
{
    struct device_measured *out = rows_measured(pool->out, n);
    const float *peak = rows_peaks(pool->out, n);
    double x[2] = { s->sum, s->surprise };
    float top = -INFINITY;
    rows_add(r, x, 2);
    uint32_t count = (uint32_t)rows_count(r, s->count);
    if (!(x[0] >= ROWS_LEAST && x[0] <= 1 / ROWS_LEAST))
        return 0;
    for (uint32_t b = threadIdx.x; b < rows_blocks(n); b += ROWS_THREADS)
        top = vf_max(peak[b], top);
    top = rows_block_max(r, top);
    if (threadIdx.x == 0) {
        out->log_z = math_log64(x[0]);
        out->entropy = out->log_z + x[1] / x[0];
        out->top = top;
        out->argmax = DEVICE_NONE;
        out->count = count;
        out->bad = DEVICE_NONE;
        out->slide = 0;
    }
    return 1;
}

/* A pool is normalised, and what is closer to it than scores can be is left. */
ROWS_INLINE void pool_finish(const struct party *p, const struct device_pooled *pool, uint32_t n)
{
    struct device_measured *out = rows_measured(pool->out, n);
    double log_z = out->log_z;
    out->slide = fabs(log_z) <= ROWS_NORMAL || !(log_z > -INFINITY) ? 0 : log_z;
    out->log_z = log_z > -INFINITY ? 0 : log_z;
    out->log_weight = log_z + (pool->rule == DEVICE_POWER && !isinf(pool->r) ? p->log_total / pool->r : 0);
}

/* All of it is masked. */
ROWS_CALL void pool_dead(const struct device_pooled *pool, uint32_t n, struct rows_reduce *r)
{
    float *out = (float *)pool->out;
    for (uint32_t v = threadIdx.x; v < n; v += ROWS_THREADS)
        out[v] = -INFINITY;
    __syncthreads();
    rows_measure_row(out, n, r);
    if (threadIdx.x == 0)
        rows_measured(out, n)->log_weight = -INFINITY;
}

/* One member is left of a mixture: itself. */
ROWS_CALL void pool_one(const struct party *p, const struct device_pooled *pool, uint32_t n, struct rows_reduce *r)
{
    float *out = (float *)pool->out;
    const float *from = p->member[0].score;
    for (uint32_t v = threadIdx.x; v < n; v += ROWS_THREADS)
        out[v] = from[v];
    __syncthreads();
    rows_measure_row(out, n, r);
    if (threadIdx.x > 0)
        return;
    struct device_measured *m = rows_measured(out, n);
    m->slide = m->log_z;
    m->log_z = 0;
    m->log_weight = math_log64(p->member[0].factor);
}

ROWS_INLINE void apart_end(struct sums *s, struct rows_reduce *r, uint32_t n, struct device_apart *out)
{
    rows_add(r, s->apart, 3);
    if (threadIdx.x > 0)
        return;
    out->within = vd_max(s->apart[0], 0);
    out->forward = n > 1 ? vd_max(s->apart[1], 0) : 0;
    out->reverse = n > 1 ? vd_max(s->apart[2], 0) : 0;
}

/* Where the pool itself is made otherwise. */
ROWS_CALL void apart_alone(struct shared *s, const struct device_pooled *pool, uint32_t n, struct device_apart *out)
{
    struct sums sums = { 0, 0, { 0, 0, 0 }, 0, 1 };
    if (!pool->apart)
        return;
    __syncthreads();
    if (threadIdx.x == 0)
        party_weigh(&s->party, pool);
    __syncthreads();
    for (uint32_t block = rows_group(); block < rows_blocks(n) && s->party.n > 0; block += ROWS_GROUPS)
        block_apart(&s->party, block, &sums);
    apart_end(&sums, &s->reduce, s->party.n, out);
}

/* The usual case: whole, and measured on the way where the rule allows. */
ROWS_INLINE void pool_made(struct shared *s, const struct device_pooled *pool, uint32_t n, struct device_apart *apart)
{
    enum way way = way_of(&s->party, pool);
    struct sums sums = way == WAY_LINEAR && !pool->apart ? pool_linear(&s->party, pool, n)
                                                         : pool_otherwise(&s->party, pool, n, way, pool->apart);
    int summed = (way == WAY_LINEAR || way == WAY_LOG) && pool_measured(&sums, &s->reduce, pool, n);
    if (!summed && way == WAY_LINEAR) /* a score passed what an exp() of a float may say: symbol by symbol */
        (void)pool_otherwise(&s->party, pool, n, WAY_SLOW, 0);
    __syncthreads();
    if (!summed)
        rows_measure_row((float *)pool->out, n, &s->reduce);
    if (pool->apart)
        apart_end(&sums, &s->reduce, s->party.n, apart);
    if (threadIdx.x == 0)
        pool_finish(&s->party, pool, n);
}

ROWS_INLINE void pool_row(struct shared *s, const struct device_pooled *pool, uint32_t n, struct device_apart *apart)
{
    int vetoes = pool->rule == DEVICE_LOG || (pool->rule == DEVICE_POWER && pool->r < 0);
    int dead = s->party.n == 0 || (s->party.dead && vetoes);
    if (dead || (s->party.n == 1 && pool->rule == DEVICE_LINEAR)) {
        if (dead)
            pool_dead(pool, n, &s->reduce);
        else
            pool_one(&s->party, pool, n, &s->reduce);
        apart_alone(s, pool, n, apart);
        return;
    }
    if (threadIdx.x == 0)
        party_weigh(&s->party, pool);
    __syncthreads();
    pool_made(s, pool, n, apart);
}

CUDA_KERNEL_OF(rows_pool, rows_pool_args, ROWS_THREADS, 2)
{
    CUDA_SHARED struct shared s;
    const struct device_pooled *pool = &a.pool[blockIdx.x];
    if (threadIdx.x == 0)
        party_fill(&s.party, pool, a.n);
    __syncthreads();
    pool_row(&s, pool, a.n, &a.apart[blockIdx.x]);
    if (threadIdx.x == 0 && a.told)
        a.told[blockIdx.x] = *rows_measured(pool->out, a.n);
}

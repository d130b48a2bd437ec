/* The members of a pool, and the mean of one symbol: see base/row_pool.c and base/row_kernel_pools.h. */
#ifndef CUDA_ROWS_MEMBERS_H
#define CUDA_ROWS_MEMBERS_H

#include "cuda/rows_block.h"

/* A member: see struct row_part (base/row_kernel.h). */
struct member {
    const float *score;
    double factor, offset, weight; /* weight: of weights that sum to one, for `apart` */
    float near, rest;              /* offset as floats, for power 1 */
    float log_near, log_rest;      /* -log Z as floats */
    float center, share;
};

struct party {
    struct member member[DEVICE_PARTS];
    uint32_t n;
    uint32_t dead, near;
    uint32_t whole;          /* the weights sum to one as they are */
    double first, log_total; /* LOG: what every sum begins with; POWER: log of what the weights summed to */
};

/* Those of positive weight that live. */
ROWS_CALL void party_fill(struct party *p, const struct device_pooled *pool, uint32_t n)
{
    double total = 0;
    p->n = p->dead = 0;
    for (uint32_t k = 0; k < pool->n; k++) {
        double log_z = rows_measured(pool->row[k], n)->log_z;
        if (pool->weight[k] == 0)
            continue;
        if (!(log_z > -INFINITY)) {
            p->dead = 1;
            continue;
        }
        p->member[p->n].score = (const float *)pool->row[k];
        p->member[p->n].offset = log_z;
        p->member[p->n++].weight = pool->weight[k];
        total += pool->weight[k];
    }
    for (uint32_t k = 0; k < p->n; k++)
        p->member[k].factor = p->member[k].weight;
    for (uint32_t k = 0; k < p->n; k++)
        p->member[k].weight /= total;
    p->log_total = p->n > 0 ? math_log64(total) : 0;
    p->whole = fabs(total - 1) < 0x1p-30;
}

/* factor and offset hold the weight and log Z on entry. */
ROWS_INLINE void member_weigh(struct member *m, double weight, double power)
{
    double log_z = m->offset, rest;
    m->log_near = (float)-log_z;
    m->log_rest = (float)(-log_z - (double)m->log_near);
    m->center = (float)log_z;
    rest = power * ((double)m->center - log_z);
    m->share = (float)(weight * math_exp64(rest < 1 ? rest : 1));
    m->factor = power;
    m->offset = math_log64(weight) - power * log_z;
    m->near = (float)m->offset;
    m->rest = (float)(m->offset - (double)m->near);
}

ROWS_CALL void party_weigh(struct party *p, const struct device_pooled *pool)
{
    double power = pool->rule == DEVICE_POWER ? pool->r : 1;
    int wide = isinf(power), means = pool->rule == DEVICE_POWER && !wide;
    p->first = 0;
    p->near = !wide;
    for (uint32_t k = 0; k < p->n; k++) {
        struct member *m = &p->member[k];
        double weight = m->factor, log_z = m->offset;
        if (pool->rule == DEVICE_LOG)
            p->first -= weight * log_z;
        member_weigh(m, means ? m->weight : weight, wide ? 1 : power);
        p->near = p->near && m->share >= (float)ROWS_LEAST && m->share <= (float)(1 / ROWS_LEAST);
        if (wide)
            m->offset = -log_z;
        if (pool->rule == DEVICE_LOG)
            m->factor = weight;
    }
    if (means)
        p->near = p->near && fabs(power) >= .5 && fabs(power) <= 4;
    else
        p->log_total = 0;
}

/* exp(score + offset - top), with what score + near loses. */
ROWS_INLINE float mix_term(const struct member *m, float x, float top)
{
    float score = vf_max(x, -FLT_MAX), sum = score + m->near, back = sum - score;
    float lost = (score - (sum - back)) + (m->near - back);
    return math_exp((sum - top) + (lost + m->rest));
}

ROWS_CALL float mix(const struct party *p, uint32_t v)
{
    float top = -FLT_MAX;
    double sum = 0;
    for (uint32_t k = 0; k < p->n; k++)
        top = vf_max(p->member[k].score[v] + p->member[k].near, top);
    for (uint32_t k = 0; k < p->n; k++)
        sum += (double)mix_term(&p->member[k], p->member[k].score[v], top);
    return -FLT_MAX < top ? top + math_log((float)sum) : -INFINITY;
}

ROWS_CALL float mean(const struct party *p, uint32_t v, double r)
{
    double top = -INFINITY, sum = 0;
    for (uint32_t k = 0; k < p->n; k++)
        top = vd_max((double)p->member[k].score[v] * p->member[k].factor + p->member[k].offset, top);
    for (uint32_t k = 0; k < p->n; k++)
        sum += math_exp64((double)p->member[k].score[v] * p->member[k].factor + p->member[k].offset - top);
    double value = vd_max((top + math_log64(sum)) / r, (double)-FLT_MAX);
    return vd_max(top, 0 - top) < (double)INFINITY ? (float)value : -INFINITY;
}

ROWS_CALL float extreme(const struct party *p, uint32_t v, double sign)
{
    double top = -INFINITY;
    for (uint32_t k = 0; k < p->n; k++)
        top = vd_max(((double)p->member[k].score[v] + p->member[k].offset) * sign, top);
    return (float)(top * sign);
}

/* Only what a member masks is masked: the others' sum may pass what a float holds. */
ROWS_INLINE float unmasked(const struct party *p, uint32_t v, float y)
{
    float least = 0;
    if (y > -INFINITY)
        return y;
    for (uint32_t k = 0; k < p->n; k++)
        least = p->member[k].score[v] < least ? p->member[k].score[v] : least;
    return -INFINITY < least ? vf_max(y, -FLT_MAX) : y;
}

ROWS_INLINE float near_exp(float x)
{
    return math_exp(vf_min(x, ROWS_NEAR));
}

#endif

/* How the members of a pool differ, block by block: see base/row_kernel_apart.h. */
#ifndef CUDA_ROWS_DIFFER_H
#define CUDA_ROWS_DIFFER_H

#include "cuda/rows_members.h"

/* Of the four symbols of a block that a thread sees. */
struct differ {
    float within[4], m[4], cross[4];
};

/* e: the members' weights, made to sum to one, times their probabilities. */
ROWS_INLINE void differ_take(struct differ *d, const struct member *m, const float x[4], const float e[4])
{
    float w = (float)vd_max(m->weight, (double)FLT_MIN);
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float l = (x[i] + m->log_near) + m->log_rest;
        d->within[i] = vf_fma(0 - e[i], vf_max(l, -FLT_MAX), d->within[i]);
        d->m[i] = d->m[i] + e[i];
        d->cross[i] = d->cross[i] + w * l;
    }
}

ROWS_INLINE void differ_add(struct differ *d, const struct member *m, const float x[4])
{
    float w = (float)vd_max(m->weight, (double)FLT_MIN), e[4];
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++)
        e[i] = w * math_exp((x[i] + m->log_near) + m->log_rest);
    differ_take(d, m, x, e);
}

/* Adds them to the sums within, forward and reverse. */
ROWS_INLINE void differ_end(const struct differ *d, double sum[3])
{
    float forward[4], reverse[4];
    CUDA_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        float log_m = d->m[i] >= FLT_MIN ? math_log(d->m[i]) : -FLT_MAX;
        forward[i] = 0 - (d->within[i] + d->m[i] * log_m);
        reverse[i] = 0 < d->m[i] ? d->m[i] * (log_m - d->cross[i]) : 0;
    }
    sum[0] += rows_four(d->within);
    sum[1] += rows_four(forward);
    sum[2] += rows_four(reverse);
}

#endif

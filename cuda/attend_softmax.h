/* The softmax of attention, which streams: a page's scores at a time, with what came before rescaled. */
#ifndef CUDA_ATTEND_SOFTMAX_H
#define CUDA_ATTEND_SOFTMAX_H

#include "cuda/attend_rows.h"

/* What a lane knows of the row whose softmax it takes part in: lanes 0 .. 15 row 2 i, the others row 2 i + 1. */
struct attend_softmax {
    float most, sum; /* most: of all lanes; sum: of the positions that are this lane's */
    float slope;
    uint32_t at; /* the token's position */
};

/* A score as the softmax takes it; -inf where the row's token does not see the position. */
CUDA_INLINE float attend_softmax_score(const struct cuda_attend_args *a, float dot, uint32_t position, uint32_t at,
                                       float slope)
{
    if (position > at || position < attend_rows_first(a, at))
        return -INFINITY;
    dot *= a->scale;
    if (a->cap > 0)
        dot = a->cap * tanhf(dot / a->cap);
    return dot - slope * (float)(at - position);
}

/* exp(x - most), where -inf is far from -inf. */
CUDA_INLINE float attend_softmax_weight(float x, float most)
{
    return x == -INFINITY ? 0.0f : __expf(x - most);
}

/* Takes a page's score into the row's softmax; its weight, and what all before is to be multiplied by. */
CUDA_INLINE float attend_softmax_take(float score, struct attend_softmax *s, float *factor)
{
    float most = score, weight;
    CUDA_UNROLL
    for (int m = 8; m > 0; m /= 2)
        most = fmaxf(most, __shfl_xor_sync(CUDA_ALL, most, m));
    most = fmaxf(most, s->most);
    *factor = attend_softmax_weight(s->most, most);
    weight = attend_softmax_weight(score, most);
    s->most = most;
    s->sum = cuda_fma(s->sum, *factor, weight);
    return weight;
}

#endif

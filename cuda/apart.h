/* Sums of several values over the lanes of a warp, or of a part of it, of which each lane keeps its own: a butterfly
 * that has fewer exchanges than a sum for each value. */
#ifndef CUDA_APART_H
#define CUDA_APART_H

#include "cuda/dialect.h"

#define APART_MOST 64u /* values */

/* One step of apart_sum(): lanes that differ in bit m; how many values are left. */
CUDA_INLINE uint32_t apart_step(float *v, const uint32_t n, const uint32_t m, uint32_t lane)
{
    if (n == 1) {
        v[0] += __shfl_xor_sync(CUDA_ALL, v[0], (int)m);
        return 1;
    }
    CUDA_UNROLL
    for (uint32_t j = 0; j < APART_MOST / 2; j++) {
        if (j >= n / 2)
            break;
        float send = lane & m ? v[j] : v[j + n / 2], keep = lane & m ? v[j + n / 2] : v[j];
        v[j] = keep + __shfl_xor_sync(CUDA_ALL, send, (int)m);
    }
    return n / 2;
}

/* Each of n values summed over the `lanes` lanes of a group, by halves that part: lane L of it ends with the values
 * from apart_held(L) on, n / lanes of them, or one that its neighbours have too.  A value's sum has one tree, whatever
 * n. */
CUDA_INLINE void apart_sum(float *v, const uint32_t n, const uint32_t lanes, uint32_t lane)
{
    const uint32_t n16 = lanes > 16 ? apart_step(v, n, 16, lane) : n;
    const uint32_t n8 = lanes > 8 ? apart_step(v, n16, 8, lane) : n16;
    const uint32_t n4 = apart_step(v, n8, 4, lane), n2 = apart_step(v, n4, 2, lane);
    apart_step(v, n2, 1, lane);
}

CUDA_INLINE uint32_t apart_held(uint32_t n, uint32_t lanes, uint32_t lane)
{
    uint32_t at = 0;
    CUDA_UNROLL
    for (uint32_t m = lanes / 2; m > 0 && n > 1; m /= 2) {
        n /= 2;
        at += lane & m ? n : 0;
    }
    return at;
}

#endif

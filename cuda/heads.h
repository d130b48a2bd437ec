/* The heads of a token, made by a warp each: those of its query, then its keys', then its values'.  The numbers of a
 * head are the same whichever kernel makes it. */
#ifndef CUDA_HEADS_H
#define CUDA_HEADS_H

#include "cuda/values.h"

/* One head before it is normed and turned: head_dim values of `from` and, unless NULL, of `bias`, which is added. */
struct heads_one {
    const float *from, *bias;
    struct cuda_norm norm;
    int turns; /* by its position: of models that turn, and never a value */
};

CUDA_INLINE struct heads_one heads_of(const struct cuda_place_args *a, uint32_t token, uint32_t i)
{
    uint32_t dim = a->kv.head_dim, kv = i - a->n_heads, own = kv < a->kv.n_kv_heads ? kv : kv - a->kv.n_kv_heads;
    size_t at = (size_t)token * a->kv_stride + own * dim;
    struct heads_one h;
    h.turns = a->half > 0;
    if (i < a->n_heads) {
        h.from = a->q + (size_t)token * a->q_stride + i * dim;
        h.bias = a->q_bias ? a->q_bias + i * dim : NULL;
        h.norm = a->q_norm;
    } else if (kv < a->kv.n_kv_heads) {
        h.from = a->k + at;
        h.bias = a->k_bias ? a->k_bias + own * dim : NULL;
        h.norm = a->k_norm;
    } else {
        h.from = a->v + at;
        h.bias = a->v_bias ? a->v_bias + own * dim : NULL;
        h.norm.weight = NULL;
        h.norm.bias = NULL;
        h.turns = 0;
    }
    return h;
}

/* Of values that this lane alone has written. */
CUDA_INLINE float heads_sum(const float *x, uint32_t dim)
{
    float sum = 0.0f;
    CUDA_ONCE
    for (uint32_t d = threadIdx.x % CUDA_WARP; d < dim; d += CUDA_WARP)
        sum += x[d];
    return cuda_warp_sum(sum);
}

CUDA_INLINE float heads_squares(const float *x, uint32_t dim, float mean)
{
    float sum = 0.0f;
    CUDA_ONCE
    for (uint32_t d = threadIdx.x % CUDA_WARP; d < dim; d += CUDA_WARP) {
        float y = x[d] - mean;
        sum += y * y;
    }
    return cuda_warp_sum(sum);
}

CUDA_INLINE void heads_norm(const struct cuda_norm *n, float eps, float *x, uint32_t dim)
{
    float mean = n->bias ? heads_sum(x, dim) / (float)dim : 0.0f;
    float factor = 1.0f / sqrtf(heads_squares(x, dim, mean) / (float)dim + eps);
    CUDA_ONCE
    for (uint32_t d = threadIdx.x % CUDA_WARP; d < dim; d += CUDA_WARP) {
        float y = (x[d] - mean) * factor * n->weight[d];
        x[d] = n->bias ? y + n->bias[d] : y;
    }
}

/* What turns a token's heads: its position's cosines and sines, of each lane the first few, which are read once for all
 * heads, and by attention before it waits for them. */
struct heads_turns {
    uint32_t position;
    float cos[4], sin[4];
};

CUDA_INLINE void heads_turns(const struct cuda_place_args *a, uint32_t position, struct heads_turns *t)
{
    size_t row = (size_t)position * a->half;
    t->position = position;
    CUDA_UNROLL
    for (uint32_t j = 0; j < 4; j++) {
        uint32_t i = threadIdx.x % CUDA_WARP + j * CUDA_WARP;
        t->cos[j] = i < a->half ? cuda_ahead_f32(&a->cos[row + i]) : 0.0f;
        t->sin[j] = i < a->half ? cuda_ahead_f32(&a->sin[row + i]) : 0.0f;
    }
}

CUDA_INLINE void heads_turn_pair(const struct cuda_place_args *a, uint32_t i, float c, float s, float *x)
{
    uint32_t step = a->interleaved ? 2 : 1, across = a->interleaved ? 1 : a->half;
    float p = x[i * step], q = x[i * step + across];
    x[i * step] = p * c - q * s;
    x[i * step + across] = q * c + p * s;
}

CUDA_INLINE void heads_turn(const struct cuda_place_args *a, const struct heads_turns *t, float *x)
{
    size_t row = (size_t)t->position * a->half;
    uint32_t i = threadIdx.x % CUDA_WARP;
    CUDA_UNROLL
    for (uint32_t j = 0; j < 4; j++, i += CUDA_WARP)
        if (i < a->half)
            heads_turn_pair(a, i, t->cos[j], t->sin[j], x);
    CUDA_ONCE
    for (; i < a->half; i += CUDA_WARP)
        heads_turn_pair(a, i, a->cos[row + i], a->sin[row + i], x);
}

/* A lane's next eight values of a head, with the bias, into x; whether all are finite.  All are on their way before the
 * first is needed. */
CUDA_INLINE int heads_read(const struct heads_one *h, uint32_t first, uint32_t dim, float *x)
{
    float v[8], b[8];
    int finite = 1;
    CUDA_UNROLL
    for (uint32_t j = 0; j < 8; j++) {
        uint32_t d = first + j * CUDA_WARP;
        v[j] = d < dim ? h->from[d] : 0.0f;
        b[j] = h->bias && d < dim ? h->bias[d] : 0.0f;
    }
    CUDA_UNROLL
    for (uint32_t j = 0; j < 8; j++) {
        uint32_t d = first + j * CUDA_WARP;
        v[j] = h->bias ? v[j] + b[j] : v[j];
        finite &= cuda_finite(v[j]);
        if (d < dim)
            x[d] = v[j];
    }
    return finite;
}

/* Head i of a token into x, of shared memory: bias, norm, rotation.  By a warp, whose lanes then see all of x. */
CUDA_INLINE void heads_make(const struct cuda_place_args *a, uint32_t token, uint32_t i, const struct heads_turns *t,
                            float *x)
{
    const struct heads_one h = heads_of(a, token, i);
    uint32_t dim = a->kv.head_dim;
    int finite = 1;
    CUDA_ONCE
    for (uint32_t first = threadIdx.x % CUDA_WARP; first < dim; first += 8 * CUDA_WARP)
        finite &= heads_read(&h, first, dim, x);
    if (!finite && a->flag)
        *a->flag = 1;
    if (h.norm.weight)
        heads_norm(&h.norm, a->eps, x, dim);
    __syncwarp();
    if (h.turns)
        heads_turn(a, t, x);
    __syncwarp();
}

/* As kernel_kv_put() (model/kernel_kv.c); a NaN, which has been flagged, becomes some byte. */
CUDA_INLINE void heads_put_block(uint32_t kv, const float *x, uint32_t dim, uint32_t at, char *block)
{
    uint32_t lane = threadIdx.x % CUDA_WARP;
    if (kv != CUDA_KV_Q8) {
        uint32_t type = kv == CUDA_KV_F32 ? CUDA_F32 : CUDA_BF16;
        CUDA_ONCE
        for (uint32_t d = lane; d < dim; d += CUDA_WARP)
            cuda_store(type, block, (size_t)at * dim + d, x[d]);
        return;
    }
    float most = 0.0f;
    CUDA_ONCE
    for (uint32_t d = lane; d < dim; d += CUDA_WARP)
        most = fmaxf(most, fabsf(x[d]));
    most = cuda_warp_max(most);
    float factor = most > 1e-30f ? 127.0f / most : 0.0f;
    CUDA_ONCE
    for (uint32_t d = lane; d < dim; d += CUDA_WARP)
        block[(size_t)at * dim + d] = (char)(int)fminf(fmaxf(rintf(x[d] * factor), -127.0f), 127.0f);
    if (lane == 0)
        *(float *)(block + (size_t)CUDA_PAGE * dim + 4 * at) = factor > 0 ? most / 127.0f : 0.0f;
}

/* Head i, a key's or a value's, from x into the token's own page, as `type`, which is a->kv's. */
CUDA_INLINE void heads_put(const struct cuda_place_args *a, uint32_t type, uint32_t i, const struct cuda_token *t,
                           const float *x)
{
    uint32_t n = a->kv.n_kv_heads, kv = i - a->n_heads, own = kv < n ? kv : kv - n;
    char *block = (char *)t->own + a->kv.keys_at + own * a->kv.block_bytes;
    heads_put_block(type, x, a->kv.head_dim, t->position % CUDA_PAGE, kv < n ? block : block + a->kv.values_at);
}

#endif

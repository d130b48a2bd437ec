/* Attention over pages, for prefixes of any length and batches that mix one token with many.
 *
 * A block takes up to ROWS queries that share a head of keys and values (heads of one token, or of several tokens of a
 * span) and a split of their pages; its warps take pages in turn.  In a warp a position's head_dim values lie over
 * LANES lanes, eight each, so that 32 / LANES positions are in hand at once; a page's scores come together by a
 * butterfly that leaves each lane its own, and the softmax streams: a page at a time, with what came before rescaled.
 * (https://arxiv.org/abs/1805.02867, https://arxiv.org/abs/2307.08691)
 *
 * What a row comes to depends on its query, its pages and split_pages, not on the rows beside it. */
#include "cuda/apart.h"
#include "cuda/attend_page.h"
#include "cuda/heads.h"

#define WARPS    4u
#define THREADS  (WARPS * CUDA_WARP)
#define MOST_DIM 256u /* of the kernels whose lanes hold eight values each */

/* The rows of one block. */
struct rows {
    uint32_t token, n, kv_head; /* row i < n is head i % group of token + i / group, counted from `from` */
    uint32_t from, group;
    uint32_t most, least; /* positions that are seen: those below most, none below least */
    uint32_t page, end;   /* of this split */
    const void *const *pages;
};

CUDA_INLINE uint32_t token_of(const struct rows *r, uint32_t row)
{
    return r->token + (r->from + row) / r->group;
}

CUDA_INLINE uint32_t head_of(const struct rows *r, uint32_t row)
{
    return r->kv_head * r->group + (r->from + row) % r->group;
}

/* Of a row's token: those of a span follow each other. */
CUDA_INLINE uint32_t position_of(const struct rows *r, uint32_t row)
{
    return r->most - 1 - (token_of(r, r->n - 1) - token_of(r, row));
}

CUDA_INLINE uint32_t first_of(const struct cuda_attend_args *a, uint32_t position)
{
    return a->window > 0 && position + 1 > a->window ? position + 1 - a->window : 0;
}

/* False: there is nothing to do for this block.  What a batch is told in was sent before its first kernel began. */
CUDA_INLINE int rows_of(const struct cuda_attend_args *a, uint32_t most_rows, struct rows *r)
{
    const struct cuda_span span = { cuda_ahead_u32(&a->spans[blockIdx.z].token),
                                    cuda_ahead_u32(&a->spans[blockIdx.z].n) };
    uint32_t tile = blockIdx.x / a->kv.n_kv_heads, page;
    r->kv_head = blockIdx.x % a->kv.n_kv_heads;
    r->group = a->n_heads / a->kv.n_kv_heads;
    r->from = tile * most_rows;
    if (r->from >= span.n * r->group)
        return 0;
    r->n = span.n * r->group - r->from;
    r->n = r->n < most_rows ? r->n : most_rows;
    r->token = span.token;
    const struct cuda_token *last = &a->tokens[token_of(r, r->n - 1)];
    r->most = cuda_ahead_u32(&last->position) + 1;
    r->pages = a->pages + cuda_ahead_u32(&last->pages);
    r->least = first_of(a, position_of(r, 0));
    page = r->least / CUDA_PAGE;
    r->page = blockIdx.y * a->split_pages;
    r->end = r->page + a->split_pages;
    r->page = r->page > page ? r->page : page;
    page = (r->most + CUDA_PAGE - 1) / CUDA_PAGE;
    r->end = r->end < page ? r->end : page;
    return r->page < r->end;
}

/* A score as the softmax takes it; -inf where the row's token does not see the position. */
CUDA_INLINE float score_of(const struct cuda_attend_args *a, float dot, uint32_t position, uint32_t at, float slope)
{
    if (position > at || position < first_of(a, at))
        return -INFINITY;
    dot *= a->scale;
    if (a->cap > 0)
        dot = a->cap * tanhf(dot / a->cap);
    return dot - slope * (float)(at - position);
}

/* exp(x - most), where -inf is far from -inf. */
CUDA_INLINE float weight_of(float x, float most)
{
    return x == -INFINITY ? 0.0f : __expf(x - most);
}

/* Value d of a row, or what a split leaves of it. */
CUDA_INLINE void leave(const struct cuda_attend_args *a, uint32_t token, uint32_t head, uint32_t d, float x)
{
    uint32_t dim = a->kv.head_dim;
    if (a->n_splits == 1) {
        char *out = (char *)a->out + (size_t)token * a->out_stride * (a->type == CUDA_F32 ? 4 : 2);
        cuda_store(a->type, out, head * dim + d, x);
    } else {
        size_t row = ((size_t)blockIdx.y * a->n_tokens + token) * a->n_heads + head;
        a->partial[row * (dim + 2) + d] = x;
    }
}

/* What a lane knows of the row whose softmax it takes part in: lanes 0 .. 15 row 2 i, the others row 2 i + 1. */
struct softmax {
    float most, sum; /* most: of all lanes; sum: of the positions that are this lane's */
    float slope;
    uint32_t at; /* the token's position */
};

CUDA_INLINE void begin_row(const struct cuda_attend_args *a, const struct rows *r, uint32_t row, struct softmax *s)
{
    s->most = -INFINITY;
    s->sum = 0.0f;
    s->slope = 0.0f;
    s->at = r->most - 1;
    if (row >= r->n)
        return;
    s->at = a->tokens[token_of(r, row)].position;
    s->slope = a->slope ? a->slope[head_of(r, row)] : 0.0f;
}

/* Takes a page's score into the row's softmax; its weight, and what all before is to be multiplied by. */
CUDA_INLINE float take_score(float score, struct softmax *s, float *factor)
{
    float most = score, weight;
    CUDA_UNROLL
    for (int m = 8; m > 0; m /= 2)
        most = fmaxf(most, __shfl_xor_sync(CUDA_ALL, most, m));
    most = fmaxf(most, s->most);
    *factor = weight_of(s->most, most);
    weight = weight_of(score, most);
    s->most = most;
    s->sum = cuda_fma(s->sum, *factor, weight);
    return weight;
}

/* Shared by the warps of a block: what each has come to of each row, then the row. */
struct merging {
    float most[WARPS], sum[WARPS];
};

CUDA_INLINE void merge_rows(const struct cuda_attend_args *a, const struct rows *r, const struct merging *m,
                            const float *acc, uint32_t n_rows)
{
    uint32_t dim = a->kv.head_dim;
    for (uint32_t i = threadIdx.x; i < r->n * dim; i += THREADS) {
        uint32_t row = i / dim, d = i % dim;
        const struct merging *own = &m[row];
        float most = fmaxf(fmaxf(own->most[0], own->most[1]), fmaxf(own->most[2], own->most[3]));
        float sum = 0.0f, x = 0.0f;
        CUDA_UNROLL
        for (uint32_t w = 0; w < WARPS; w++) {
            float f = weight_of(own->most[w], most);
            sum = cuda_fma(f, own->sum[w], sum);
            x = cuda_fma(f, acc[(w * n_rows + row) * MOST_DIM + d], x);
        }
        uint32_t token = token_of(r, row), head = head_of(r, row);
        leave(a, token, head, d, a->n_splits == 1 ? x / sum : x);
        if (a->n_splits > 1 && d == 0) {
            leave(a, token, head, dim, most);
            leave(a, token, head, dim + 1, sum);
        }
    }
}

/* Asks for the first page of each warp, and for what turns the block's token, before the kernel in front has ended:
 * what it is still to write there is no matter, since nothing is read. */
CUDA_INLINE void ask_ahead(const struct cuda_attend_args *a, const struct rows *r)
{
    uint32_t lane = threadIdx.x % CUDA_WARP, page = r->page + threadIdx.x / CUDA_WARP;
    const char *keys = page < r->end ? (const char *)cuda_ahead_pointer(&r->pages[page]) : NULL;
    for (uint32_t at = 128 * lane; page < r->end && at < a->kv.block_bytes; at += 128 * CUDA_WARP) {
        cuda_prefetch(keys + a->kv.keys_at + r->kv_head * a->kv.block_bytes + at);
        cuda_prefetch(keys + a->kv.keys_at + r->kv_head * a->kv.block_bytes + a->kv.values_at + at);
    }
    if (a->own.k && 32 * threadIdx.x < a->own.half) {
        size_t at = (size_t)(r->most - 1) * a->own.half + 32 * threadIdx.x;
        cuda_prefetch(a->own.cos + at);
        cuda_prefetch(a->own.sin + at);
    }
}

/* The block's queries into q, one every MOST_DIM, and its token's key and value into the token's page if that is of
 * this split.  Blocks that share the head write the same bits there, and each reads its own. */
CUDA_INLINE void place_rows(const struct cuda_attend_args *a, const struct rows *r, float *q)
{
    const struct cuda_token t = a->tokens[r->token];
    uint32_t puts = t.own && r->end * CUDA_PAGE > t.position ? 2 : 0;
    for (uint32_t i = threadIdx.x / CUDA_WARP; i < r->n + puts; i += WARPS) {
        uint32_t head = r->kv_head * r->group + r->from + i; /* of the block's one token */
        if (i >= r->n)
            head = a->n_heads + (i - r->n) * a->kv.n_kv_heads + r->kv_head;
        heads_make(&a->own, r->token, head, t.position, q + i * MOST_DIM);
        if (i >= r->n)
            heads_put(&a->own, head, &t, q + i * MOST_DIM);
    }
    __syncthreads();
}

/* Row i's query: as place_rows() has made it, or as it lies in memory. */
CUDA_INLINE const float *query_of(const struct cuda_attend_args *a, const struct rows *r, uint32_t i,
                                  const float *placed)
{
    if (a->own.k)
        return placed + i * MOST_DIM;
    return a->q + (size_t)token_of(r, i) * a->q_stride + head_of(r, i) * a->kv.head_dim;
}

/* ROWS, LANES and KV are constants of the kernels below.  Positions of a page in hand at once: 32 / LANES, in `steps`
 * turns, read BATCH turns at a time so that what is in flight stays in registers. */
CUDA_INLINE void attend(const struct cuda_attend_args *a, const uint32_t ROWS, const uint32_t LANES, const uint32_t KV,
                        const uint32_t BATCH)
{
    CUDA_SHARED float score[WARPS][4][CUDA_PAGE], factor[WARPS][4], acc_of[WARPS * 4 * MOST_DIM];
    CUDA_SHARED struct merging merging[4];
    const uint32_t at_once = CUDA_WARP / LANES, steps = CUDA_PAGE / at_once, halves = (ROWS + 1) / 2;
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP, sub = lane % LANES, slot = lane / LANES;
    uint32_t dim = a->kv.head_dim, inside = 8 * sub < dim;
    float q[4][8], acc[4][8], v[8];
    struct softmax soft[2];
    struct rows r;
    cuda_let_next();
    const int any = rows_of(a, ROWS, &r);
    if (any)
        ask_ahead(a, &r);
    cuda_wait_before();
    if (!any)
        return;
    if (a->own.k)
        place_rows(a, &r, acc_of);
    CUDA_UNROLL
    for (uint32_t i = 0; i < ROWS; i++) {
        const float *from = query_of(a, &r, i < r.n ? i : 0, acc_of) + 8 * sub;
        CUDA_UNROLL
        for (uint32_t d = 0; d < 8; d++) {
            q[i][d] = inside ? from[d] : 0.0f;
            acc[i][d] = 0.0f;
        }
    }
    if (a->own.k)
        __syncthreads(); /* sums of a warp that is done take the queries' place */
    CUDA_UNROLL
    for (uint32_t i = 0; i < halves; i++)
        begin_row(a, &r, 2 * i + lane / 16, &soft[i]);
    uint64_t keys_at = a->kv.keys_at + r.kv_head * a->kv.block_bytes;
    uint32_t page = r.page + warp;
    const char *block = page < r.end ? (const char *)r.pages[page] + keys_at : NULL;
    CUDA_ONCE
    for (; page < r.end; page += WARPS) {
        const char *next = page + WARPS < r.end ? (const char *)r.pages[page + WARPS] + keys_at : NULL;
        uint32_t left = r.most - page * CUDA_PAGE; /* positions of the page that hold something */
        float dots[4 * CUDA_PAGE];
        struct attend_page_eight x[CUDA_PAGE];
        CUDA_UNROLL
        for (uint32_t b = 0; b < steps; b += BATCH) {
            CUDA_UNROLL
            for (uint32_t i = 0; i < BATCH; i++) {
                uint32_t at = (b + i) * at_once + slot;
                attend_page_none(&x[i]);
                if (inside && at < left)
                    attend_page_read(KV, block, dim, at, 8 * sub, &x[i]);
            }
            CUDA_UNROLL
            for (uint32_t i = 0; i < BATCH; i++) {
                attend_page_values(KV, &x[i], v);
                CUDA_UNROLL
                for (uint32_t row = 0; row < ROWS; row++) {
                    float dot = q[row][0] * v[0];
                    CUDA_UNROLL
                    for (uint32_t d = 1; d < 8; d++)
                        dot = cuda_fma(q[row][d], v[d], dot);
                    dots[row * steps + b + i] = KV == CUDA_KV_Q8 ? dot * x[i].scale : dot;
                }
            }
        }
        if (steps == BATCH) { /* values are on their way while the scores come together */
            CUDA_UNROLL
            for (uint32_t i = 0; i < BATCH; i++) {
                uint32_t at = i * at_once + slot;
                attend_page_none(&x[i]);
                if (inside && at < left)
                    attend_page_read(KV, block + a->kv.values_at, dim, at, 8 * sub, &x[i]);
            }
        }
        apart_sum(dots, ROWS * steps, LANES, lane);
        const uint32_t own = ROWS * steps > LANES ? ROWS * steps / LANES : 1;
        uint32_t from = apart_held(ROWS * steps, LANES, lane);
        CUDA_UNROLL
        for (uint32_t j = 0; j < own; j++)
            score[warp][(from + j) / steps][(from + j) % steps * at_once + slot] = dots[j];
        __syncwarp();
        CUDA_UNROLL
        for (uint32_t i = 0; i < halves; i++) {
            uint32_t row = 2 * i + lane / 16, at = lane % 16;
            float s = -INFINITY, f;
            if (row < ROWS)
                s = score_of(a, score[warp][row][at], page * CUDA_PAGE + at, soft[i].at, soft[i].slope);
            s = take_score(s, &soft[i], &f);
            if (row < ROWS) {
                score[warp][row][at] = s;
                if (at == 0)
                    factor[warp][row] = f;
            }
        }
        __syncwarp();
        CUDA_UNROLL
        for (uint32_t row = 0; row < ROWS; row++) {
            float f = factor[warp][row];
            CUDA_UNROLL
            for (uint32_t d = 0; d < 8; d++)
                acc[row][d] *= f;
        }
        CUDA_UNROLL
        for (uint32_t b = 0; b < steps; b += BATCH) {
            CUDA_UNROLL
            for (uint32_t i = 0; i < BATCH && steps != BATCH; i++) {
                uint32_t at = (b + i) * at_once + slot;
                attend_page_none(&x[i]);
                if (inside && at < left)
                    attend_page_read(KV, block + a->kv.values_at, dim, at, 8 * sub, &x[i]);
            }
            CUDA_UNROLL
            for (uint32_t i = 0; i < BATCH; i++) {
                attend_page_values(KV, &x[i], v);
                CUDA_UNROLL
                for (uint32_t row = 0; row < ROWS; row++) {
                    float w = score[warp][row][(b + i) * at_once + slot];
                    w = KV == CUDA_KV_Q8 ? w * x[i].scale : w;
                    CUDA_UNROLL
                    for (uint32_t d = 0; d < 8; d++)
                        acc[row][d] = cuda_fma(w, v[d], acc[row][d]);
                }
            }
        }
        __syncwarp(); /* the next page's scores overwrite these */
        block = next;
    }
    CUDA_UNROLL
    for (uint32_t row = 0; row < ROWS; row++) {
        CUDA_UNROLL
        for (uint32_t d = 0; d < 8; d++) {
            CUDA_UNROLL
            for (uint32_t m = LANES; m < CUDA_WARP; m *= 2)
                acc[row][d] += __shfl_xor_sync(CUDA_ALL, acc[row][d], (int)m);
            if (slot == 0 && inside)
                acc_of[(warp * ROWS + row) * MOST_DIM + 8 * sub + d] = acc[row][d];
        }
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < halves; i++) {
        float sum = soft[i].sum;
        CUDA_UNROLL
        for (int m = 8; m > 0; m /= 2)
            sum += __shfl_xor_sync(CUDA_ALL, sum, m);
        uint32_t row = 2 * i + lane / 16;
        if (lane % 16 == 0 && row < ROWS) {
            merging[row].most[warp] = soft[i].most;
            merging[row].sum[warp] = sum;
        }
    }
    __syncthreads();
    merge_rows(a, &r, merging, acc_of, ROWS);
}

#define ATTEND(name, rows, lanes, kv, batch)                                                                           \
    CUDA_KERNEL(name, cuda_attend_args, THREADS)                                                                       \
    {                                                                                                                  \
        attend(&a, rows, lanes, kv, batch);                                                                            \
    }

ATTEND(cuda_attend_1_8_f32, 1, 8, CUDA_KV_F32, 4)
ATTEND(cuda_attend_1_8_bf16, 1, 8, CUDA_KV_BF16, 4)
ATTEND(cuda_attend_1_8_q8, 1, 8, CUDA_KV_Q8, 4)
ATTEND(cuda_attend_1_16_f32, 1, 16, CUDA_KV_F32, 4)
ATTEND(cuda_attend_1_16_bf16, 1, 16, CUDA_KV_BF16, 8)
ATTEND(cuda_attend_1_16_q8, 1, 16, CUDA_KV_Q8, 8)
ATTEND(cuda_attend_1_32_f32, 1, 32, CUDA_KV_F32, 4)
ATTEND(cuda_attend_1_32_bf16, 1, 32, CUDA_KV_BF16, 8)
ATTEND(cuda_attend_1_32_q8, 1, 32, CUDA_KV_Q8, 8)
ATTEND(cuda_attend_4_8_f32, 4, 8, CUDA_KV_F32, 4)
ATTEND(cuda_attend_4_8_bf16, 4, 8, CUDA_KV_BF16, 4)
ATTEND(cuda_attend_4_8_q8, 4, 8, CUDA_KV_Q8, 4)
ATTEND(cuda_attend_4_16_f32, 4, 16, CUDA_KV_F32, 4)
ATTEND(cuda_attend_4_16_bf16, 4, 16, CUDA_KV_BF16, 8)
ATTEND(cuda_attend_4_16_q8, 4, 16, CUDA_KV_Q8, 8)
ATTEND(cuda_attend_4_32_f32, 4, 32, CUDA_KV_F32, 4)
ATTEND(cuda_attend_4_32_bf16, 4, 32, CUDA_KV_BF16, 8)
ATTEND(cuda_attend_4_32_q8, 4, 32, CUDA_KV_Q8, 4)

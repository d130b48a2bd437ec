/* Attention over pages, for prefixes of any length and batches that mix one token with many.
 *
 * A block takes as many queries as its kernel has rows, of one head of keys and values (heads of one token, or of
 * several tokens of a span), and a split of their pages; its warps take pages in turn.  In a warp a position's head_dim
 * values lie over the kernel's lanes, eight each, so that 32 / lanes positions are in hand at once; a page's scores come
 * together by a butterfly that leaves each lane its own, and the softmax streams: a page at a time, with what came before rescaled.
 * (https://arxiv.org/abs/1805.02867, https://arxiv.org/abs/2307.08691)
 *
 * What a row comes to depends on its query, its pages and split_pages, not on the rows beside it. */
#include "cuda/apart.h"
#include "cuda/attend_page.h"
#include "cuda/attend_softmax.h"
#include "cuda/heads.h"

#define WARPS   4u
#define THREADS (WARPS * CUDA_WARP)
/* Values of shared memory that rows of 8 * lanes values take: a row of each warp, and no less than rows + 2. */
#define ROOM(rows, lanes) (WARPS * (rows)*8 * (lanes))

/* What a kernel is made for: its constants. */
struct made {
    uint32_t rows, lanes; /* of a block; that share a position */
    uint32_t kv, batch;   /* type of keys and values; turns that are read together, to stay in registers */
};

CUDA_INLINE uint32_t at_once(const struct made c) /* positions of a page in hand */
{
    return CUDA_WARP / c.lanes;
}

CUDA_INLINE uint32_t turns_of(const struct made c) /* through a page */
{
    return CUDA_PAGE / at_once(c);
}

CUDA_INLINE uint32_t width_of(const struct made c) /* of a row: eight values a lane */
{
    return 8 * c.lanes;
}

CUDA_INLINE uint32_t halves_of(const struct made c) /* of a warp, each with its rows' softmax */
{
    return (c.rows + 1) / 2;
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

CUDA_INLINE void begin_row(const struct cuda_attend_args *a, const struct attend_rows *r, uint32_t row,
                           struct attend_softmax *s)
{
    s->most = -INFINITY;
    s->sum = 0.0f;
    s->slope = 0.0f;
    s->at = r->most - 1;
    if (row >= r->n)
        return;
    s->at = attend_rows_position(r, row);
    s->slope = a->slope ? cuda_ahead_f32(&a->slope[attend_rows_head(r, row)]) : 0.0f;
}

/* What a warp has come to of each row, and the rows of a block's warps put together. */
struct merging {
    float most[WARPS], sum[WARPS];
};

/* Shared by a block's warps; score and factor by the lanes of each. */
struct together {
    float score[WARPS][4][CUDA_PAGE], factor[WARPS][4];
    struct merging merging[4];
    struct attend_rows rows; /* here, not in registers, while pages are taken */
};

CUDA_INLINE void merge_rows(const struct cuda_attend_args *a, const struct made c, const struct together *s,
                            const float *acc)
{
    const struct attend_rows *r = &s->rows;
    uint32_t dim = a->kv.head_dim;
    CUDA_ONCE
    for (uint32_t row = 0; row < r->n; row++) {
        const struct merging *own = &s->merging[row];
        const uint32_t token = attend_rows_token(r, row), head = attend_rows_head(r, row);
        float most = fmaxf(fmaxf(own->most[0], own->most[1]), fmaxf(own->most[2], own->most[3]));
        float f[WARPS], sum = 0.0f;
        CUDA_UNROLL
        for (uint32_t w = 0; w < WARPS; w++) {
            f[w] = attend_softmax_weight(own->most[w], most);
            sum = cuda_fma(f[w], own->sum[w], sum);
        }
        CUDA_ONCE
        for (uint32_t d = threadIdx.x; d < dim; d += THREADS) {
            float x = 0.0f;
            CUDA_UNROLL
            for (uint32_t w = 0; w < WARPS; w++)
                x = cuda_fma(f[w], acc[(w * c.rows + row) * width_of(c) + d], x);
            leave(a, token, head, d, a->n_splits == 1 ? x / sum : x);
        }
        if (a->n_splits > 1 && threadIdx.x == 0) {
            leave(a, token, head, dim, most);
            leave(a, token, head, dim + 1, sum);
        }
    }
}

CUDA_INLINE uint64_t keys_at(const struct cuda_attend_args *a, const struct attend_rows *r)
{
    return a->kv.keys_at + r->kv_head * a->kv.block_bytes;
}

/* The warp's first page, NULL: it has none; asks for its keys and values before the kernel in front has ended: what that
 * is still to write there is no matter, since nothing is read. */
CUDA_INLINE const char *ask_ahead(const struct cuda_attend_args *a, const struct attend_rows *r)
{
    uint32_t lane = threadIdx.x % CUDA_WARP, number = r->page + cuda_warp();
    if (number >= r->end)
        return NULL;
    const char *page = (const char *)cuda_ahead_pointer(&r->pages[number]), *keys = page + keys_at(a, r);
    for (uint32_t at = 128 * lane; at < a->kv.block_bytes; at += 128 * CUDA_WARP) {
        cuda_prefetch(keys + at);
        cuda_prefetch(keys + a->kv.values_at + at);
    }
    return page;
}

/* The block's queries into q, one every width_of(), and its token's key and value into the token's page if that is of
 * this split.  Blocks that share the head write the same bits there, and each reads its own. */
CUDA_INLINE void place_rows(const struct cuda_attend_args *a, const struct made c, const struct attend_rows *r,
                            const struct heads_turns *turns, float *q)
{
    const struct cuda_token t = { r->own, 0, r->most - 1, 0, 0 };
    uint32_t puts = t.own && r->end * CUDA_PAGE > t.position ? 2 : 0;
    for (uint32_t i = cuda_warp(); i < r->n + puts; i += WARPS) {
        uint32_t head = r->kv_head * r->group + r->from + i; /* of the block's one token */
        if (i >= r->n)
            head = a->n_heads + (i - r->n) * a->kv.n_kv_heads + r->kv_head;
        heads_make(&a->own, r->token, head, turns, q + i * width_of(c));
        if (i >= r->n)
            heads_put(&a->own, c.kv, head, &t, q + i * width_of(c));
    }
    __syncthreads();
}

/* Row i's query: as place_rows() has made it, or as it lies in memory. */
CUDA_INLINE const float *query_of(const struct cuda_attend_args *a, const struct made c, const struct attend_rows *r,
                                  uint32_t i, const float *placed)
{
    if (a->own.k)
        return placed + i * width_of(c);
    return a->q + (size_t)attend_rows_token(r, i) * a->q_stride + attend_rows_head(r, i) * a->kv.head_dim;
}

/* What a thread has in hand of its warp's rows, of q and of the sums its eight values, and of a page: keys, then values,
 * and its parts of the products with keys. */
struct hand {
    float q[4][8], acc[4][8];
    struct attend_softmax soft[2];
    struct attend_page_eight x[CUDA_PAGE];
    float dots[4 * CUDA_PAGE];
};

CUDA_INLINE void begin_queries(const struct cuda_attend_args *a, const struct made c, const struct attend_rows *r,
                               float *placed, struct hand *h)
{
    const uint32_t first = 8 * (threadIdx.x % CUDA_WARP % c.lanes);
    CUDA_UNROLL
    for (uint32_t i = 0; i < c.rows; i++) {
        const float *from = query_of(a, c, r, i < r->n ? i : 0, placed) + first;
        CUDA_UNROLL
        for (uint32_t d = 0; d < 8; d++) {
            h->q[i][d] = first < a->kv.head_dim ? from[d] : 0.0f;
            h->acc[i][d] = 0.0f;
        }
    }
    if (a->own.k)
        __syncthreads(); /* sums of a warp that is done take the queries' place */
}

/* What a warp takes of a page: the head's keys, or its values. */
struct taken {
    const char *block;
    uint32_t number, left; /* the page's in its path; so many of its positions, or more, hold something */
};

/* A batch of turns through the page, from turn b on. */
CUDA_INLINE void read_turns(const struct cuda_attend_args *a, const struct made c, const struct taken *p, uint32_t b,
                            struct hand *h)
{
    const uint32_t lane = threadIdx.x % CUDA_WARP, first = 8 * (lane % c.lanes);
    CUDA_UNROLL
    for (uint32_t i = 0; i < c.batch; i++) {
        uint32_t position = (b + i) * at_once(c) + lane / c.lanes;
        attend_page_none(&h->x[i]);
        if (first < a->kv.head_dim && position < p->left)
            attend_page_read(c.kv, p->block, a->kv.head_dim, position, first, &h->x[i]);
    }
}

/* A lane's part of each product of query and key: row by row, a turn each. */
CUDA_INLINE void multiply_keys(const struct cuda_attend_args *a, const struct made c, const struct taken *p,
                               struct hand *h)
{
    float v[8];
    CUDA_UNROLL
    for (uint32_t b = 0; b < turns_of(c); b += c.batch) {
        read_turns(a, c, p, b, h);
        CUDA_UNROLL
        for (uint32_t i = 0; i < c.batch; i++) {
            attend_page_values(c.kv, &h->x[i], v);
            CUDA_UNROLL
            for (uint32_t row = 0; row < c.rows; row++) {
                float dot = h->q[row][0] * v[0];
                CUDA_UNROLL
                for (uint32_t d = 1; d < 8; d++)
                    dot = cuda_fma(h->q[row][d], v[d], dot);
                h->dots[row * turns_of(c) + b + i] = c.kv == CUDA_KV_Q8 ? dot * h->x[i].scale : dot;
            }
        }
    }
}

/* Sums the lanes' parts, each score to where its row's are. */
CUDA_INLINE void share_scores(const struct made c, struct hand *h, struct together *s)
{
    const uint32_t n = c.rows * turns_of(c), own = n > c.lanes ? n / c.lanes : 1;
    uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP;
    apart_sum(h->dots, n, c.lanes, lane);
    uint32_t from = apart_held(n, c.lanes, lane);
    CUDA_UNROLL
    for (uint32_t j = 0; j < own; j++)
        s->score[warp][(from + j) / turns_of(c)][(from + j) % turns_of(c) * at_once(c) + lane / c.lanes] = h->dots[j];
    __syncwarp();
}

/* A page's scores become weights, and what the rows have come to is rescaled. */
CUDA_INLINE void take_scores(const struct cuda_attend_args *a, const struct made c, const struct taken *p,
                             struct hand *h, struct together *s)
{
    const uint32_t warp = threadIdx.x / CUDA_WARP, at = threadIdx.x % 16;
    CUDA_UNROLL
    for (uint32_t i = 0; i < halves_of(c); i++) {
        uint32_t row = 2 * i + threadIdx.x % CUDA_WARP / 16;
        float score = -INFINITY, f;
        if (row < c.rows)
            score = attend_softmax_score(a, s->score[warp][row][at], p->number * CUDA_PAGE + at, h->soft[i].at,
                                         h->soft[i].slope);
        score = attend_softmax_take(score, &h->soft[i], &f);
        if (row < c.rows) {
            s->score[warp][row][at] = score;
            if (at == 0)
                s->factor[warp][row] = f;
        }
    }
    __syncwarp();
    CUDA_UNROLL
    for (uint32_t row = 0; row < c.rows; row++) {
        float f = s->factor[warp][row];
        CUDA_UNROLL
        for (uint32_t d = 0; d < 8; d++)
            h->acc[row][d] *= f;
    }
}

CUDA_INLINE void add_values(const struct cuda_attend_args *a, const struct made c, const struct taken *p,
                            const struct together *s, struct hand *h)
{
    const uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP;
    float v[8];
    CUDA_ONCE
    for (uint32_t b = 0; b < turns_of(c); b += c.batch) {
        if (turns_of(c) != c.batch)
            read_turns(a, c, p, b, h);
        CUDA_UNROLL
        for (uint32_t i = 0; i < c.batch; i++) {
            attend_page_values(c.kv, &h->x[i], v);
            CUDA_UNROLL
            for (uint32_t row = 0; row < c.rows; row++) {
                float w = s->score[warp][row][(b + i) * at_once(c) + lane / c.lanes];
                w = c.kv == CUDA_KV_Q8 ? w * h->x[i].scale : w;
                CUDA_UNROLL
                for (uint32_t d = 0; d < 8; d++)
                    h->acc[row][d] = cuda_fma(w, v[d], h->acc[row][d]);
            }
        }
    }
}

CUDA_INLINE void take_page(const struct cuda_attend_args *a, const struct made c, const struct taken *p, struct hand *h,
                           struct together *s)
{
    const struct taken values = { p->block + a->kv.values_at, p->number, p->left };
    multiply_keys(a, c, p, h);
    if (turns_of(c) == c.batch) /* values are on their way while the scores come together */
        read_turns(a, c, &values, 0, h);
    share_scores(c, h, s);
    take_scores(a, c, p, h, s);
    add_values(a, c, &values, s, h);
    __syncwarp(); /* the next page's scores overwrite these */
}

/* What a warp has come to, summed over its lanes. */
CUDA_INLINE void leave_sums(const struct cuda_attend_args *a, const struct made c, struct hand *h, struct together *s,
                            float *acc)
{
    const uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP, first = 8 * (lane % c.lanes);
    CUDA_UNROLL
    for (uint32_t row = 0; row < c.rows; row++) {
        CUDA_UNROLL
        for (uint32_t d = 0; d < 8; d++) {
            CUDA_UNROLL
            for (uint32_t m = c.lanes; m < CUDA_WARP; m *= 2)
                h->acc[row][d] += __shfl_xor_sync(CUDA_ALL, h->acc[row][d], (int)m);
            if (lane < c.lanes && first < a->kv.head_dim)
                acc[(warp * c.rows + row) * width_of(c) + first + d] = h->acc[row][d];
        }
    }
    CUDA_UNROLL
    for (uint32_t i = 0; i < halves_of(c); i++) {
        float sum = h->soft[i].sum;
        CUDA_UNROLL
        for (int m = 8; m > 0; m /= 2)
            sum += __shfl_xor_sync(CUDA_ALL, sum, m);
        uint32_t row = 2 * i + lane / 16;
        if (lane % 16 == 0 && row < c.rows) {
            s->merging[row].most[warp] = h->soft[i].most;
            s->merging[row].sum[warp] = sum;
        }
    }
    __syncthreads();
}

/* acc: shared, room for ROOM() values: the block's queries, key and value, if it makes them, then sums of its warps. */
CUDA_INLINE void attend(const struct cuda_attend_args *a, const struct made c, float *acc)
{
    CUDA_SHARED struct together s;
    struct attend_rows r;
    struct heads_turns turns;
    struct hand h;
    cuda_let_next();
    if (!attend_rows_of(a, c.rows, &r)) {
        cuda_wait_before();
        return;
    }
    heads_turns(&a->own, r.most - 1, &turns);
    CUDA_UNROLL
    for (uint32_t i = 0; i < halves_of(c); i++)
        begin_row(a, &r, 2 * i + threadIdx.x % CUDA_WARP / 16, &h.soft[i]);
    const char *page = ask_ahead(a, &r);
    cuda_wait_before();
    if (a->own.k)
        place_rows(a, c, &r, &turns, acc);
    begin_queries(a, c, &r, acc, &h);
    if (threadIdx.x == 0)
        s.rows = r;
    CUDA_ONCE
    for (uint32_t i = r.page + cuda_warp(); i < r.end; i += WARPS) {
        const char *next = i + WARPS < r.end ? (const char *)r.pages[i + WARPS] : NULL;
        const struct taken keys = { page + keys_at(a, &r), i, r.most - i * CUDA_PAGE };
        take_page(a, c, &keys, &h, &s);
        page = next;
    }
    leave_sums(a, c, &h, &s, acc);
    merge_rows(a, c, &s, acc);
}

/* blocks: that a multiprocessor must have registers for, where what the compiler chooses by itself spills; or 0. */
#define ATTEND(name, rows, lanes, kv, batch, blocks)                                                                   \
    CUDA_KERNEL_OF(name, cuda_attend_args, THREADS, blocks)                                                            \
    {                                                                                                                  \
        CUDA_SHARED float acc[ROOM(rows, lanes)];                                                                      \
        const struct made c = { rows, lanes, kv, batch };                                                              \
        attend(&a, c, acc);                                                                                            \
    }

ATTEND(cuda_attend_1_8_bf16, 1, 8, CUDA_KV_BF16, 4, 0)
ATTEND(cuda_attend_1_8_q8, 1, 8, CUDA_KV_Q8, 4, 0)
ATTEND(cuda_attend_1_16_bf16, 1, 16, CUDA_KV_BF16, 8, 0)
ATTEND(cuda_attend_1_16_q8, 1, 16, CUDA_KV_Q8, 8, 0)
ATTEND(cuda_attend_1_32_bf16, 1, 32, CUDA_KV_BF16, 8, 4)
ATTEND(cuda_attend_1_32_q8, 1, 32, CUDA_KV_Q8, 8, 4)
ATTEND(cuda_attend_4_8_f32, 4, 8, CUDA_KV_F32, 4, 0)
ATTEND(cuda_attend_4_8_bf16, 4, 8, CUDA_KV_BF16, 4, 0)
ATTEND(cuda_attend_4_8_q8, 4, 8, CUDA_KV_Q8, 4, 0)
ATTEND(cuda_attend_4_16_f32, 4, 16, CUDA_KV_F32, 4, 3)
ATTEND(cuda_attend_4_16_bf16, 4, 16, CUDA_KV_BF16, 8, 3)
ATTEND(cuda_attend_4_16_q8, 4, 16, CUDA_KV_Q8, 8, 0)
ATTEND(cuda_attend_4_32_f32, 4, 32, CUDA_KV_F32, 4, 0)
ATTEND(cuda_attend_4_32_bf16, 4, 32, CUDA_KV_BF16, 8, 0)
ATTEND(cuda_attend_4_32_q8, 4, 32, CUDA_KV_Q8, 4, 0)

/* What a block of attention has to do: its rows, the positions that they see, its split of their pages. */
#ifndef CUDA_ATTEND_ROWS_H
#define CUDA_ATTEND_ROWS_H

#include "cuda/kernels.h"

/* The rows of one block. */
struct attend_rows {
    uint32_t token, n, kv_head; /* row i < n is head i % group of token + i / group, counted from `from` */
    uint32_t from, group;
    uint32_t most, least; /* positions that are seen: those below most, none below least */
    uint32_t page, end;   /* of this split */
    const void *const *pages;
    void *own; /* of the batch's one token: the page that takes its key and value, or NULL */
};

/* Of a row of the block: its token in the batch, its head among all of the token's queries. */
CUDA_INLINE uint32_t attend_rows_token(const struct attend_rows *r, uint32_t row)
{
    return r->token + (r->from + row) / r->group;
}

CUDA_INLINE uint32_t attend_rows_head(const struct attend_rows *r, uint32_t row)
{
    return r->kv_head * r->group + (r->from + row) % r->group;
}

/* Of a row's token: those of a span follow each other. */
CUDA_INLINE uint32_t attend_rows_position(const struct attend_rows *r, uint32_t row)
{
    return r->most - 1 - (attend_rows_token(r, r->n - 1) - attend_rows_token(r, row));
}

/* The first position that a token at `position` sees through the model's window. */
CUDA_INLINE uint32_t attend_rows_first(const struct cuda_attend_args *a, uint32_t position)
{
    return a->window > 0 && position + 1 > a->window ? position + 1 - a->window : 0;
}

/* False: there is nothing to do for this block.  What a batch is told in was sent before its first kernel began. */
CUDA_INLINE int attend_rows_of(const struct cuda_attend_args *a, uint32_t most_rows, struct attend_rows *r)
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
    const struct cuda_token *last = &a->tokens[attend_rows_token(r, r->n - 1)];
    r->most = cuda_ahead_u32(&last->position) + 1;
    r->pages = a->pages + cuda_ahead_u32(&last->pages);
    r->own = a->own.k ? cuda_ahead_pointer(&last->own) : NULL;
    r->least = attend_rows_first(a, attend_rows_position(r, 0));
    page = r->least / CUDA_PAGE;
    r->page = blockIdx.y * a->split_pages;
    r->end = r->page + a->split_pages;
    r->page = r->page > page ? r->page : page;
    page = (r->most + CUDA_PAGE - 1) / CUDA_PAGE;
    r->end = r->end < page ? r->end : page;
    return r->page < r->end;
}

#endif

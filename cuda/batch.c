#include "cuda/batch.h"
#include <stdlib.h>
#include <string.h>

struct batch_path {
    const void *const *pages; /* the program's list; NULL: empty */
    uint32_t n, at;           /* the longest that a token needs; where it lies in the table */
};

/* Where each array starts in the block. */
struct places {
    uint64_t tokens, spans, index, copies, pages, bytes;
};

static uint64_t add(uint64_t *at, uint64_t bytes)
{
    uint64_t here = *at;
    *at += (bytes + 255) / 256 * 256;
    return here;
}

static struct places lay(uint32_t max_tokens, uint64_t rows, uint64_t copies, uint64_t pages)
{
    struct places p;
    uint64_t at = 0;
    p.tokens = add(&at, max_tokens * sizeof(struct cuda_token));
    p.spans = add(&at, max_tokens * sizeof(struct cuda_span));
    p.index = add(&at, rows * sizeof(uint32_t));
    p.copies = add(&at, copies * sizeof(struct cuda_copy));
    p.pages = add(&at, pages * sizeof(void *));
    p.bytes = at;
    return p;
}

uint64_t batch_bytes(uint32_t max_tokens)
{
    return lay(max_tokens, max_tokens, max_tokens, (uint64_t)max_tokens * 64).bytes;
}

static void drop(struct batch *b)
{
    cudaFree(b->there);
    cudaFreeHost(b->host);
    b->there = b->host = NULL;
    b->rows_cap = b->copies_cap = b->pages_cap = 0;
}

/* Room for so many of each; contents are lost.  Without memory there is room for none, so that less may be asked for
 * next. */
static int reserve(struct batch *b, uint64_t rows, uint64_t copies, uint64_t pages, struct device_error *error)
{
    if (b->host && rows <= b->rows_cap && copies <= b->copies_cap && pages <= b->pages_cap)
        return DEVICE_OK;
    rows = rows > b->rows_cap ? rows : b->rows_cap;
    copies = copies > b->copies_cap ? copies : b->copies_cap;
    pages = pages > b->pages_cap ? 2 * pages : b->pages_cap;
    struct places p = lay(b->max_tokens, rows, copies, pages);
    drop(b);
    b->moved++;
    CARD_TRY(card_ok(b->c, cudaMalloc((void **)&b->there, p.bytes), "memory for a batch", error));
    CARD_TRY(card_ok(b->c, cudaHostAlloc((void **)&b->host, p.bytes, cudaHostAllocDefault), "pinned memory for a batch",
                     error));
    b->bytes = p.bytes;
    b->rows_cap = rows;
    b->copies_cap = copies;
    b->pages_cap = pages;
    b->tokens = (struct cuda_token *)(void *)(b->there + p.tokens);
    b->spans = (struct cuda_span *)(void *)(b->there + p.spans);
    b->index = (uint32_t *)(void *)(b->there + p.index);
    b->copies = (struct cuda_copy *)(void *)(b->there + p.copies);
    b->pages = (const void **)(void *)(b->there + p.pages);
    return DEVICE_OK;
}

int batch_open(struct device_context *c, uint32_t max_tokens, struct batch **out, struct device_error *error)
{
    struct batch *b = *out = calloc(1, sizeof *b);
    uint32_t cap = 2;
    while (cap < 2 * max_tokens)
        cap *= 2;
    if (b)
        b->paths = calloc(cap, sizeof *b->paths);
    if (!b || !b->paths)
        return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory for a batch");
    b->c = c;
    b->max_tokens = max_tokens;
    b->paths_cap = cap;
    return reserve(b, max_tokens, max_tokens, (uint64_t)max_tokens * 32, error);
}

void batch_close(struct batch *b)
{
    if (!b)
        return;
    drop(b);
    free(b->order);
    free(b->paths);
    free(b);
}

static struct batch_path *path_of(struct batch *b, const void *const *pages)
{
    uint64_t h = ((uint64_t)(uintptr_t)pages >> 3) * 0x9e3779b97f4a7c15u;
    uint32_t i = (uint32_t)(h >> 32) & (b->paths_cap - 1);
    while (b->paths[i].pages && b->paths[i].pages != pages)
        i = (i + 1) & (b->paths_cap - 1);
    b->paths[i].pages = pages;
    return &b->paths[i];
}

/* How long each path's list must be; where it will lie.  The number of pages of all. */
static uint64_t count_pages(struct batch *b, const struct device_batch *d)
{
    uint64_t n = 0;
    memset(b->paths, 0, b->paths_cap * sizeof *b->paths);
    for (uint64_t i = 0; i < d->n_tokens; i++) {
        const struct device_token *t = &d->tokens[i];
        struct batch_path *p = path_of(b, t->pages);
        uint32_t want = t->position / DEVICE_PAGE + 1;
        p->n = want > p->n ? want : p->n;
    }
    for (uint32_t i = 0; i < b->paths_cap; i++) {
        b->paths[i].at = (uint32_t)n;
        n += b->paths[i].n;
    }
    return n;
}

static void *host_of(const struct batch *b, const void *there)
{
    return b->host + ((const char *)there - b->there);
}

static void fill_tokens(struct batch *b, const struct device_batch *d)
{
    struct cuda_token *to = host_of(b, b->tokens);
    const void **pages = host_of(b, b->pages);
    b->most_positions = 0;
    for (uint64_t i = 0; i < d->n_tokens; i++) {
        const struct device_token *t = &d->tokens[i];
        memset(&to[i], 0, sizeof to[i]);
        to[i].own = t->own;
        to[i].symbol = t->symbol;
        to[i].position = t->position;
        to[i].pages = path_of(b, t->pages)->at;
        b->most_positions = t->position >= b->most_positions ? t->position + 1 : b->most_positions;
    }
    for (uint32_t i = 0; i < b->paths_cap; i++)
        if (b->paths[i].pages)
            memcpy(pages + b->paths[i].at, b->paths[i].pages, b->paths[i].n * sizeof *pages);
}

/* The full tokens' spans come first: those of one that crosses over are two. */
static void fill_spans(struct batch *b, const struct device_batch *d, enum batch_spans spans)
{
    struct cuda_span *to = host_of(b, b->spans);
    b->n_spans = b->n_full_spans = b->most_tokens = 0;
    for (uint64_t i = 0; i < d->n_tokens; i++) {
        const struct device_token *t = &d->tokens[i], *before = i > 0 ? t - 1 : NULL;
        int joins = spans == BATCH_JOINED && before && i != d->n_full && before->pages == t->pages &&
                    before->position + 1 == t->position;
        if (!joins)
            to[b->n_spans++] = (struct cuda_span){ (uint32_t)i, 0 };
        struct cuda_span *s = &to[b->n_spans - 1];
        s->n++;
        b->n_full_spans = i < d->n_full ? b->n_spans : b->n_full_spans;
        b->most_tokens = s->n > b->most_tokens ? s->n : b->most_tokens;
    }
}

static void fill_copies(struct batch *b, const struct device_batch *d)
{
    struct cuda_copy *to = host_of(b, b->copies);
    for (uint64_t i = 0; i < d->n_copies; i++)
        to[i] = (struct cuda_copy){ d->copies[i].from, d->copies[i].to, d->copies[i].n };
}

static int before(const struct device_row *a, const struct device_row *b)
{
    return a->after != b->after ? a->after < b->after : a->tap > b->tap;
}

/* Sorted by insertion: rows come in that order but for taps, which are rare and few. */
static int fill_rows(struct batch *b, const struct device_batch *d, struct device_error *error)
{
    uint32_t *to = host_of(b, b->index);
    if (d->n_rows > b->order_cap) {
        uint64_t *more = realloc(b->order, 2 * d->n_rows * sizeof *more);
        if (!more)
            return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory for a batch");
        b->order = more;
        b->order_cap = 2 * d->n_rows;
    }
    for (uint64_t i = 0; i < d->n_rows; i++) {
        uint64_t at = i;
        for (; at > 0 && before(&d->rows[i], &d->rows[b->order[at - 1]]); at--)
            b->order[at] = b->order[at - 1];
        b->order[at] = i;
    }
    for (uint64_t i = 0; i < d->n_rows; i++)
        to[i] = (uint32_t)d->rows[b->order[i]].token;
    return DEVICE_OK;
}

int batch_send(struct batch *b, const struct device_batch *d, enum batch_spans spans, struct device_error *error)
{
    uint64_t n_pages = count_pages(b, d);
    CARD_TRY(reserve(b, d->n_rows, d->n_copies, n_pages, error));
    fill_tokens(b, d);
    fill_spans(b, d, spans);
    fill_copies(b, d);
    CARD_TRY(fill_rows(b, d, error));
    uint64_t used = (uint64_t)((const char *)(b->pages + n_pages) - b->there);
    return card_ok(b->c, cudaMemcpyAsync(b->there, b->host, used, cudaMemcpyHostToDevice, b->c->stream),
                   "sending a batch", error);
}

const struct device_row *batch_row(const struct batch *b, const struct device_batch *d, uint64_t i)
{
    return &d->rows[b->order[i]];
}

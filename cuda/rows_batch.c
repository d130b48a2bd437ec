#include "cuda/rows_batch.h"
#include <stdlib.h>
#include <string.h>

#define ALIGN 256u

/* Memory that grows, on the card and, where the host reads or writes it, pinned beside it. */
struct buffer {
    void *card, *host;
    size_t cap;
};

/* Scratch of the rounds; no step of a run that is no longer than those before it allocates. */
struct device_rows {
    struct device_context *card;
    uint32_t n;
    struct buffer asked, told; /* up and down */
    struct buffer spare, kept; /* on the card alone */
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static void buffer_free(struct buffer *b)
{
    cudaFree(b->card);
    cudaFreeHost(b->host);
    memset(b, 0, sizeof *b);
}

static int buffer_card(struct device_context *c, struct buffer *b, size_t need, struct device_error *error)
{
    if (need <= b->cap)
        return DEVICE_OK;
    size_t cap = need > 2 * b->cap ? need : 2 * b->cap;
    buffer_free(b);
    int rc = card_ok(c, cudaMalloc(&b->card, cap), "room for decisions", error);
    if (rc == DEVICE_NO_MEMORY && cap > need) {
        cap = need;
        rc = card_ok(c, cudaMalloc(&b->card, cap), "room for decisions", error);
    }
    b->cap = rc == DEVICE_OK ? cap : 0;
    return rc;
}

static int buffer_both(struct device_context *c, struct buffer *b, size_t need, struct device_error *error)
{
    if (need <= b->cap)
        return DEVICE_OK;
    CARD_TRY(buffer_card(c, b, need, error));
    int rc = card_ok(c, cudaHostAlloc(&b->host, b->cap, cudaHostAllocDefault), "room for decisions", error);
    if (rc != DEVICE_OK)
        buffer_free(b);
    return rc;
}

int rows_batch_open(struct device_context *c, uint32_t n, struct device_rows **out, struct device_error *error)
{
    *out = NULL;
    CARD_TRY(card_enter(c, error));
    struct device_rows *r = calloc(1, sizeof *r);
    if (!r)
        return card_say(DEVICE_NO_MEMORY, error, "room for decisions: the host is out of memory");
    r->card = c;
    r->n = n;
    *out = r;
    return DEVICE_OK;
}

void rows_batch_close(struct device_rows *r)
{
    if (!r)
        return;
    cudaSetDevice((int)r->card->ordinal);
    cudaStreamSynchronize(r->card->stream);
    buffer_free(&r->asked);
    buffer_free(&r->told);
    buffer_free(&r->spare);
    buffer_free(&r->kept);
    free(r);
}

/* Where the parts of what goes up or down lie in their buffer. */
struct parts {
    size_t at[6], bytes;
};

static void part(struct parts *p, int i, size_t n, size_t size)
{
    p->at[i] = p->bytes;
    p->bytes += aligned(n * size);
}

/* A part on the card, filled from the host. */
static void *fill(struct buffer *b, size_t at, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy((char *)b->host + at, from, bytes);
    return (char *)b->card + at;
}

static void *place(const struct buffer *b, size_t at)
{
    return (char *)b->card + at;
}

static int go_up(struct device_rows *r, size_t bytes, struct device_error *error)
{
    cudaError_t e = cudaMemcpyAsync(r->asked.card, r->asked.host, bytes, cudaMemcpyHostToDevice, r->card->stream);
    return card_ok(r->card, e, "asking for decisions", error);
}

static int come_down(struct device_rows *r, int launched, size_t bytes, struct device_error *error)
{
    if (launched != DEVICE_OK) { /* what went up may still be read from where the next call writes */
        CARD_TRY(card_wait(r->card, "what was given of decisions", error));
        return launched;
    }
    cudaError_t e = cudaMemcpyAsync(r->told.host, r->told.card, bytes, cudaMemcpyDeviceToHost, r->card->stream);
    CARD_TRY(card_ok(r->card, e, "reading decisions", error));
    return card_wait(r->card, "reading decisions", error);
}

int rows_batch_measure(struct device_rows *r, void *const rows[], uint64_t n_rows, struct device_measured out[],
                       struct device_error *error)
{
    size_t up = n_rows * sizeof *rows, down = n_rows * sizeof *out;
    if (n_rows == 0)
        return DEVICE_OK;
    CARD_TRY(card_enter(r->card, error));
    CARD_TRY(buffer_both(r->card, &r->asked, up, error));
    CARD_TRY(buffer_both(r->card, &r->told, down, error));
    struct rows_measure_args a = { .row = fill(&r->asked, 0, rows, up), .told = r->told.card, .n = r->n };
    CARD_TRY(go_up(r, up, error));
    int rc = card_ok(r->card, rows_launch_measure(&a, (uint32_t)n_rows, r->card->stream), "measuring rows", error);
    CARD_TRY(come_down(r, rc, down, error));
    memcpy(out, r->told.host, down);
    return DEVICE_OK;
}

/* Whether a program changes single scores, for which the row is copied. */
static int changes(const struct device_decisions *d, const struct device_decision *item)
{
    for (uint32_t i = 0; i < item->n_steps; i++)
        if (d->steps[item->first_step + i].kind >= DEVICE_REPEAT)
            return 1;
    return 0;
}

/* A spare row for each program that needs one, written to where they are asked for. */
static int spare_rows(struct device_rows *r, const struct device_decisions *d, void **spare, struct device_error *error)
{
    size_t n = 0, bytes = rows_bytes(r->n);
    for (uint64_t i = 0; i < d->n_items; i++)
        n += (size_t)changes(d, &d->items[i]);
    CARD_TRY(buffer_card(r->card, &r->spare, n * bytes, error));
    size_t at = 0;
    for (uint64_t i = 0; i < d->n_items; i++)
        spare[i] = changes(d, &d->items[i]) ? (char *)r->spare.card + bytes * at++ : NULL;
    return DEVICE_OK;
}

enum asked { POOLS, ITEMS, STEPS, SYMBOLS, VALUES, SPARES };
enum told { DECIDED, POOLED, APART };

static struct parts parts_asked(const struct device_decisions *d)
{
    struct parts p = { { 0 }, 0 };
    part(&p, POOLS, d->n_pools, sizeof *d->pools);
    part(&p, ITEMS, d->n_items, sizeof *d->items);
    part(&p, STEPS, d->n_steps, sizeof *d->steps);
    part(&p, SYMBOLS, d->n_listed, sizeof *d->symbols);
    part(&p, VALUES, d->n_listed, sizeof *d->values);
    part(&p, SPARES, d->n_items, sizeof(void *));
    return p;
}

static struct parts parts_told(const struct device_decisions *d)
{
    struct parts p = { { 0 }, 0 };
    part(&p, DECIDED, d->n_items, sizeof(struct device_decided));
    part(&p, POOLED, d->n_pools, sizeof(struct device_measured));
    part(&p, APART, d->n_pools, sizeof(struct device_apart));
    return p;
}

static int launch(struct device_rows *r, const struct device_decisions *d, const struct parts *up,
                  const struct parts *down, struct device_error *error)
{
    struct rows_pool_args pool = { .pool = place(&r->asked, up->at[POOLS]),
                                   .apart = place(&r->told, down->at[APART]),
                                   .told = place(&r->told, down->at[POOLED]),
                                   .n = r->n };
    struct rows_decide_args decide = { .item = place(&r->asked, up->at[ITEMS]),
                                       .step = place(&r->asked, up->at[STEPS]),
                                       .pool = pool.pool,
                                       .symbol = place(&r->asked, up->at[SYMBOLS]),
                                       .value = place(&r->asked, up->at[VALUES]),
                                       .kept = r->kept.card,
                                       .spare = place(&r->asked, up->at[SPARES]),
                                       .decided = place(&r->told, down->at[DECIDED]),
                                       .n = r->n };
    cudaStream_t s = r->card->stream;
    CARD_TRY(card_ok(r->card, rows_launch_pool(&pool, (uint32_t)d->n_pools, s), "pooling rows", error));
    return card_ok(r->card, rows_launch_decide(&decide, (uint32_t)d->n_items, s), "deciding", error);
}

static void copy_part(const struct device_rows *r, size_t at, void *to, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, (const char *)r->told.host + at, bytes);
}

int rows_batch_decide(struct device_rows *r, const struct device_decisions *d, const struct device_answers *out,
                      struct device_error *error)
{
    struct parts up = parts_asked(d), down = parts_told(d);
    if (d->n_pools == 0 && d->n_items == 0)
        return DEVICE_OK;
    CARD_TRY(card_enter(r->card, error));
    CARD_TRY(buffer_both(r->card, &r->asked, up.bytes, error));
    CARD_TRY(buffer_both(r->card, &r->told, down.bytes, error));
    CARD_TRY(buffer_card(r->card, &r->kept, d->n_listed * sizeof(float), error));
    CARD_TRY(spare_rows(r, d, (void **)(void *)((char *)r->asked.host + up.at[SPARES]), error));
    fill(&r->asked, up.at[POOLS], d->pools, d->n_pools * sizeof *d->pools);
    fill(&r->asked, up.at[ITEMS], d->items, d->n_items * sizeof *d->items);
    fill(&r->asked, up.at[STEPS], d->steps, d->n_steps * sizeof *d->steps);
    fill(&r->asked, up.at[SYMBOLS], d->symbols, d->n_listed * sizeof *d->symbols);
    fill(&r->asked, up.at[VALUES], d->values, d->n_listed * sizeof *d->values);
    CARD_TRY(go_up(r, up.bytes, error));
    CARD_TRY(come_down(r, launch(r, d, &up, &down, error), down.bytes, error));
    copy_part(r, down.at[DECIDED], out->decided, d->n_items * sizeof *out->decided);
    copy_part(r, down.at[POOLED], out->pooled, d->n_pools * sizeof *out->pooled);
    copy_part(r, down.at[APART], out->apart, d->n_pools * sizeof *out->apart);
    return DEVICE_OK;
}

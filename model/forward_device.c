#include "model/forward_device.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/device_spec.h"
#include "model/device_try.h"
#include "model/lm.h"
#include "model/rope.h"
#include <stdlib.h>

struct forward_there {
    struct forward_parts p;
    struct device *device;
    struct device_model *model;
    struct rope *rope[DEVICE_TABLES];
    size_t there[DEVICE_TABLES]; /* positions of the tables on the device */
    struct device_token *tokens; /* (max_tokens,) */
    struct device_row *rows;
    size_t rows_cap;
    struct device_copy *copies;
    size_t copies_cap;
};

struct device_pages {
    struct device *device;
    struct device_pool *pool; /* NULL: none */
    size_t bytes;             /* of a page */
};

static void *take_page(void *ctx, size_t bytes)
{
    struct device_pages *p = ctx;
    struct device *d = p->device;
    void *page = p->pool ? d->api->pool_take(p->pool) : NULL;
    struct device_error e;
    struct device_info info;
    if (page)
        return page;
    int rc = d->api->info(d->context, &info, &e); /* there may be more amiss than memory */
    if (rc == DEVICE_OK)
        err_set(ERR_MEMORY, "device %s: no memory for a page of keys and values more (%zu bytes)", d->name, bytes);
    else
        device_fail(d, rc, &e);
    return NULL;
}

static void give_page(void *ctx, void *page)
{
    struct device_pages *p = ctx;
    p->device->api->pool_give(p->pool, page);
}

struct device_pages *device_pages_open(struct device *d, size_t page_bytes)
{
    struct device_pages *p = mem_alloc(1, sizeof *p);
    struct device_error e = { 0 };
    p->device = d;
    p->bytes = page_bytes;
    int rc = d->api->pool_open(d->context, page_bytes, &p->pool, &e);
    if (rc != DEVICE_OK) {
        device_fail(d, rc, &e);
        free(p);
        return NULL;
    }
    return p;
}

void device_pages_close(struct device_pages *p)
{
    if (!p)
        return;
    if (p->pool)
        p->device->api->pool_close(p->pool);
    free(p);
}

void device_pages_empty(struct device_pages *p)
{
    struct device_error e = { 0 };
    if (p->pool)
        p->device->api->pool_close(p->pool);
    p->pool = NULL;
    p->device->api->pool_open(p->device->context, p->bytes, &p->pool, &e);
}

struct kv_memory device_pages_memory(struct device_pages *p)
{
    return (struct kv_memory){ take_page, give_page, p };
}

static struct device_need need_of(const struct forward_parts *parts)
{
    struct device_spec_parts spec;
    struct device_need need = { 0 };
    device_spec_fill(&spec, parts);
    parts->device->api->model_need(&spec.spec, &need);
    device_spec_free(&spec);
    return need;
}

/* What a grid of a device may have in rows: those of a token, each of its experts' choices one. */
#define GRID 65535u

static size_t most_tokens(const struct config *c)
{
    return c->n_chosen > GRID ? 1 : GRID / (c->n_chosen > 0 ? c->n_chosen : 1);
}

int forward_device_plan(struct forward_parts *parts, const struct device_ask *ask, struct device_plan *plan)
{
    struct device *d = parts->device;
    struct device_ask now = *ask;
    struct device_error e = { 0 };
    struct device_info info;
    int rc = d->api->info(d->context, &info, &e);
    if (rc != DEVICE_OK)
        return device_fail(d, rc, &e);
    now.free = info.free;
    if (parts->max_tokens > most_tokens(&parts->checkpoint->config))
        parts->max_tokens = most_tokens(&parts->checkpoint->config);
    for (;; parts->max_tokens /= 2) {
        struct device_need need = need_of(parts);
        rc = device_plan_make(&now, &need, plan);
        if (rc == 0 || parts->max_tokens == 1)
            return rc;
    }
}

/* Tables of rotary positions as far as a batch reaches: the context limit is a number from a file. */
static int reserve(struct forward_there *f, size_t n_positions, struct device_error *e)
{
    for (uint32_t i = 0; i < DEVICE_TABLES; i++) {
        if (!f->rope[i] || n_positions <= f->there[i])
            continue;
        size_t n = 2 * f->there[i] > n_positions ? 2 * f->there[i] : n_positions;
        rope_reserve(f->rope[i], n);
        int rc = f->device->api->model_table(f->model, i, n, (const float *[]){ f->rope[i]->cos, f->rope[i]->sin }, e);
        if (rc != DEVICE_OK)
            return rc;
        f->there[i] = n;
    }
    return DEVICE_OK;
}

static struct device_row row_there(const struct forward_there *f, const struct forward_row *r)
{
    uint32_t n_layers = f->p.checkpoint->config.n_layers;
    bool last = r->tap == LM_TAP_FINAL || r->tap == LM_TAP_HIDDEN;
    return (struct device_row){ .token = r->token,
                                .after = last ? n_layers : r->tap,
                                .tap = r->tap == LM_TAP_HIDDEN ? DEVICE_HIDDEN : DEVICE_SCORES,
                                .host = r->out,
                                .device = r->there };
}

static size_t carry_over(struct forward_there *f, const struct forward_batch *b)
{
    size_t reach = 0;
    mem_grow(&f->rows, &f->rows_cap, b->n_rows, sizeof *f->rows);
    mem_grow(&f->copies, &f->copies_cap, b->n_copies, sizeof *f->copies);
    for (size_t i = 0; i < b->n_tokens; i++) {
        const struct forward_token *t = &b->tokens[i];
        f->tokens[i] = (struct device_token){ t->symbol, t->position, t->pages, t->own };
        reach = t->position > reach ? t->position : reach;
    }
    for (size_t i = 0; i < b->n_rows; i++)
        f->rows[i] = row_there(f, &b->rows[i]);
    for (size_t i = 0; i < b->n_copies; i++)
        f->copies[i] = (struct device_copy){ b->copies[i].from, b->copies[i].to, b->copies[i].n };
    return reach + 1;
}

static int fail(const struct forward_there *f, int rc, const struct device_error *e)
{
    if (rc == DEVICE_NUMBERS)
        return weights_blame(f->p.checkpoint, e->layer);
    device_fail(f->device, rc, e);
    return rc == DEVICE_NO_MEMORY ? FORWARD_LESS : ERR_MEMORY;
}

static int there_run(void *self, const struct forward_batch *b)
{
    struct forward_there *f = self;
    struct device_error e = { 0 };
    int rc = reserve(f, carry_over(f, b), &e);
    struct device_batch batch = { .tokens = f->tokens,
                                  .rows = f->rows,
                                  .copies = f->copies,
                                  .n_tokens = b->n_tokens,
                                  .n_full = b->n_full,
                                  .n_rows = b->n_rows,
                                  .n_copies = b->n_copies };
    if (rc == DEVICE_OK)
        rc = f->device->api->model_run(f->model, &batch, &e);
    return rc == DEVICE_OK ? 0 : fail(f, rc, &e);
}

static void there_free(void *self)
{
    struct forward_there *f = self;
    if (f->model)
        f->device->api->model_close(f->model);
    for (size_t i = 0; i < DEVICE_TABLES; i++)
        rope_free(f->rope[i]);
    free(f->tokens);
    free(f->rows);
    free(f->copies);
    free(f);
}

static int open_model(struct forward_there *f)
{
    struct device_spec_parts spec;
    struct device_error e = { 0 };
    device_spec_fill(&spec, &f->p);
    spec.spec.n_turning = f->rope[0] ? (uint32_t)f->rope[0]->half : 0;
    int rc = f->device->api->model_open(f->device->context, &spec.spec, &f->model, &e);
    device_spec_free(&spec);
    return rc == DEVICE_OK ? 0 : device_fail(f->device, rc, &e);
}

static int there_open(const struct forward_parts *p, void **self)
{
    struct forward_there *f = mem_alloc(1, sizeof *f);
    const struct config *c = &p->checkpoint->config;
    f->p = *p;
    f->device = p->device;
    f->tokens = mem_alloc(p->max_tokens, sizeof *f->tokens);
    if (architecture_of(c)->positions == POSITIONS_ROPE) {
        f->rope[0] = rope_alloc(c, p->planned);
        f->rope[1] = c->local_theta > 0 ? rope_alloc_local(c) : NULL;
    }
    int rc = open_model(f);
    struct device_error e = { 0 };
    if (rc == 0 && reserve(f, DEVICE_TRY_TOKENS, &e) != DEVICE_OK)
        rc = device_fail(f->device, DEVICE_NO_MEMORY, &e);
    if (rc == 0)
        rc = device_try(f->device, f->model, p);
    if (rc < 0) {
        there_free(f);
        return rc;
    }
    *self = f;
    return 0;
}

/* Of this machine's memory. */
static size_t there_token_bytes(const struct config *c)
{
    (void)c;
    return sizeof(struct device_token);
}

const struct forward_type forward_device = { there_open, there_run, there_token_bytes, there_free };

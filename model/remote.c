#include "model/remote.h"
#include "base/mem.h"
#include <stdlib.h>

struct remote {
    struct device *device;
    struct device_rows *rows;
    struct device_pool *pool;
    uint32_t n;
};

struct remote *remote_open(struct device *d, uint32_t n)
{
    struct remote *r = mem_alloc(1, sizeof *r);
    struct device_error e = { 0 };
    r->device = d;
    r->n = n;
    int rc = d->api->rows_open(d->context, n, &r->rows, &e);
    if (rc == DEVICE_OK)
        rc = d->api->pool_open(d->context, d->api->row_bytes(n), &r->pool, &e);
    if (rc == DEVICE_OK)
        return r;
    device_fail(d, rc, &e);
    remote_close(r);
    return NULL;
}

void remote_close(struct remote *r)
{
    if (!r)
        return;
    if (r->pool)
        r->device->api->pool_close(r->pool);
    if (r->rows)
        r->device->api->rows_close(r->rows);
    free(r);
}

uint32_t remote_symbols(const struct remote *r)
{
    return r->n;
}

bool remote_together(const struct remote *a, const struct remote *b)
{
    return a && b && a->device == b->device && a->n == b->n;
}

void *remote_take(struct remote *r)
{
    return r->device->api->pool_take(r->pool);
}

void remote_give(struct remote *r, void *block)
{
    if (block)
        r->device->api->pool_give(r->pool, block);
}

static int done(const struct remote *r, int rc, const struct device_error *e)
{
    return rc == DEVICE_OK ? 0 : device_fail(r->device, rc, e);
}

int remote_measure(struct remote *r, void *const block[], size_t n, struct device_measured out[])
{
    struct device_error e = { 0 };
    return done(r, r->device->api->rows_measure(r->rows, block, n, out, &e), &e);
}

int remote_decide(struct remote *r, const struct device_decisions *d, const struct device_answers *out)
{
    struct device_error e = { 0 };
    return done(r, r->device->api->rows_decide(r->rows, d, out, &e), &e);
}

/* The table that the library exports. */
#include "cuda/model.h"
#include "cuda/rows_batch.h"
#include "cuda/slabs.h"

#ifndef CHORALE_DEVICE_NAME
#define CHORALE_DEVICE_NAME "cuda"
#endif

static int exports_read(struct device_context *c, const void *device, uint64_t bytes, void *host,
                        struct device_error *error)
{
    CARD_TRY(card_enter(c, error));
    CARD_TRY(
        card_ok(c, cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, c->stream), "reading memory", error));
    return card_wait(c, "reading memory", error);
}

static int exports_write(struct device_context *c, void *device, uint64_t bytes, const void *host,
                         struct device_error *error)
{
    CARD_TRY(card_enter(c, error));
    CARD_TRY(
        card_ok(c, cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, c->stream), "writing memory", error));
    return card_wait(c, "writing memory", error);
}

static void exports_counts(const struct device_context *c, struct device_counts *out)
{
    *out = c->counts;
}

static const struct device_api api = {
    .version = DEVICE_VERSION,
    .bytes = sizeof(struct device_api),
    .name = CHORALE_DEVICE_NAME,
    .open = card_open,
    .close = card_close,
    .info = card_info,
    .bandwidth = card_bandwidth,
    .pool_open = slabs_open,
    .pool_close = slabs_close,
    .pool_take = slabs_take,
    .pool_give = slabs_give,
    .read = exports_read,
    .write = exports_write,
    .model_need = model_need,
    .model_open = model_open,
    .model_close = model_close,
    .model_table = model_table,
    .model_run = model_run,
    .counts = exports_counts,
    .row_bytes = rows_bytes,
    .rows_open = rows_batch_open,
    .rows_close = rows_batch_close,
    .rows_measure = rows_batch_measure,
    .rows_decide = rows_batch_decide,
};

device_function chorale_device_api;

__attribute__((visibility("default"))) const struct device_api *chorale_device_api(void)
{
    return &api;
}

/* The forward pass on a device (model/device.h): weights, pages and activations lie there; this file carries batches over. */
#ifndef MODEL_FORWARD_DEVICE_H
#define MODEL_FORWARD_DEVICE_H

#include "model/device_open.h"
#include "model/device_plan.h"
#include "model/forward.h"

/* Rows go to this machine's memory (forward_row.out).  Weights lie on the device in their own types; in KERNEL_F32 mode they
 * are widened to float32 and nothing is rounded, in KERNEL_NATIVE mode activations are rounded to the weights' 16-bit type
 * (to bf16 for types with blocks) before each product.
 *
 * Its open() proves the device: the first layer there is compared with the reference here, and one that differs is refused by
 * name.  A difference of abs + |reference| rel is let pass, rel 2e-2 (1e-3 in KERNEL_F32 mode) and abs that share of the
 * reference's largest value. */
extern const struct forward_type forward_device;

/* Shares out what the device has free now (ask->free is not looked at): parts->max_tokens is halved until weights,
 * activations and pages fit.  0 or ERR_MEMORY. */
int forward_device_plan(struct forward_parts *parts, const struct device_ask *ask, struct device_plan *plan);

/* Memory of a device for pages of keys and values; closed after the kv that uses it.  NULL + ERR_MEMORY. */
struct device_pages;
struct device_pages *device_pages_open(struct device *d, size_t page_bytes);
void device_pages_close(struct device_pages *p);
/* The device gets the memory of all pages back, none of which is in use.  Where no new pool can be
 * opened, take() gives no page until the next time. */
void device_pages_empty(struct device_pages *p);
struct kv_memory device_pages_memory(struct device_pages *p);

#endif

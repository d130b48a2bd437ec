/* A device proves itself on the checkpoint that it is to run: its first layer there against the reference here. */
#ifndef MODEL_DEVICE_TRY_H
#define MODEL_DEVICE_TRY_H

#include "model/device_open.h"
#include "model/forward.h"

#define DEVICE_TRY_TOKENS 4u /* positions that are compared, of one prefix */

/* 0, or ERR_MEMORY naming the device and what differs, or that it has no memory for one page. */
int device_try(struct device *d, struct device_model *model, const struct forward_parts *p);

#endif

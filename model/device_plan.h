/* How a device's memory is shared out: weights first, then activations, the rest for keys and values. */
#ifndef MODEL_DEVICE_PLAN_H
#define MODEL_DEVICE_PLAN_H

#include "model/device.h"

/* What is asked for; 0 is what fits. */
struct device_ask {
    const char *name; /* of the checkpoint, for messages */
    uint64_t free;    /* bytes that the device has left */
    uint64_t weights, kv;
    uint64_t page;    /* bytes of one page */
    uint64_t n_users; /* lms that the device has already (model/device_share.h); their pages count as free */
};

struct device_plan {
    uint64_t weights;     /* bytes resident */
    uint64_t weight_most; /* what device_spec.weight_bytes becomes; 0: all are resident */
    uint64_t activations, kv;
    uint64_t others;  /* what each of the users may have for keys and values; after a failure, without this lm */
    uint64_t swapped; /* bytes of weights that each pass brings over */
};

/* A twentieth of what is free stays free.  Keys and values get what is asked for, else what weights and activations leave,
 * an eighth of all at least, which this lm and the users share in equal parts; a page is left for each user.  Layers of
 * weights that then do not fit are swapped.  0, or ERR_MEMORY: the least that can be run does not fit. */
int device_plan_make(const struct device_ask *a, const struct device_need *n, struct device_plan *p);

#endif

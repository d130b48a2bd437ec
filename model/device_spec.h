/* A checkpoint in the words of a device (model/device.h). */
#ifndef MODEL_DEVICE_SPEC_H
#define MODEL_DEVICE_SPEC_H

#include "model/device.h"
#include "model/forward.h"

struct device_spec_parts {
    struct device_spec spec; /* points into what follows and into the parts' weights */
    struct device_layer *layers;
    struct device_expert *experts; /* of all layers, one after the other */
    float *slope;
};

/* n_turning and the tables are the caller's. */
void device_spec_fill(struct device_spec_parts *s, const struct forward_parts *p);
void device_spec_free(struct device_spec_parts *s);

#endif

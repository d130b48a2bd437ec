/* What an lm over a checkpoint is made of, for its two files: transformer_open.c opens it and computes, transformer.c
 * answers. */
#ifndef MODEL_TRANSFORMER_INSIDE_H
#define MODEL_TRANSFORMER_INSIDE_H

#include "model/device_plan.h"
#include "model/device_share.h"
#include "model/pass.h"
#include "model/remote.h"
#include "model/transformer.h"

struct transformer {
    struct lm lm;
    struct leaf leaf;
    struct checkpoint *c;
    struct weights *weights;
    const struct kernels *kernels;
    enum kernel_kv kv_type;
    enum kernel_mode mode;
    uint32_t planned;
    struct text path; /* name of the kernels, or of the device's */
    struct text refused, positions;
    struct tree *tree;
    struct device *device; /* NULL: the processor */
    struct device_pages *pages;
    struct remote *remote;   /* of the device: where rows may stay */
    struct device_plan plan; /* of the device */
    struct device_user user; /* of the device's memory */
    struct kv *kv;
    struct row_store *store;
    struct forward *forward;
    struct pass *pass;
    struct space *bare; /* the space of a checkpoint without tokenizer; NULL otherwise */
    char hash[65];
};

extern const struct lm_type transformer_type;

#endif

/* The forward pass of a decoder over one batch of token positions, of however many prefixes.
 *
 * Each position is computed by itself: what it attends to are the pages of its own path, in which the positions of the
 * same batch have put their keys and values before anyone attends.  So a position's numbers depend on its prefix alone. */
#ifndef MODEL_FORWARD_H
#define MODEL_FORWARD_H

#include "base/threads.h"
#include "model/kv.h"
#include "model/weights.h"

struct forward_token {
    sym_t symbol;
    uint32_t position;
    const void *const *pages; /* (position / KERNEL_PAGE + 1,) of its path */
    void *own;                /* the page that takes its keys and values; NULL: they are there already */
};

struct forward_row {
    size_t token;
    uint32_t tap; /* LM_TAP_FINAL, LM_TAP_HIDDEN, or after how many layers */
    float *out;   /* (n_scores,), or (dim,) of LM_TAP_HIDDEN; starts at a multiple of 64 bytes */
    float *there; /* of forward_device alone: the same in the device's memory, where out may be NULL; or NULL */
};

struct forward_copy {
    const void *from;
    void *to;
    size_t n; /* positions, from the first of the page on */
};

struct forward_batch {
    const struct forward_token *tokens; /* (n_tokens,) */
    size_t n_tokens, n_full;            /* the first n_full are the tokens of rows that need the last layer */
    const struct forward_row *rows;     /* (n_rows,) (token, tap) all different */
    size_t n_rows;
    const struct forward_copy *copies; /* (n_copies,) in this order */
    size_t n_copies;
};

struct device;

/* Everything is borrowed. */
struct forward_parts {
    const struct checkpoint *checkpoint;
    const struct weights *weights;
    const struct kernels *kernels;
    const struct kv *kv;
    struct threads *threads;
    enum kernel_mode mode;
    enum kernel_kv kv_type; /* of kv */
    size_t n_scores;        /* rows of the head that are used: padded vocabulary rows are not */
    size_t max_tokens;      /* of a batch */
    uint32_t planned;       /* positions that the plan of rotary positions is for */
    uint64_t weight_bytes;  /* of a device for weights at most, the rest is swapped; 0: all */
    struct device *device;  /* of forward_device (model/forward_device.h) alone */
};

/* Where a pass runs: model/forward_cpu.h, model/forward_device.h. */
struct forward_type {
    int (*open)(const struct forward_parts *parts, void **self);
    int (*run)(void *self, const struct forward_batch *b);
    size_t (*token_bytes)(const struct config *c); /* what open() takes for each token of max_tokens, about */
    void (*free)(void *self);
};

struct forward;

/* NULL + ERR_MEMORY: the device has no room for it, or does not compute what the reference does. */
struct forward *forward_alloc(const struct forward_type *type, const struct forward_parts *parts);
void forward_free(struct forward *f);

/* What forward_run() gives where a device has no memory for a batch of this size: nothing has been computed, the message of
 * ERR_MEMORY is set, and a smaller batch may do. */
#define FORWARD_LESS (-64)

/* 0, FORWARD_LESS, ERR_DATA naming the layer and the tensor whose numbers are not finite (weights_blame()), or
 * ERR_MEMORY of a device. */
int forward_run(struct forward *f, const struct forward_batch *b);

/* ALiBi's slopes 2^(-8 i / n) of n_heads = n heads, a power of two; of what is left, every other slope of twice as many
 * (https://arxiv.org/abs/2108.12409, as BLOOM has it). */
void forward_slopes(float slope[], size_t n_heads);

#endif

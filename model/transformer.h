/* A checkpoint as an lm: the transformer, its prefix tree and its kernels. */
#ifndef MODEL_TRANSFORMER_H
#define MODEL_TRANSFORMER_H

#include "base/threads.h"
#include "model/checkpoint.h"
#include "model/lm.h"

struct transformer_options {
    const char *mode;     /* "f32": activations in float32; "native": what the weight type calls for */
    const char *kernels;  /* NULL: the best this machine passes its self-test with; "reference", "avx2", "avx512" */
    struct threads *threads; /* borrowed */
    size_t kv_bytes;      /* memory for KV pages; 0: a default; eviction recomputes, never fails */
    size_t row_bytes;     /* memory for computed rows; 0: a default */
};

/* c is borrowed and must outlive the lm.  NULL + ERR_DATA (a tensor is missing or of the wrong shape), ERR_USAGE. */
struct lm *transformer_open(struct checkpoint *c, const struct transformer_options *o);

/* The kernel path chosen, for plans: "avx512". */
const char *transformer_kernels(const struct lm *lm);

#endif

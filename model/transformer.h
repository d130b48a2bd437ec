/* A checkpoint as an lm: the transformer, its prefix tree and its kernels. */
#ifndef MODEL_TRANSFORMER_H
#define MODEL_TRANSFORMER_H

#include "base/threads.h"
#include "model/checkpoint.h"
#include "model/lm.h"

struct transformer_options {
    /* "f32": activations in float32, weights widened (exact).  "native": what the weight type calls for: bf16 weights
     * meet activations rounded to bf16 with float32 sums where the kernels have that (amx, and avx512bf16, which is chosen by
     * itself only where the processor is faster that way), else as f32; weights of q8_0, q4_0, q4_K and q6_K meet activations
     * rounded to integers (model/kernel_int8.h); other types as f32.  NULL: f32. */
    const char *mode;
    const char
        *kernels; /* NULL: the best this machine passes its self-test with; "reference", "avx2", "avxvnni", "avx512",
                  "avx512vnni", "avx512bf16", "amx" */
    struct threads *threads; /* borrowed */
    /* What the lm's identity (lm.h) calls the checkpoint, where nothing is stored under it: the hash, which NULL takes, reads
     * every byte of the weights.  Borrowed until transformer_open() returns. */
    const char *alias;
    const char *kv;   /* type of keys and values: "f32", "bf16", "q8" (model/kernel_kv.h); NULL: f32 */
    size_t kv_bytes;  /* memory for KV pages; 0: a default; eviction recomputes, never fails */
    size_t row_bytes; /* memory for computed rows, exceeded by what one run of the core wants; 0: a default */
    /* Where the pass runs; borrowed.  NULL: this processor.  On a device mode NULL is "native" and kv NULL "bf16" in that mode;
     * kernels is NULL or the path that the device has, "cuda sm_90"; kv_bytes, weight_bytes and chunk are of its memory, and
     * 0 is what fits (model/device_plan.h). */
    struct device *device;
    uint64_t weight_bytes; /* for weights there at most: layers beyond are brought over in each pass; 0: what fits */
    /* Positions computed at a time at most; 0: a default; fewer where their activations would take more than 512 MB.  No
     * number depends on it. */
    size_t chunk;
    bool apart; /* equal prefixes are computed each for itself, for timing: no number depends on it */
    /* Positions that prefixes may have, at most what the checkpoint declares; 0: that.  The plan of rotary positions is for
     * this length (model/rope.h), so under dynamic scaling numbers depend on it, and the lm's identity too. */
    uint32_t max_positions;
};

/* c is borrowed and must outlive the lm.  NULL + ERR_MEMORY (the device: no room, or its first layer is not the
 * reference's), ERR_DATA (a tensor is missing, of the wrong shape or without a place; keys and values of one page
 * exceed both the default and kv_bytes), ERR_USAGE.  What is allocated follows the tensors that are there and the
 * positions that are used, not what the configuration claims. */
struct lm *transformer_open(struct checkpoint *c, const struct transformer_options *o);

/* The kernel path chosen, for plans: "avx512"; "cuda sm_90", "cuda sm_90 deterministic" on a device. */
const char *transformer_kernels(const struct lm *lm);
/* Bytes of the keys and values that it holds now. */
size_t transformer_kv_bytes(const struct lm *lm);
/* The plan of positions, for logs: "rope theta 10000, yarn factor 8 of 2048 positions, amplitude 1.208". */
const char *transformer_positions(const struct lm *lm);
/* Of a device: what lies there; all zero on the processor. */
struct device_plan;
const struct device_plan *transformer_plan(const struct lm *lm);
/* Why better kernels that this machine has were not taken, "" as a rule: each failed its trial. */
const char *transformer_refused(const struct lm *lm);

#endif

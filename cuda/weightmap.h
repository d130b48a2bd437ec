/* Where the weights of a model lie in a card's memory: offsets from the start of a layer's slab, or of that of what is
 * in no layer, so that a layer can be anywhere and be brought over whole. */
#ifndef CUDA_WEIGHTMAP_H
#define CUDA_WEIGHTMAP_H

#include "cuda/kernels.h"
#include "model/device.h"

#define WEIGHTMAP_ALIGN 256u

/* A vector of float32, or none. */
struct weightmap_vector {
    uint64_t at;
    uint32_t n; /* 0: none */
};

struct weightmap_norm {
    struct weightmap_vector weight, bias;
};

/* n 0: none.  Matrices of one shape and type side by side where there are several (experts). */
struct weightmap_matrix {
    uint64_t at, row_bytes, bytes; /* of one */
    uint32_t type, n, k;
    struct weightmap_vector bias;
};

struct weightmap_layer {
    struct weightmap_matrix q, k, v, o, gate, up, down, router;
    struct weightmap_matrix expert_gate, expert_up, expert_down; /* the first of n_experts */
    struct weightmap_norm attention_norm, mlp_norm, q_norm, k_norm, attention_post, mlp_post;
    uint64_t bytes;
};

struct weightmap_top {
    struct weightmap_matrix embedding, positions, head;
    struct weightmap_norm embedding_norm, final_norm;
    struct weightmap_vector slope;
    uint64_t bytes;
};

void weightmap_top(const struct device_spec *s, struct weightmap_top *out);
void weightmap_layer(const struct device_spec *s, uint32_t layer, struct weightmap_layer *out);

/* Whether b's rows follow a's, so that both are one matrix of a->n + b->n rows. */
int weightmap_follows(const struct weightmap_matrix *a, const struct weightmap_matrix *b);

/* Bytes of all, of the largest layer, and how many of the first layers fit in `bytes` (0: all) beside two places for
 * layers that are brought over. */
struct weightmap_sizes {
    uint64_t all, top, largest;
    uint32_t n_resident;
    uint64_t swapped; /* bytes of the layers beyond */
};
void weightmap_sizes(const struct device_spec *s, struct weightmap_sizes *out);

#endif

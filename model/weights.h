/* The weights of a decoder, found in a checkpoint by the names of its architecture's row and checked for shape. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "model/kernel.h"

/* Pads are zero.  weight NULL: there is no such norm.  bias NULL: of a root-mean-square norm. */
struct norm_weights {
    float *weight, *bias; /* (n,) */
};

struct expert_weights {
    struct weight gate, up, down; /* (expert_ffn, dim), (expert_ffn, dim), (dim, expert_ffn) */
};

/* What was fused in the file is taken apart into views of it.  Absent parts have data NULL. */
struct layer_weights {
    struct weight q, k, v,
        o; /* (n_heads * head_dim, dim), (n_kv_heads * head_dim, dim) twice, (dim, n_heads * head_dim) */
    struct weight gate, up, down;                 /* (ffn, dim), (ffn, dim), (dim, ffn) */
    struct weight router;                         /* (n_experts, dim) */
    struct expert_weights *experts;               /* (n_experts,) or NULL */
    struct norm_weights attention_norm, mlp_norm; /* (dim,) */
    struct norm_weights q_norm, k_norm;           /* (head_dim,) */
    struct norm_weights attention_post, mlp_post; /* (dim,) */
};

struct weights {
    struct weight embedding, head; /* (n_vocab, dim); the same data when tied */
    struct weight positions;       /* (max_positions, dim) or absent */
    struct norm_weights embedding_norm, final_norm;
    struct layer_weights *layers; /* (n_layers,) */
    size_t n_layers;
    void **owned; /* (n_owned,) vectors widened to float32, matrices transposed */
    size_t n_owned, owned_cap;
};

/* The data stays the checkpoint's, but for vectors and for matrices of transposed layout, which are copied.  NULL +
 * ERR_DATA: hyperparameters that do not fit together; a tensor that is missing, of the wrong shape, or without a place (a
 * bias where the architecture has none, a layer more than the hyperparameters say: what was computed without it would not
 * be that model).  Weights are not searched for NaN here, which would read all of the file: weights_blame(). */
struct weights *weights_open(const struct checkpoint *c);
void weights_close(struct weights *w);

/* What left `layer` (n_layers: the head) is not finite, what entered it was: sets ERR_DATA, naming the layer and the first
 * of its tensors or the embedding that holds a NaN or an infinity, or saying that these are finite and the activations
 * overflowed.  Reads those tensors alone. */
int weights_blame(const struct checkpoint *c, size_t layer);

#endif

/* The weights of a Llama decoder, found in a checkpoint by name and checked for shape. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "model/kernel.h"

struct layer_weights {
    struct weight q, k, v,
        o; /* (n_heads * head_dim, dim), (n_kv_heads * head_dim, dim) twice, (dim, n_heads * head_dim) */
    struct weight gate, up, down;     /* (ffn, dim), (ffn, dim), (dim, ffn) */
    float *attention_norm, *mlp_norm; /* (dim,), pad zero */
};

struct weights {
    struct weight embedding, head; /* (n_vocab, dim); the same data when tied */
    float *final_norm;             /* (dim,), pad zero */
    struct layer_weights *layers;  /* (n_layers,) */
    size_t n_layers;
};

/* The data stays the checkpoint's.  NULL + ERR_DATA: hyperparameters that do not fit together; a tensor that is missing,
 * of the wrong shape, or without a place (a bias, a layer more than the hyperparameters say: what was computed without it
 * would not be that model).  Weights are not searched for NaN here, which would read all of the file: weights_blame(). */
struct weights *weights_open(const struct checkpoint *c);
void weights_close(struct weights *w);

/* What left `layer` (n_layers: the head) is not finite, what entered it was: sets ERR_DATA, naming the layer and the first
 * of its tensors or the embedding that holds a NaN or an infinity, or saying that these are finite and the activations
 * overflowed.  Reads those tensors alone. */
int weights_blame(const struct checkpoint *c, size_t layer);

#endif

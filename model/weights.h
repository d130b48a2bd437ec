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

/* The data stays the checkpoint's.  NULL + ERR_DATA: hyperparameters that do not fit together; a tensor that is missing or
 * of the wrong shape. */
struct weights *weights_open(const struct checkpoint *c);
void weights_close(struct weights *w);

/* Sets ERR_DATA "where: ..." and names the first tensor of the checkpoint that holds a NaN or an infinity, or says that
 * the weights are finite and the activations overflowed. */
int weights_blame(const struct checkpoint *c, const char *where);

#endif

/* What a model weighs, from its hyperparameters alone: parameters, keys and values, activations.  For planning checkpoints
 * whose weights are elsewhere, of every architecture that has a row in the table; what computes reads model/checkpoint.h.
 *
 * Parameters are those that Hugging Face transformers counts (a tied head once). */
#ifndef MODEL_SHAPE_H
#define MODEL_SHAPE_H

#include "base/doc.h"
#include "model/checkpoint.h"

struct shape {
    const char *architecture; /* the row's name: lives for ever */
    uint64_t n_vocab, dim, n_layers, n_heads, n_kv_heads, head_dim, ffn;
    uint64_t max_positions;                   /* 0: the architecture has no limit (ALiBi) */
    uint64_t n_experts, n_chosen, expert_ffn; /* 0: none */
    bool tied_head;
    enum dtype type; /* of the weights, as the configuration has it; F32 where it says nothing */

    uint64_t parameters;
    uint64_t embedding; /* of them, what a step does not read: the embedding, unless the head is the same */
    uint64_t idle;      /* of them, experts that one token does not meet */
};

/* From config.json (or its "text_config").  0; ERR_DATA: an unknown architecture, a size that is missing, out of range. */
int shape_read(const json_t *config, const char *where, struct shape *s);

/* From an opened checkpoint: its tensors are counted. */
void shape_of(const struct checkpoint *c, struct shape *s);

uint64_t shape_kv_values(const struct shape *s);   /* numbers that a position leaves in the cache */
uint64_t shape_activations(const struct shape *s); /* bytes for each position that is computed at a time */

#endif

/* Rotary positions: the angles of a checkpoint, tabulated as far as they have been needed. */
#ifndef MODEL_ROPE_H
#define MODEL_ROPE_H

#include "model/checkpoint.h"

struct rope {
    size_t half; /* head_dim / 2 */
    float theta;
    bool interleaved; /* pairs (2i, 2i + 1) instead of (i, i + half) */
    float *cos, *sin; /* (n_positions, half) */
    size_t n_positions, cap;
};

struct rope *rope_alloc(const struct config *c);
void rope_free(struct rope *r);
void rope_reserve(struct rope *r, size_t n_positions);

/* Rotates n_heads heads of 2 * half values; position < n_positions. */
void rope_turn(const struct rope *r, size_t position, float *heads, size_t n_heads);

#endif

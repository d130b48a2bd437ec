/* Rotary positions: the angles of a checkpoint for a plan of positions, tabulated as far as they have been needed.
 *
 * A pair of dimensions i of a head turns by position * frequency(i), frequency(i) = theta^(-2i/d) of d rotating
 * dimensions, stretched for contexts longer than those of the training (struct config_rope):
 *   linear   frequency / factor                                      (https://arxiv.org/abs/2306.15595)
 *   dynamic  theta * (factor * L / trained - (factor - 1))^(d/(d-2)) instead of theta ("NTK-aware", transformers)
 *   YaRN     a ramp between frequency / factor (slow ones) and frequency (fast ones), and an amplitude of cos and sin
 *            (https://arxiv.org/abs/2309.00071)
 *   Llama 3  by wavelength: long ones / factor, short ones as they are, between them a blend
 *   factors  frequency / factors[i], those for long contexts if L exceeds the trained length, and an amplitude
 *            (https://arxiv.org/abs/2402.13753)
 * L is the number of positions that are planned, fixed when the model is opened: a row must not depend on when a length
 * has been crossed (transformers takes the length that is reached, so that keys of before and after differ).  YaRN and Llama
 * 3 are stretched at any length, as there. */
#ifndef MODEL_ROPE_H
#define MODEL_ROPE_H

#include "base/text.h"
#include "model/config.h"

struct rope {
    size_t half;      /* rotating pairs of a head */
    size_t head_dim;  /* of which the first 2 * half values turn */
    bool interleaved; /* pairs (2i, 2i + 1) instead of (i, i + half) */
    float amplitude;
    float *frequency; /* (half,) */
    float *cos, *sin; /* (n_positions, half) */
    size_t n_positions, cap;
};

/* For all layers, or, local_theta > 0, for those without a window; rope_alloc_local() for those with one. */
struct rope *rope_alloc(const struct config *c, uint32_t planned);
struct rope *rope_alloc_local(const struct config *c);
void rope_free(struct rope *r);
void rope_reserve(struct rope *r, size_t n_positions);

/* Rotates n_heads heads; position < n_positions. */
void rope_turn(const struct rope *r, size_t position, float *heads, size_t n_heads);

/* The plan in words: "rope theta 10000, yarn factor 8 of 2048 positions, amplitude 1.208"; "" for an architecture without
 * rotary positions. */
void rope_describe(const struct config *c, uint32_t planned, struct text *t);

#endif

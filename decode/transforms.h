/* The transforms of the table, and what their files share.  Only decode/transform*.c include this. */
#ifndef DECODE_TRANSFORMS_H
#define DECODE_TRANSFORMS_H

#include "decode/chain.h"

extern const struct transform_type transform_temperature, transform_normalise;        /* transform_scale.c */
extern const struct transform_type transform_top_k, transform_top_p, transform_min_p; /* transform_cut.c */
extern const struct transform_type transform_typical;                                 /* transform_typical.c */
extern const struct transform_type transform_repetition, transform_frequency,
    transform_presence;                                       /* transform_penalty.c */
extern const struct transform_type transform_no_repeat_ngram; /* transform_ngram.c */

/* For types without state, and for types that never promise a single symbol. */
void transform_start_none(const struct transform *t, void *state);
void transform_accept_none(const struct transform *t, void *state, sym_t chosen);
bool transform_never_single(const struct transform *t);

/* A parameter that counts symbols: an integer in [0, UINT32_MAX]. */
uint32_t transform_count(const struct transform *t, size_t param);

/* The parameter of every truncation, spelled once. */
#define PARAM_MIN_KEEP                                                                                                 \
    {                                                                                                                  \
        .name = "min_keep", .kind = PARAM_INT, .min = 1, .max = UINT32_MAX, .value = 1,                                \
        .meaning = "symbols kept at least"                                                                             \
    }

/* Symbol i of prompt and made text, seen as one sequence of transform_said() symbols. */
size_t transform_said(const struct transform_at *at);
sym_t transform_symbol(const struct transform_at *at, size_t i);

#endif

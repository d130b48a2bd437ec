/* The table of transforms: a new strategy is a file and a line here. */
#include "decode/transforms.h"

const struct transform_type *const *transform_types(size_t *n)
{
    static const struct transform_type *const types[] = {
        &transform_temperature,     &transform_top_k,      &transform_top_p,     &transform_min_p,
        &transform_typical,         &transform_repetition, &transform_frequency, &transform_presence,
        &transform_no_repeat_ngram, &transform_normalise,
    };
    *n = sizeof types / sizeof types[0];
    return types;
}

void transform_start_none(const struct transform *t, void *state)
{
    (void)t;
    (void)state;
}

void transform_accept_none(const struct transform *t, void *state, sym_t chosen)
{
    (void)t;
    (void)state;
    (void)chosen;
}

bool transform_never_single(const struct transform *t)
{
    (void)t;
    return false;
}

uint32_t transform_count(const struct transform *t, size_t param)
{
    return (uint32_t)t->value[param].number;
}

size_t transform_said(const struct transform_at *at)
{
    return at->n_prompt + at->n_made;
}

sym_t transform_symbol(const struct transform_at *at, size_t i)
{
    return i < at->n_prompt ? at->prompt[i] : at->made[i - at->n_prompt];
}

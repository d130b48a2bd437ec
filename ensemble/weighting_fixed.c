/* fixed: the weights given; what it has learnt is nothing. */
#include "ensemble/weighting_types.h"

static size_t fixed_size(const struct weighting *w, size_t n_voices)
{
    (void)w;
    (void)n_voices;
    return 0;
}

const struct weighting_type weighting_fixed = {
    .name = "fixed",
    .meaning = "the weights given, at every step",
    .source = "as declared, or fitted before",
    .size = fixed_size,
};

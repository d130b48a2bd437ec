/* Decode defaults in a GGUF file: llama.cpp's keys general.sampling.*. */
#include "base/err.h"
#include "model/checkpoint_files.h"
#include <math.h>

static int read_real(const struct gguf *g, const char *key, double *x)
{
    float narrow = NAN;
    TRY(gguf_maybe_real(g, key, &narrow));
    if (!isnan(narrow))
        *x = (double)narrow;
    return 0;
}

int checkpoint_read_sampling(struct checkpoint *c)
{
    const struct gguf *g = c->files->gguf;
    uint32_t top_k = 0;
    TRY(read_real(g, CHECKPOINT_SAMPLING "temp", &c->generation.temperature));
    TRY(read_real(g, CHECKPOINT_SAMPLING "top_p", &c->generation.top_p));
    TRY(read_real(g, CHECKPOINT_SAMPLING "penalty_repeat", &c->generation.repetition_penalty));
    TRY(gguf_maybe_u32(g, CHECKPOINT_SAMPLING "top_k", &top_k));
    if (top_k > 0)
        c->generation.top_k = top_k;
    if (!isnan(c->generation.temperature))
        c->generation.do_sample = 1;
    return 0;
}

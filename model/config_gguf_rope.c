#include "model/config_gguf_rope.h"
#include "base/err.h"
#include "model/config_rope.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int read_yarn(const struct config_gguf *r, struct config *c)
{
    float amplitude = 1;
    c->rope.beta_fast = 32;
    c->rope.beta_slow = 1;
    TRY(config_gguf_positive(r, "rope.scaling.yarn_beta_fast", &c->rope.beta_fast));
    TRY(config_gguf_positive(r, "rope.scaling.yarn_beta_slow", &c->rope.beta_slow));
    TRY(config_gguf_positive(r, "rope.scaling.attn_factor", &amplitude));
    c->rope.amplitude = amplitude * (float)config_rope_yarn_amplitude((double)c->rope.factor, 1);
    return 0;
}

/* Scalings that GGUF has no names for, under keys of our own (model/convert_config_gguf.c). */
static int read_dynamic(const struct config_gguf *r, struct config *c)
{
    if (!config_gguf_has(r, "rope.scaling.dynamic.factor"))
        return 0;
    TRY(config_gguf_positive(r, "rope.scaling.dynamic.factor", &c->rope.factor));
    c->rope.scaling = SCALING_DYNAMIC;
    c->rope.trained = c->max_positions;
    double positions = (double)c->rope.factor * (double)c->max_positions;
    if (positions > (double)c->max_positions)
        c->max_positions = positions < CONFIG_DIM_MAX ? (uint32_t)positions : CONFIG_DIM_MAX;
    return 0;
}

static int read_llama3(const struct config_gguf *r, struct config *c)
{
    char key[CONFIG_GGUF_KEY_BYTES];
    if (!config_gguf_has(r, "rope.scaling.llama3.factor"))
        return 0;
    c->rope.scaling = SCALING_LLAMA3;
    TRY(config_gguf_positive(r, "rope.scaling.llama3.factor", &c->rope.factor));
    TRY(config_gguf_positive(r, "rope.scaling.llama3.low_freq_factor", &c->rope.low));
    TRY(config_gguf_positive(r, "rope.scaling.llama3.high_freq_factor", &c->rope.high));
    TRY(config_gguf_size(r, "rope.scaling.llama3.original_context_length", &c->rope.trained));
    if (!(c->rope.low > 0) || !(c->rope.low < c->rope.high))
        return err_set(ERR_DATA, "%s: '%s' is %g, want more than 0 and less than 'high_freq_factor', %g", r->g->where,
                       config_gguf_key(r, "rope.scaling.llama3.low_freq_factor", key), (double)c->rope.low,
                       (double)c->rope.high);
    return 0;
}

/* The name of a scaling; "none" where there is none. */
static int read_scaling(const struct config_gguf *r, struct config *c)
{
    char key[CONFIG_GGUF_KEY_BYTES], *name;
    c->rope.factor = 1;
    c->rope.trained = c->max_positions;
    TRY(config_gguf_positive(r, "rope.scaling.factor", &c->rope.factor));
    TRY(config_gguf_size(r, "rope.scaling.original_context_length", &c->rope.trained));
    TRY(gguf_maybe_string(r->g, config_gguf_key(r, "rope.scaling.type", key), &name));
    int rc = 0;
    if (name && strcmp(name, "linear") == 0)
        c->rope.scaling = SCALING_LINEAR;
    else if (name && strcmp(name, "yarn") == 0)
        c->rope.scaling = SCALING_YARN;
    else if (name && strcmp(name, "none") != 0 && strcmp(name, "longrope") != 0) /* whose factors are tensors */
        rc = err_set(ERR_DATA, "%s: '%s' is '%s', which is not supported; want none, linear, yarn, longrope",
                     r->g->where, key, name);
    free(name);
    TRY(rc);
    if (c->rope.scaling != SCALING_NONE && !config_gguf_has(r, "rope.scaling.factor"))
        return err_set(ERR_DATA, "%s: '%s' is missing", r->g->where, config_gguf_key(r, "rope.scaling.factor", key));
    if (c->rope.scaling != SCALING_NONE)
        return c->rope.scaling == SCALING_YARN ? read_yarn(r, c) : 0;
    TRY(read_dynamic(r, c));
    return c->rope.scaling == SCALING_NONE ? read_llama3(r, c) : 0;
}

static int read_keys(const struct config_gguf *r, const struct architecture *a, struct config *c)
{
    uint32_t width = c->head_dim;
    c->rope_theta = a->absent.theta;
    if (strcmp(a->name, "mixtral") == 0)
        c->rope_theta = 1e4f; /* as of any llama there */
    c->local_theta = a->absent.local_theta;
    TRY(config_gguf_positive(r, "rope.freq_base", &c->rope_theta));
    if (a->absent.local_theta > 0)
        TRY(config_gguf_positive(r, "rope.freq_base_swa", &c->local_theta));
    TRY(config_gguf_size(r, "rope.dimension_count", &width));
    if (width > c->head_dim || (width < c->head_dim && !a->keys.partial_rotary))
        return err_set(ERR_DATA, "%s: '%s.rope.dimension_count' is %u, want the width of a head, %u", r->g->where,
                       r->architecture, width, c->head_dim);
    c->n_rotary = width < c->head_dim ? width : 0;
    return read_scaling(r, c);
}

/* Frequencies' factors, one for each pair that rotates: Llama 3's, or those of LongRoPE for short and long contexts. */
static int read_factors(const struct gguf *g, struct config *c, const char *name, float to[])
{
    struct config_rope *r = &c->rope;
    const struct tensor *t = tensor_list_find(&g->tensors, name);
    uint32_t rotary = c->n_rotary > 0 ? c->n_rotary : c->head_dim;
    if (!t)
        return 0;
    if (t->n_dims != 1 || t->dims[0] != rotary / 2 || rotary / 2 > CONFIG_FACTORS_MAX || t->type != DTYPE_F32)
        return err_set(ERR_DATA, "%s: tensor '%s' is no vector of %u f32 (at most %u)", g->where, name, rotary / 2,
                       CONFIG_FACTORS_MAX);
    if (r->scaling != SCALING_NONE && r->scaling != SCALING_FACTORS)
        return err_set(ERR_DATA, "%s: tensor '%s' beside another scaling is not supported", g->where, name);
    memcpy(to, t->data, (size_t)t->bytes);
    for (uint32_t i = 0; i < rotary / 2; i++)
        if (!(to[i] > 0) || !isfinite(to[i]))
            return err_set(ERR_DATA, "%s: tensor '%s' holds what is no number more than 0", g->where, name);
    r->scaling = SCALING_FACTORS;
    r->n_factors = rotary / 2;
    return 0;
}

static int read_all_factors(const struct config_gguf *r, struct config *c)
{
    struct config_rope *rope = &c->rope;
    if (rope->scaling == SCALING_LLAMA3) /* which says what they come from */
        return 0;
    TRY(read_factors(r->g, c, "rope_freqs.weight", rope->factors[0]));
    memcpy(rope->factors[1], rope->factors[0], sizeof rope->factors[0]);
    TRY(read_factors(r->g, c, "rope_factors_short.weight", rope->factors[0]));
    TRY(read_factors(r->g, c, "rope_factors_long.weight", rope->factors[1]));
    if (rope->scaling == SCALING_FACTORS && rope->factors[0][0] == 0)
        return err_set(ERR_DATA, "%s: tensor 'rope_factors_short.weight' is missing", r->g->where);
    if (rope->scaling == SCALING_FACTORS && rope->factors[1][0] == 0)
        return err_set(ERR_DATA, "%s: tensor 'rope_factors_long.weight' is missing", r->g->where);
    return rope->scaling == SCALING_FACTORS ? config_gguf_positive(r, "rope.scaling.attn_factor", &rope->amplitude) : 0;
}

int config_gguf_rope(const struct config_gguf *r, const struct architecture *a, struct config *c)
{
    if (a->positions != POSITIONS_ROPE)
        return 0;
    TRY(read_keys(r, a, c));
    return read_all_factors(r, c);
}

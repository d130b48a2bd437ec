/* A GGUF file of a known architecture: its keys as a config, its tensors under canonical names. */
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/checkpoint_files.h"
#include "model/config_layers.h"
#include "model/config_rope.h"
#include "model/vocab_gguf.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 96

/* One file's keys: those of an architecture begin with its name. */
struct reader {
    const struct gguf *g;
    const char *architecture; /* "llama" */
};

static const char *key_of(const struct reader *r, const char *name, char key[KEY_BYTES])
{
    snprintf(key, KEY_BYTES, "%s.%s", r->architecture, name);
    return key;
}

/* A size of 1 .. CONFIG_DIM_MAX; *x keeps its value when the key is absent, unless it is 0. */
static int read_size(const struct reader *r, const char *name, uint32_t *x)
{
    char key[KEY_BYTES];
    key_of(r, name, key);
    if (*x == 0 && !gguf_find(r->g, key))
        return err_set(ERR_DATA, "%s: '%s' is missing", r->g->where, key);
    TRY(gguf_maybe_u32(r->g, key, x));
    if (*x == 0 || *x > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %u, want 1 .. %u", r->g->where, key, *x, CONFIG_DIM_MAX);
    return 0;
}

static bool has_key(const struct reader *r, const char *name)
{
    char key[KEY_BYTES];
    return gguf_find(r->g, key_of(r, name, key)) != NULL;
}

/* More than 0 and finite; *x keeps its value when the key is absent. */
static int read_real(const struct reader *r, const char *name, float *x)
{
    char key[KEY_BYTES];
    if (!has_key(r, name))
        return 0;
    TRY(gguf_maybe_real(r->g, key_of(r, name, key), x));
    if (!(*x > 0) || !isfinite(*x))
        return err_set(ERR_DATA, "%s: '%s' is %g, want more than 0", r->g->where, key, (double)*x);
    return 0;
}

static int read_sizes(const struct reader *r, const struct architecture *a, struct config *c)
{
    TRY(read_size(r, "embedding_length", &c->dim));
    TRY(read_size(r, "block_count", &c->n_layers));
    TRY(read_size(r, "attention.head_count", &c->n_heads));
    TRY(read_size(r, "feed_forward_length", &c->ffn));
    TRY(read_size(r, "context_length", &c->max_positions));
    c->n_kv_heads = c->n_heads;
    TRY(read_size(r, "attention.head_count_kv", &c->n_kv_heads));
    c->head_dim = c->dim / c->n_heads;
    TRY(read_size(r, "attention.key_length", &c->head_dim));
    uint32_t value_width = c->head_dim;
    TRY(read_size(r, "attention.value_length", &value_width));
    if (value_width != c->head_dim)
        return err_set(ERR_DATA, "%s: values of %u in heads of %u are not supported", r->g->where, value_width,
                       c->head_dim);
    return read_real(r, a->norm == NORM_LAYER ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
                     &c->norm_eps);
}

static int read_yarn(const struct reader *r, struct config *c)
{
    float amplitude = 1;
    c->rope.beta_fast = 32;
    c->rope.beta_slow = 1;
    TRY(read_real(r, "rope.scaling.yarn_beta_fast", &c->rope.beta_fast));
    TRY(read_real(r, "rope.scaling.yarn_beta_slow", &c->rope.beta_slow));
    TRY(read_real(r, "rope.scaling.attn_factor", &amplitude));
    c->rope.amplitude = amplitude * (float)config_rope_yarn_amplitude((double)c->rope.factor, 1);
    return 0;
}

/* The name of a scaling; "none" where there is none. */
static int read_scaling(const struct reader *r, struct config *c)
{
    char key[KEY_BYTES], *name;
    c->rope.factor = 1;
    c->rope.trained = c->max_positions;
    TRY(read_real(r, "rope.scaling.factor", &c->rope.factor));
    TRY(read_size(r, "rope.scaling.original_context_length", &c->rope.trained));
    TRY(gguf_maybe_string(r->g, key_of(r, "rope.scaling.type", key), &name));
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
    if (c->rope.scaling != SCALING_NONE && !has_key(r, "rope.scaling.factor"))
        return err_set(ERR_DATA, "%s: '%s' is missing", r->g->where, key_of(r, "rope.scaling.factor", key));
    return c->rope.scaling == SCALING_YARN ? read_yarn(r, c) : 0;
}

static int read_rope(const struct reader *r, const struct architecture *a, struct config *c)
{
    uint32_t width = c->head_dim;
    if (a->positions != POSITIONS_ROPE)
        return 0;
    c->rope_theta = a->absent.theta;
    if (strcmp(a->name, "mixtral") == 0)
        c->rope_theta = 1e4f; /* as of any llama there */
    c->local_theta = a->absent.local_theta;
    TRY(read_real(r, "rope.freq_base", &c->rope_theta));
    if (a->absent.local_theta > 0)
        TRY(read_real(r, "rope.freq_base_swa", &c->local_theta));
    TRY(read_size(r, "rope.dimension_count", &width));
    if (width > c->head_dim || (width < c->head_dim && !a->keys.partial_rotary))
        return err_set(ERR_DATA, "%s: '%s.rope.dimension_count' is %u, want the width of a head, %u", r->g->where,
                       r->architecture, width, c->head_dim);
    c->n_rotary = width < c->head_dim ? width : 0;
    return read_scaling(r, c);
}

/* Frequencies' factors, one for each pair that rotates: Llama 3's, or those of LongRoPE for short and long contexts. */
static int read_factors(struct checkpoint *c, const char *name, float to[])
{
    struct config_rope *r = &c->config.rope;
    const struct tensor *t = tensor_list_find(&c->files->gguf->tensors, name);
    uint32_t rotary = c->config.n_rotary > 0 ? c->config.n_rotary : c->config.head_dim;
    if (!t)
        return 0;
    if (t->n_dims != 1 || t->dims[0] != rotary / 2 || rotary / 2 > CONFIG_FACTORS_MAX || t->type != DTYPE_F32)
        return err_set(ERR_DATA, "%s: tensor '%s' is no vector of %u f32 (at most %u)", c->path, name, rotary / 2,
                       CONFIG_FACTORS_MAX);
    if (r->scaling != SCALING_NONE && r->scaling != SCALING_FACTORS)
        return err_set(ERR_DATA, "%s: tensor '%s' beside another scaling is not supported", c->path, name);
    memcpy(to, t->data, (size_t)t->bytes);
    for (uint32_t i = 0; i < rotary / 2; i++)
        if (!(to[i] > 0) || !isfinite(to[i]))
            return err_set(ERR_DATA, "%s: tensor '%s' holds what is no number more than 0", c->path, name);
    r->scaling = SCALING_FACTORS;
    r->n_factors = rotary / 2;
    return 0;
}

static int read_all_factors(struct checkpoint *c, const struct reader *r, const struct architecture *a)
{
    struct config_rope *rope = &c->config.rope;
    if (a->positions != POSITIONS_ROPE)
        return 0;
    TRY(read_factors(c, "rope_freqs.weight", rope->factors[0]));
    memcpy(rope->factors[1], rope->factors[0], sizeof rope->factors[0]);
    TRY(read_factors(c, "rope_factors_short.weight", rope->factors[0]));
    TRY(read_factors(c, "rope_factors_long.weight", rope->factors[1]));
    if (rope->scaling == SCALING_FACTORS && rope->factors[0][0] == 0)
        return err_set(ERR_DATA, "%s: tensor 'rope_factors_short.weight' is missing", c->path);
    if (rope->scaling == SCALING_FACTORS && rope->factors[1][0] == 0)
        return err_set(ERR_DATA, "%s: tensor 'rope_factors_long.weight' is missing", c->path);
    return rope->scaling == SCALING_FACTORS ? read_real(r, "rope.scaling.attn_factor", &rope->amplitude) : 0;
}

/* Which layers have the window: every n-th has not, or a list of the layers; else as the architecture has it. */
static int read_pattern(const struct reader *r, const struct architecture *a, struct config *c)
{
    uint32_t every = a->absent.window_every;
    char key[KEY_BYTES];
    const struct gguf_value *v = gguf_find(r->g, key_of(r, "attention.sliding_window_pattern", key));
    if (!v || v->type != GGUF_ARRAY) {
        TRY(gguf_maybe_u32(r->g, key, &every));
        config_layers_set_windows(c, every);
        return 0;
    }
    TRY(gguf_array(r->g, key, GGUF_BOOL, &v));
    if (v->n != c->n_layers || v->n > CONFIG_MIXED_LAYERS)
        return err_set(ERR_DATA, "%s: '%s' has %llu members, want %u (at most %u)", r->g->where, key,
                       (unsigned long long)v->n, c->n_layers, CONFIG_MIXED_LAYERS);
    for (size_t i = 0; i < v->n; i++)
        if (v->data[i])
            config_add_layer(&c->windowed, i);
    return 0;
}

static int read_layers(const struct reader *r, const struct architecture *a, struct config *c)
{
    char key[KEY_BYTES];
    key_of(r, "attention.sliding_window", key);
    if (a->keys.window)
        TRY(gguf_maybe_u32(r->g, key, &c->window));
    if (c->window > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %u, want at most %u", r->g->where, key, c->window, CONFIG_DIM_MAX);
    if (c->window > 0)
        TRY(read_pattern(r, a, c));
    if (!a->keys.n_experts[0])
        return 0;
    TRY(read_size(r, "expert_count", &c->n_experts));
    TRY(read_size(r, "expert_used_count", &c->n_chosen));
    c->expert_ffn = c->ffn;
    c->expert_share = true; /* both architectures, unless a file says otherwise */
    TRY(gguf_maybe_bool(r->g, key_of(r, "expert_weights_norm", key), &c->expert_share));
    return a->keys.expert_ffn ? read_size(r, "expert_feed_forward_length", &c->expert_ffn) : 0;
}

/* Gemma's query scale is 1 / sqrt(head_dim), but for the two largest, which have the heads of another width (llama.cpp knows
 * them by their layers, as the files do not say it). */
static void set_query_scale(struct config *c, const struct architecture *a)
{
    bool gemma2_27b = strcmp(a->name, "gemma2") == 0 && c->n_layers == 46;
    bool gemma3_27b = strcmp(a->name, "gemma3_text") == 0 && c->n_layers == 62;
    if (gemma2_27b || gemma3_27b)
        c->query_scale = (float)(1 / sqrt((double)c->dim / c->n_heads));
}

static int read_scales(const struct reader *r, const struct architecture *a, struct config *c)
{
    if (a->keys.query_scalar)
        set_query_scale(c, a);
    if (a->keys.query_scalar)
        TRY(read_real(r, "attention.scale", &c->query_scale));
    if (a->keys.caps_scores) {
        c->score_cap = a->absent.score_cap;
        TRY(read_real(r, "final_logit_softcapping", &c->score_cap));
    }
    if (a->keys.caps_attention) {
        c->attention_cap = a->absent.attention_cap;
        TRY(read_real(r, "attn_logit_softcapping", &c->attention_cap));
    }
    if (a->scales_embedding)
        c->embedding_scale = (float)sqrt((double)c->dim);
    return 0;
}

static int read_config(struct checkpoint *c, const struct architecture *a)
{
    const struct reader r = { c->files->gguf, a->gguf };
    char key[KEY_BYTES];
    struct config k = { .architecture = a->name,
                        .activation = a->absent.activation,
                        .parallel = a->absent.parallel,
                        .rope_interleaved = a->gguf_interleaved };
    TRY(read_sizes(&r, a, &k));
    if (!(k.norm_eps > 0))
        return err_set(ERR_DATA, "%s: norm epsilon %g must be more than 0", c->path, (double)k.norm_eps);
    TRY(read_rope(&r, a, &k));
    TRY(read_layers(&r, a, &k));
    TRY(read_scales(&r, a, &k));
    if (a->keys.parallel)
        TRY(gguf_maybe_bool(r.g, key_of(&r, "use_parallel_residual", key), &k.parallel));
    k.attention_bias = a->absent.attention_bias || tensor_list_find(&r.g->tensors, "blk.0.attn_q.bias") ||
                       tensor_list_find(&r.g->tensors, "blk.0.attn_qkv.bias");
    k.mlp_bias = tensor_list_find(&r.g->tensors, "blk.0.ffn_up.bias") != NULL;
    c->config = k;
    TRY(read_all_factors(c, &r, a));
    return config_check(&c->config, c->path);
}

/* Experts lie in one tensor (expert, n, k): each under its canonical name. */
static int add_experts(struct checkpoint *c, const struct tensor *t, struct architecture_place *p)
{
    if (t->n_dims != 3 || t->dims[0] != c->config.n_experts)
        return err_set(ERR_DATA, "%s: tensor '%s' has %u dimensions, the first %llu; want 3, %u", c->path, t->name,
                       t->n_dims, (unsigned long long)t->dims[0], c->config.n_experts);
    for (p->expert = 0; p->expert < c->config.n_experts; p->expert++) {
        char name[ARCHITECTURE_NAME_BYTES];
        uint64_t bytes = t->bytes / t->dims[0];
        architecture_name(p, name);
        const struct tensor one = { .name = name,
                                    .type = t->type,
                                    .n_dims = 2,
                                    .dims = { t->dims[1], t->dims[2] },
                                    .data = (const char *)t->data + p->expert * bytes,
                                    .bytes = bytes };
        TRY(tensor_list_add(&c->files->tensors, c->path, &one));
    }
    return 0;
}

static int add_tensor(struct checkpoint *c, const struct tensor *t)
{
    static const char *const read[] = { "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight" };
    struct architecture_place p;
    char name[ARCHITECTURE_NAME_BYTES];
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        if (strcmp(t->name, read[i]) == 0 && c->config.rope.scaling == SCALING_FACTORS)
            return 0;
    if (!architecture_place_gguf(&c->config, t->name, &p))
        return err_set(ERR_DATA, "%s: tensor '%s' has no place in the %s architecture", c->path, t->name,
                       c->config.architecture);
    if (architecture_is_expert(p.tensor->role))
        return add_experts(c, t, &p);
    architecture_name(&p, name);
    struct tensor named = *t;
    named.name = name;
    return tensor_list_add(&c->files->tensors, c->path, &named);
}

static int read_tensors(struct checkpoint *c)
{
    const struct tensor_list *from = &c->files->gguf->tensors;
    if (from->n == 0)
        return err_set(ERR_DATA, "%s: there are no tensors in it (a vocabulary only)", c->path);
    for (size_t i = 0; i < from->n; i++)
        TRY(add_tensor(c, &from->t[i]));
    return tensor_list_sort(&c->files->tensors, c->path);
}

/* What the tensors say: rows of the embedding, and whether the head is the embedding. */
static int read_shapes(struct checkpoint *c)
{
    const struct tensor *embedding = tensor_list_find(&c->files->gguf->tensors, "token_embd.weight");
    if (!embedding || embedding->n_dims != 2 || embedding->dims[0] > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: 'token_embd.weight' is missing or no matrix", c->path);
    c->config.n_vocab = (uint32_t)embedding->dims[0];
    c->config.tied_head = !tensor_list_find(&c->files->gguf->tensors, "output.weight");
    return 0;
}

static int read_hyperparameters(struct checkpoint *c, const struct checkpoint_want *want)
{
    TRY(gguf_maybe_string(c->files->gguf, "general.architecture", &c->files->architecture));
    const char *type = c->files->architecture;
    if (!type)
        return err_set(ERR_DATA, "%s: 'general.architecture' is missing", c->path);
    char key[KEY_BYTES];
    const struct reader r = { c->files->gguf, type };
    bool experts = strlen(type) < KEY_BYTES / 2 && gguf_find(r.g, key_of(&r, "expert_count", key)) != NULL;
    const struct architecture *a = architecture_find_gguf(type, experts);
    if (want->weights && !a)
        return architecture_unknown(c->path, "general.architecture", type);
    if (want->weights)
        return read_config(c, a);
    if (!a || read_config(c, a) < 0) /* a vocabulary needs none of it */
        c->config = (struct config){ .architecture = type };
    return 0;
}

int checkpoint_read_gguf(struct checkpoint *c, const struct checkpoint_want *want)
{
    const struct map_file *m = &c->files->part[0].map;
    c->format = "gguf";
    if (!(c->files->gguf = gguf_read(m->path, m->bytes, m->size)))
        return ERR_DATA;
    TRY(checkpoint_read_parts(c, want));
    TRY(checkpoint_read_sampling(c));
    TRY(read_hyperparameters(c, want));
    TRY(gguf_maybe_string(c->files->gguf, "tokenizer.chat_template", &c->files->chat_template));
    c->chat_template = c->files->chat_template;
    if (want->vocab && !(c->vocab = vocab_read_gguf(c->files->gguf)))
        return ERR_DATA;
    if (!want->weights)
        return 0;
    TRY(read_tensors(c));
    return read_shapes(c);
}

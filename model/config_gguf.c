#include "model/config_gguf.h"
#include "base/err.h"
#include "model/config_gguf_rope.h"
#include "model/config_layers.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static int read_sizes(const struct config_gguf *r, const struct architecture *a, struct config *c)
{
    TRY(config_gguf_size(r, "embedding_length", &c->dim));
    TRY(config_gguf_size(r, "block_count", &c->n_layers));
    TRY(config_gguf_size(r, "attention.head_count", &c->n_heads));
    TRY(config_gguf_size(r, "feed_forward_length", &c->ffn));
    TRY(config_gguf_size(r, "context_length", &c->max_positions));
    c->n_kv_heads = c->n_heads;
    TRY(config_gguf_size(r, "attention.head_count_kv", &c->n_kv_heads));
    c->head_dim = c->dim / c->n_heads;
    TRY(config_gguf_size(r, "attention.key_length", &c->head_dim));
    uint32_t value_width = c->head_dim;
    TRY(config_gguf_size(r, "attention.value_length", &value_width));
    if (value_width != c->head_dim)
        return err_set(ERR_DATA, "%s: values of %u in heads of %u are not supported", r->g->where, value_width,
                       c->head_dim);
    return config_gguf_positive(
        r, a->norm == NORM_LAYER ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", &c->norm_eps);
}

/* Which layers have the window: every n-th has not, or a list of the layers; else as the architecture has it. */
static int read_pattern(const struct config_gguf *r, const struct architecture *a, struct config *c)
{
    uint32_t every = a->absent.window_every;
    char key[CONFIG_GGUF_KEY_BYTES];
    const struct gguf_value *v = gguf_find(r->g, config_gguf_key(r, "attention.sliding_window_pattern", key));
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

/* Layers without experts have the feed-forward part of others instead. */
static void find_dense(const struct config_gguf *r, struct config *c)
{
    for (uint32_t i = 0; i < c->n_layers && i < CONFIG_MIXED_LAYERS; i++) {
        char router[CONFIG_GGUF_KEY_BYTES], up[CONFIG_GGUF_KEY_BYTES];
        snprintf(router, sizeof router, "blk.%u.ffn_gate_inp.weight", i);
        snprintf(up, sizeof up, "blk.%u.ffn_up.weight", i);
        if (!tensor_list_find(&r->g->tensors, router) && tensor_list_find(&r->g->tensors, up))
            config_add_layer(&c->dense, i);
    }
}

static int read_layers(const struct config_gguf *r, const struct architecture *a, struct config *c)
{
    char key[CONFIG_GGUF_KEY_BYTES];
    config_gguf_key(r, "attention.sliding_window", key);
    if (a->keys.window)
        TRY(gguf_maybe_u32(r->g, key, &c->window));
    if (c->window > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %u, want at most %u", r->g->where, key, c->window, CONFIG_DIM_MAX);
    if (c->window > 0)
        TRY(read_pattern(r, a, c));
    if (!a->keys.n_experts[0])
        return 0;
    TRY(config_gguf_size(r, "expert_count", &c->n_experts));
    TRY(config_gguf_size(r, "expert_used_count", &c->n_chosen));
    find_dense(r, c);
    c->expert_ffn = c->ffn;
    c->expert_share = true; /* both architectures, unless a file says otherwise */
    TRY(gguf_maybe_bool(r->g, config_gguf_key(r, "expert_weights_norm", key), &c->expert_share));
    return a->keys.expert_ffn ? config_gguf_size(r, "expert_feed_forward_length", &c->expert_ffn) : 0;
}

float config_gguf_query_scale(const struct config *c)
{
    bool gemma2_27b = strcmp(c->architecture, "gemma2") == 0 && c->n_layers == 46;
    bool gemma3_27b = strcmp(c->architecture, "gemma3_text") == 0 && c->n_layers == 62;
    double width = gemma2_27b || gemma3_27b ? (double)c->dim / c->n_heads : (double)c->head_dim;
    return (float)(1 / sqrt(width));
}

static int read_scales(const struct config_gguf *r, const struct architecture *a, struct config *c)
{
    if (a->keys.query_scalar)
        c->query_scale = config_gguf_query_scale(c);
    if (a->keys.query_scalar)
        TRY(config_gguf_positive(r, "attention.scale", &c->query_scale));
    if (a->keys.caps_scores) {
        c->score_cap = a->absent.score_cap;
        TRY(config_gguf_positive(r, "final_logit_softcapping", &c->score_cap));
    }
    if (a->keys.caps_attention) {
        c->attention_cap = a->absent.attention_cap;
        TRY(config_gguf_positive(r, "attn_logit_softcapping", &c->attention_cap));
    }
    if (a->scales_embedding)
        c->embedding_scale = (float)sqrt((double)c->dim);
    return 0;
}

int config_gguf_read(const struct gguf *g, const struct architecture *a, struct config *c)
{
    const struct config_gguf r = { g, a->gguf };
    char key[CONFIG_GGUF_KEY_BYTES];
    *c = (struct config){ .architecture = a->name, .activation = a->absent.activation, .parallel = a->absent.parallel };
    architecture_lay_out_gguf(c);
    TRY(read_sizes(&r, a, c));
    if (!(c->norm_eps > 0))
        return err_set(ERR_DATA, "%s: norm epsilon %g must be more than 0", g->where, (double)c->norm_eps);
    TRY(config_gguf_rope(&r, a, c));
    TRY(read_layers(&r, a, c));
    TRY(read_scales(&r, a, c));
    if (a->keys.parallel)
        TRY(gguf_maybe_bool(g, config_gguf_key(&r, "use_parallel_residual", key), &c->parallel));
    c->attention_bias = a->absent.attention_bias || tensor_list_find(&g->tensors, "blk.0.attn_q.bias") ||
                        tensor_list_find(&g->tensors, "blk.0.attn_qkv.bias");
    c->mlp_bias = tensor_list_find(&g->tensors, "blk.0.ffn_up.bias") != NULL;
    return config_check(c, g->where);
}

const struct architecture *config_gguf_architecture(const struct gguf *g, const char *name)
{
    const struct config_gguf r = { g, name };
    char key[CONFIG_GGUF_KEY_BYTES];
    struct architecture_hint has = { .experts = false };
    uint32_t window = 0;
    if (strlen(name) < CONFIG_GGUF_KEY_BYTES / 2) {
        has.experts = config_gguf_has(&r, "expert_count");
        if (gguf_maybe_u32(g, config_gguf_key(&r, "attention.sliding_window", key), &window) < 0)
            return NULL;
        has.window = window > 0;
    }
    const struct architecture *a = architecture_find_gguf(name, has);
    if (!a)
        architecture_unknown_gguf(g->where, "general.architecture", name);
    return a;
}

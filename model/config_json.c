#include "model/config_json.h"
#include "base/err.h"
#include "model/architecture.h"
#include "model/config_layers.h"
#include "model/config_rope.h"
#include "model/config_value.h"
#include <math.h>
#include <string.h>

int config_json_architecture(const json_t *o, const char *where, const char **type)
{
    if (!json_is_object(o))
        return err_set(ERR_DATA, "%s: not an object", where);
    return doc_string(o, where, "model_type", type);
}

/* A size that may be absent (value) or null (what follows from others). */
static int read_derived(const json_t *o, const char *where, const char *key, uint32_t value, uint32_t *to)
{
    if (key && value > 0 && !config_value_null(o, key))
        *to = value;
    return key ? config_value_size(o, where, key, to) : 0;
}

static int read_sizes(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    const struct architecture_keys *k = &a->keys;
    TRY(config_value_size(o, where, "vocab_size", &c->n_vocab));
    TRY(config_value_named(o, where, k->dim, &c->dim));
    TRY(config_value_named(o, where, k->n_layers, &c->n_layers));
    TRY(config_value_named(o, where, k->n_heads, &c->n_heads));
    c->ffn = a->absent.ffn_times * c->dim; /* at most 4 * 2^24 */
    if (k->ffn)
        TRY(config_value_size(o, where, k->ffn, &c->ffn));
    c->n_kv_heads = c->n_heads;
    TRY(read_derived(o, where, k->n_kv_heads, a->absent.n_kv_heads, &c->n_kv_heads));
    c->head_dim = c->dim / c->n_heads;
    if (!k->head_dim && c->dim % c->n_heads != 0)
        return err_set(ERR_DATA, "%s: a width of %u does not divide among %u heads", where, c->dim, c->n_heads);
    TRY(read_derived(o, where, k->head_dim, a->absent.head_dim, &c->head_dim));
    c->max_positions = a->absent.max_positions;
    return config_value_size(o, where, k->max_positions, &c->max_positions);
}

static int read_activation(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    static const struct {
        const char *name;
        enum config_activation activation;
    } known[] = {
        { "silu", ACTIVATION_SILU },           { "swish", ACTIVATION_SILU },
        { "gelu", ACTIVATION_GELU },           { "gelu_new", ACTIVATION_GELU_TANH },
        { "gelu_fast", ACTIVATION_GELU_TANH }, { "gelu_pytorch_tanh", ACTIVATION_GELU_TANH },
    };
    const char *name = NULL;
    c->activation = a->absent.activation;
    if (a->keys.activation)
        TRY(doc_maybe_string(o, where, a->keys.activation, &name));
    if (!name)
        return 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            c->activation = known[i].activation;
            return 0;
        }
    return err_set(ERR_DATA, "%s: '%s' is '%s', which is not supported; want silu, gelu, gelu_new, gelu_pytorch_tanh",
                   where, a->keys.activation, name);
}

static bool leaves_open(const struct architecture *a, enum architecture_bias bias)
{
    for (size_t i = 0; i < a->n_tensors; i++)
        if (a->tensors[i].bias == bias)
            return true;
    return false;
}

static int read_biases(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    c->attention_bias = a->absent.attention_bias;
    if (leaves_open(a, BIAS_ATTENTION))
        TRY(doc_maybe_bool(o, where, "attention_bias", &c->attention_bias));
    else
        TRY(config_value_plain_bool(o, where, "attention_bias", false));
    if (leaves_open(a, BIAS_MLP))
        return doc_maybe_bool(o, where, "mlp_bias", &c->mlp_bias);
    return config_value_plain_bool(o, where, "mlp_bias", false);
}

/* A cap: absent means value, null none. */
static int read_cap(const json_t *o, const char *where, const char *key, float value, float *to)
{
    bool none = config_value_null(o, key) || (value == 0 && !json_object_get(o, key));
    *to = none ? 0 : value;
    return none ? 0 : config_value_positive(o, where, key, to);
}

static int read_scales(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    float scalar = a->absent.query_scalar;
    c->norm_eps = a->absent.norm_eps;
    TRY(config_value_positive(o, where, a->keys.norm_eps, &c->norm_eps));
    if (a->keys.query_scalar) {
        TRY(config_value_positive(o, where, "query_pre_attn_scalar", &scalar));
        c->query_scale = (float)(1 / sqrt((double)scalar));
    }
    if (a->keys.caps_scores)
        TRY(read_cap(o, where, "final_logit_softcapping", a->absent.score_cap, &c->score_cap));
    else
        TRY(config_value_absent(o, where, "final_logit_softcapping"));
    if (a->keys.caps_attention)
        TRY(read_cap(o, where, "attn_logit_softcapping", a->absent.attention_cap, &c->attention_cap));
    else
        TRY(config_value_absent(o, where, "attn_logit_softcapping"));
    if (a->scales_embedding)
        c->embedding_scale = (float)sqrt((double)c->dim);
    return 0;
}

/* What would compute something else in any of the architectures. */
static int refuse_variants(const json_t *o, const char *where)
{
    static const char *const never[] = { "use_bidirectional_attention",
                                         "apply_residual_connection_post_layernorm",
                                         "scale_attn_by_inverse_layer_idx",
                                         "add_cross_attention",
                                         "is_encoder_decoder",
                                         "use_qk_norm",
                                         "qk_layernorm" };
    static const char *const absent[] = { "quantization_config", "clip_qkv" };
    static const char *const ones[] = { "embedding_multiplier", "residual_multiplier", "logits_scaling",
                                        "logit_scale" };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        TRY(config_value_plain_bool(o, where, never[i], false));
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        TRY(config_value_absent(o, where, absent[i]));
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
        TRY(config_value_plain_number(o, where, ones[i], 1));
    return config_value_plain_bool(o, where, "scale_attn_weights", true);
}

int config_json_read(const json_t *o, const char *where, struct config *c)
{
    const char *type;
    TRY(config_json_architecture(o, where, &type));
    const struct architecture *a = architecture_find(type);
    if (!a)
        return architecture_unknown(where, "model_type", type);
    *c = (struct config){ .architecture = a->name,
                          .tied_head = a->absent.tied_head,
                          .parallel = a->absent.parallel,
                          .qkv_by_head = a->folder_qkv_by_head,
                          .transposed = a->folder_transposed,
                          .norm_offset = a->folder_norm_offset };
    TRY(refuse_variants(o, where));
    TRY(read_sizes(o, where, a, c));
    TRY(read_scales(o, where, a, c));
    TRY(config_rope_read(o, where, a, c));
    TRY(config_layers_read_windows(o, where, a, c));
    TRY(config_layers_read_experts(o, where, a, c));
    TRY(read_activation(o, where, a, c));
    TRY(read_biases(o, where, a, c));
    if (a->keys.parallel)
        TRY(doc_maybe_bool(o, where, "use_parallel_residual", &c->parallel));
    TRY(doc_maybe_bool(o, where, "tie_word_embeddings", &c->tied_head));
    return config_check(c, where);
}

static int add_end(const json_t *id, const char *where, struct symbols *ends)
{
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
        return err_set(ERR_DATA, "%s: 'eos_token_id' is no token id", where);
    symbols_add(ends, &(sym_t){ (sym_t)json_integer_value(id) }, 1);
    return 0;
}

int config_json_ends(const json_t *o, const char *where, struct symbols *ends)
{
    const json_t *eos = json_object_get(o, "eos_token_id"), *id;
    size_t i;
    if (!eos || json_is_null(eos))
        return 0;
    if (!json_is_array(eos))
        return add_end(eos, where, ends);
    if (json_array_size(eos) > CONFIG_ENDS_MAX)
        return err_set(ERR_DATA, "%s: 'eos_token_id' has %zu tokens, want at most %u", where, json_array_size(eos),
                       CONFIG_ENDS_MAX);
    json_array_foreach(eos, i, id) TRY(add_end(id, where, ends));
    return 0;
}

/* Hyperparameters as a config.json that transformers and config_json.c read: the members that architecture_keys names, each
 * field of struct config under its row's own key.  What a row has no key for must be what its absence means. */
#include "base/err.h"
#include "base/text.h"
#include "model/config_layers.h"
#include "model/convert_inside.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

json_t *convert_number(float x)
{
    return json_real(text_shortest(x));
}

/* A field of struct config and where architecture_keys has the name of its member; NULL there: none. */
struct field {
    size_t key, at;
    const char *what;
};
#define KEY(name)   offsetof(struct architecture_keys, name)
#define FIELD(name) offsetof(struct config, name)

static const struct field sizes[] = {
    { KEY(dim[0]), FIELD(dim), "width" },
    { KEY(n_layers[0]), FIELD(n_layers), "layers" },
    { KEY(n_heads[0]), FIELD(n_heads), "heads" },
    { KEY(n_kv_heads), FIELD(n_kv_heads), "heads for keys and values" },
    { KEY(head_dim), FIELD(head_dim), "width of heads" },
    { KEY(ffn), FIELD(ffn), "width of the feed-forward part" },
    { KEY(n_experts[0]), FIELD(n_experts), "experts" },
    { KEY(expert_ffn), FIELD(expert_ffn), "width of experts" },
};

/* What a field is when its key is absent. */
static void set_implied(const struct architecture *a, const struct config *c, struct config *implied)
{
    *implied = *c;
    implied->n_kv_heads = c->n_heads;
    implied->head_dim = c->dim / c->n_heads;
    implied->ffn = a->absent.ffn_times * c->dim;
    implied->n_experts = 0;
    implied->expert_ffn = c->n_experts > 0 ? c->ffn : 0;
}

static int set_sizes(const struct conversion *v, const struct architecture *a, json_t *o)
{
    const struct config *c = &v->c->config;
    struct config implied;
    set_implied(a, c, &implied);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const char *key;
        uint32_t x, plain;
        memcpy(&key, (const char *)&a->keys + sizes[i].key, sizeof key);
        memcpy(&x, (const char *)c + sizes[i].at, sizeof x);
        memcpy(&plain, (const char *)&implied + sizes[i].at, sizeof plain);
        if (key)
            json_object_set_new(o, key, json_integer(x));
        else if (x != plain)
            return err_set(ERR_DATA, "%s: its %s is %u, which the config.json of a %s has no key for; want %u", v->from,
                           sizes[i].what, x, a->name, plain);
    }
    json_object_set_new(o, "vocab_size", json_integer(c->n_vocab));
    json_object_set_new(o, a->keys.norm_eps, convert_number(c->norm_eps));
    json_object_set_new(o, a->keys.max_positions,
                        json_integer(c->rope.scaling == SCALING_DYNAMIC ? c->rope.trained : c->max_positions));
    return 0;
}

static int set_activation(const struct conversion *v, const struct architecture *a, json_t *o)
{
    const struct config *c = &v->c->config;
    const char *tanh = strcmp(a->name, "gpt2") == 0 ? "gelu_new" : "gelu_pytorch_tanh";
    const char *const names[ACTIVATIONS] = {
        [ACTIVATION_SILU] = "silu", [ACTIVATION_GELU_TANH] = tanh, [ACTIVATION_GELU] = "gelu"
    };
    if (a->keys.activation)
        json_object_set_new(o, a->keys.activation, json_string(names[c->activation]));
    else if (c->activation != a->absent.activation)
        return err_set(ERR_DATA, "%s: its activation is %s, which the config.json of a %s has no key for", v->from,
                       names[c->activation], a->name);
    return 0;
}

static void set_biases(const struct architecture *a, const struct config *c, json_t *o)
{
    if (architecture_leaves_open(a, BIAS_ATTENTION))
        json_object_set_new(o, "attention_bias", json_boolean(c->attention_bias));
    if (architecture_leaves_open(a, BIAS_MLP))
        json_object_set_new(o, "mlp_bias", json_boolean(c->mlp_bias));
}

/* The number whose inverse root, as config_json.c computes it, is the scale: a whole one if there is one. */
static json_t *query_scalar(float scale)
{
    double x = 1 / ((double)scale * (double)scale), whole = nearbyint(x);
    if ((float)(1 / sqrt(whole)) == scale && whole < CONFIG_DIM_MAX)
        return json_integer((json_int_t)whole);
    float near = nextafterf(nextafterf((float)x, 0), 0);
    for (int i = 0; i < 4 && (float)(1 / sqrt((double)near)) != scale; i++)
        near = nextafterf(near, INFINITY);
    return convert_number(near);
}

static json_t *cap(float x)
{
    return x > 0 ? convert_number(x) : json_null();
}

static void set_scales(const struct architecture *a, const struct config *c, json_t *o)
{
    float plain = (float)(1 / sqrt((double)c->head_dim));
    if (a->keys.query_scalar)
        json_object_set_new(o, "query_pre_attn_scalar", query_scalar(c->query_scale > 0 ? c->query_scale : plain));
    if (a->keys.caps_scores)
        json_object_set_new(o, "final_logit_softcapping", cap(c->score_cap));
    if (a->keys.caps_attention)
        json_object_set_new(o, "attn_logit_softcapping", cap(c->attention_cap));
    if (a->keys.parallel)
        json_object_set_new(o, "use_parallel_residual", json_boolean(c->parallel));
}

static bool sees_all(const struct config *c)
{
    struct config all = { .n_layers = c->n_layers };
    config_layers_set_windows(&all, 0);
    return memcmp(&all.windowed, &c->windowed, sizeof all.windowed) == 0;
}

static int set_windows(const struct conversion *v, const struct architecture *a, json_t *o)
{
    const struct config *c = &v->c->config;
    bool listed = a->windows == WINDOWS_FROM || a->windows == WINDOWS_EVERY;
    if (a->windows == WINDOWS_NONE)
        return c->window == 0 ? 0 : err_set(ERR_DATA, "%s: a %s has no window in config.json", v->from, a->name);
    json_object_set_new(o, a->keys.window, c->window > 0 ? json_integer(c->window) : json_null());
    if (a->windows == WINDOWS_FROM || a->windows == WINDOWS_USED)
        json_object_set_new(o, "use_sliding_window", json_boolean(c->window > 0));
    if (c->window == 0)
        return 0;
    if (!listed && !sees_all(c))
        return err_set(ERR_DATA, "%s: some of its layers have a window, which the config.json of a %s cannot say",
                       v->from, a->name);
    json_t *types = json_array();
    for (uint32_t i = 0; listed && i < c->n_layers; i++)
        json_array_append_new(types, json_string(config_window(c, i) > 0 ? "sliding_attention" : "full_attention"));
    if (listed)
        json_object_set(o, "layer_types", types);
    json_decref(types);
    return 0;
}

static int set_experts(const struct conversion *v, const struct architecture *a, json_t *o)
{
    const struct config *c = &v->c->config;
    json_t *dense = json_array();
    if (c->n_experts > 0)
        json_object_set_new(o, "num_experts_per_tok", json_integer(c->n_chosen));
    for (uint32_t i = 0; c->n_experts > 0 && i < c->n_layers; i++)
        if (!config_has_experts(c, i))
            json_array_append_new(dense, json_integer(i));
    bool plain = json_array_size(dense) == 0 && c->expert_share == a->absent.expert_share;
    if (a->keys.expert_ffn) {
        json_object_set_new(o, "norm_topk_prob", json_boolean(c->expert_share));
        json_object_set_new(o, "decoder_sparse_step", json_integer(1));
        json_object_set(o, "mlp_only_layers", dense);
    }
    json_decref(dense);
    if (c->n_experts > 0 && !a->keys.expert_ffn && !plain)
        return err_set(ERR_DATA,
                       "%s: layers without experts, or weights of experts that do not sum to one, which the "
                       "config.json of a %s cannot say",
                       v->from, a->name);
    return 0;
}

static json_t *numbers(const float x[], uint32_t n)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(list, convert_number(x[i]));
    return list;
}

/* Llama 3's factors are in a GGUF file of llama.cpp's without the numbers that they come from; those of the published
 * models, by what they give. */
static bool is_llama3(const struct config *c, float factor, struct config_rope *found)
{
    const struct config_rope *r = &c->rope;
    uint32_t rotary = 2 * r->n_factors;
    *found = (struct config_rope){ .scaling = SCALING_LLAMA3, .factor = factor, .low = 1, .high = 4, .trained = 8192 };
    if (memcmp(r->factors[0], r->factors[1], r->n_factors * sizeof **r->factors) != 0 || r->amplitude > 0)
        return false;
    for (uint32_t i = 0; i < r->n_factors; i++) {
        double wave = 6.28318530717958648 * pow((double)c->rope_theta, (double)(2 * i) / rotary);
        double smooth = (8192 / wave - 1) / (4 - 1), k = (double)factor;
        double x = wave < 8192.0 / 4 ? 1 : wave > 8192 ? k : 1 / ((1 - smooth) / k + smooth);
        if (fabs(x - (double)r->factors[0][i]) > 1e-5 * x)
            return false;
    }
    return true;
}

static void set_llama3(const struct config_rope *r, json_t *rope)
{
    json_object_set_new(rope, "rope_type", json_string("llama3"));
    json_object_set_new(rope, "factor", convert_number(r->factor));
    json_object_set_new(rope, "low_freq_factor", convert_number(r->low));
    json_object_set_new(rope, "high_freq_factor", convert_number(r->high));
    json_object_set_new(rope, "original_max_position_embeddings", json_integer(r->trained));
}

static void set_factors(const struct config *c, json_t *rope)
{
    static const float published[] = { 8, 32 };
    const struct config_rope *r = &c->rope;
    struct config_rope known;
    for (size_t i = 0; i < COUNT(published); i++)
        if (is_llama3(c, published[i], &known)) {
            set_llama3(&known, rope);
            return;
        }
    json_object_set_new(rope, "rope_type", json_string("longrope"));
    json_object_set_new(rope, "short_factor", numbers(r->factors[0], r->n_factors));
    json_object_set_new(rope, "long_factor", numbers(r->factors[1], r->n_factors));
    json_object_set_new(rope, "attention_factor", convert_number(r->amplitude > 0 ? r->amplitude : 1));
    json_object_set_new(rope, "original_max_position_embeddings", json_integer(r->trained));
}

static void set_yarn(const struct config_rope *r, json_t *rope)
{
    json_object_set_new(rope, "rope_type", json_string("yarn"));
    json_object_set_new(rope, "factor", convert_number(r->factor));
    json_object_set_new(rope, "beta_fast", convert_number(r->beta_fast));
    json_object_set_new(rope, "beta_slow", convert_number(r->beta_slow));
    json_object_set_new(rope, "attention_factor", convert_number(r->amplitude));
    json_object_set_new(rope, "original_max_position_embeddings", json_integer(r->trained));
    if (r->keep_fractions)
        json_object_set_new(rope, "truncate", json_false());
}

static void set_scaling(const struct config *c, json_t *rope)
{
    const struct config_rope *r = &c->rope;
    if (r->scaling == SCALING_LLAMA3) {
        set_llama3(r, rope);
    } else if (r->scaling == SCALING_FACTORS) {
        set_factors(c, rope);
    } else if (r->scaling == SCALING_YARN) {
        set_yarn(r, rope);
    } else if (r->scaling != SCALING_NONE) {
        json_object_set_new(rope, "rope_type", json_string(r->scaling == SCALING_LINEAR ? "linear" : "dynamic"));
        json_object_set_new(rope, "factor", convert_number(r->factor));
    }
}

/* The part of a head that rotates, of which config_rope.c's product is the same number of dimensions again. */
static json_t *rotary_part(const struct config *c)
{
    float part = c->n_rotary > 0 ? (float)c->n_rotary / (float)c->head_dim : 1;
    if (c->n_rotary > 0 && (uint32_t)((double)c->head_dim * (double)part) < c->n_rotary)
        part = nextafterf(part, 1);
    return convert_number(part);
}

static int set_rope(const struct conversion *v, const struct architecture *a, json_t *o)
{
    const struct config *c = &v->c->config;
    if (a->positions != POSITIONS_ROPE)
        return 0;
    json_object_set_new(o, a->keys.theta, convert_number(c->rope_theta));
    if (a->absent.local_theta > 0)
        json_object_set_new(o, "rope_local_base_freq", convert_number(c->local_theta));
    else if (c->local_theta > 0)
        return err_set(ERR_DATA,
                       "%s: another rope theta of layers with a window, which the config.json of a %s has "
                       "no key for",
                       v->from, a->name);
    if (a->keys.partial_rotary)
        json_object_set_new(o, a->keys.partial_rotary, rotary_part(c));
    json_t *rope = json_object();
    set_scaling(c, rope);
    if (json_object_size(rope) > 0)
        json_object_set(o, "rope_scaling", rope);
    json_decref(rope);
    if (strcmp(a->name, "phi3") == 0 && c->rope.scaling == SCALING_FACTORS)
        json_object_set_new(o, "original_max_position_embeddings", json_integer(c->rope.trained));
    return 0;
}

int convert_set_config(const struct conversion *v, json_t *o)
{
    const struct config *c = &v->c->config;
    const struct architecture *a = architecture_of(c);
    json_object_update_new(o, json_pack("{s:[s],s:s,s:b}", "architectures", a->class_name, "model_type", a->name,
                                        "tie_word_embeddings", (int)c->tied_head));
    TRY(set_sizes(v, a, o));
    TRY(set_activation(v, a, o));
    set_biases(a, c, o);
    TRY(set_windows(v, a, o));
    TRY(set_experts(v, a, o));
    set_scales(a, c, o);
    return set_rope(v, a, o);
}

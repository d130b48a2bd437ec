#include "model/config_json.h"
#include "base/err.h"
#include <math.h>
#include <string.h>

/* *to is the whole number at key, 1 .. CONFIG_DIM_MAX; it keeps its value when the key is absent, unless it is 0. */
static int read_size(const json_t *o, const char *where, const char *key, uint32_t *to)
{
    int64_t x = *to;
    TRY(*to == 0 ? doc_int(o, where, key, &x) : doc_maybe_int(o, where, key, &x));
    if (x < 1 || x > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %lld, want 1 .. %u", where, key, (long long)x, CONFIG_DIM_MAX);
    *to = (uint32_t)x;
    return 0;
}

static int read_positive(const json_t *o, const char *where, const char *key, float *to)
{
    double x = (double)*to;
    TRY(doc_maybe_real(o, where, key, &x));
    if (!((float)x > 0) || !isfinite((float)x)) /* what is computed with is a float */
        return err_set(ERR_DATA, "%s: '%s' is %g, want more than 0", where, key, x);
    *to = (float)x;
    return 0;
}

static int refuse_text(const json_t *o, const char *where, const char *key, const char *want)
{
    const char *seen = want;
    TRY(doc_maybe_string(o, where, key, &seen));
    if (strcmp(seen, want) != 0)
        return err_set(ERR_DATA, "%s: '%s' is '%s', which is not supported; want '%s'", where, key, seen, want);
    return 0;
}

static int refuse_true(const json_t *o, const char *where, const char *key)
{
    bool seen = false;
    TRY(doc_maybe_bool(o, where, key, &seen));
    return seen ? err_set(ERR_DATA, "%s: '%s' is true, which is not supported", where, key) : 0;
}

/* "rope_scaling": null, or the newer "rope_parameters" of type default, which also holds rope_theta. */
static int read_rope(const json_t *o, const char *where, struct config *c)
{
    static const char *const keys[] = { "rope_scaling", "rope_parameters" };
    c->rope_theta = 10000;
    TRY(read_positive(o, where, "rope_theta", &c->rope_theta));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *rope = json_object_get(o, keys[i]);
        if (!rope || json_is_null(rope))
            continue;
        TRY(doc_object(o, where, keys[i], &rope));
        TRY(refuse_text(rope, where, "rope_type", "default"));
        TRY(refuse_text(rope, where, "type", "default"));
        TRY(read_positive(rope, where, "rope_theta", &c->rope_theta));
    }
    return 0;
}

static int read_sizes(const json_t *o, const char *where, struct config *c)
{
    TRY(read_size(o, where, "vocab_size", &c->n_vocab));
    TRY(read_size(o, where, "hidden_size", &c->dim));
    TRY(read_size(o, where, "num_hidden_layers", &c->n_layers));
    TRY(read_size(o, where, "num_attention_heads", &c->n_heads));
    TRY(read_size(o, where, "intermediate_size", &c->ffn));
    c->n_kv_heads = c->n_heads;
    TRY(read_size(o, where, "num_key_value_heads", &c->n_kv_heads));
    c->head_dim = c->dim / c->n_heads;
    TRY(read_size(o, where, "head_dim", &c->head_dim));
    c->max_positions = 2048;
    return read_size(o, where, "max_position_embeddings", &c->max_positions);
}

int config_json_architecture(const json_t *o, const char *where, const char **type)
{
    if (!json_is_object(o))
        return err_set(ERR_DATA, "%s: not an object", where);
    return doc_string(o, where, "model_type", type);
}

int config_json_read(const json_t *o, const char *where, struct config *c)
{
    const char *type;
    TRY(config_json_architecture(o, where, &type));
    if (strcmp(type, "llama") != 0)
        return err_set(ERR_DATA, "%s: 'model_type' is '%s', which is not supported; want 'llama'", where, type);
    *c = (struct config){ .architecture = "llama", .norm_eps = 1e-6f };
    TRY(read_sizes(o, where, c));
    TRY(read_positive(o, where, "rms_norm_eps", &c->norm_eps));
    TRY(read_rope(o, where, c));
    TRY(refuse_text(o, where, "hidden_act", "silu"));
    TRY(refuse_true(o, where, "attention_bias"));
    TRY(refuse_true(o, where, "mlp_bias"));
    TRY(doc_maybe_bool(o, where, "tie_word_embeddings", &c->tied_head));
    return config_json_check(c, where);
}

static int check_width(const char *where, const char *what, uint64_t width)
{
    if (width > CONFIG_WIDTH_MAX)
        return err_set(ERR_DATA, "%s: %s: %llu wide, want at most %u", where, what, (unsigned long long)width,
                       CONFIG_WIDTH_MAX);
    return 0;
}

int config_json_check(const struct config *c, const char *where)
{
    TRY(check_width(where, "the hidden state", c->dim));
    TRY(check_width(where, "the feed-forward part", c->ffn));
    TRY(check_width(where, "all heads together", (uint64_t)c->n_heads * c->head_dim));
    if (c->n_heads % c->n_kv_heads != 0)
        return err_set(ERR_DATA, "%s: %u heads do not divide among %u for keys and values", where, c->n_heads,
                       c->n_kv_heads);
    if (!(c->rope_theta >= 1)) /* below, angles grow with the dimension and overflow */
        return err_set(ERR_DATA, "%s: rope theta is %g, want 1 or more", where, (double)c->rope_theta);
    if (c->head_dim > CONFIG_HEAD_MAX)
        return err_set(ERR_DATA, "%s: heads are %u wide, want at most %u", where, c->head_dim, CONFIG_HEAD_MAX);
    if (c->head_dim % 2 != 0 || c->head_dim == 0)
        return err_set(ERR_DATA, "%s: heads are %u wide, want an even number", where, c->head_dim);
    return 0;
}

int config_json_generation(const json_t *o, const char *where, struct generation_defaults *g)
{
    bool sample = g->do_sample == 1;
    if (!json_is_object(o))
        return err_set(ERR_DATA, "%s: not an object", where);
    TRY(doc_maybe_real(o, where, "temperature", &g->temperature));
    TRY(doc_maybe_real(o, where, "top_p", &g->top_p));
    TRY(doc_maybe_real(o, where, "repetition_penalty", &g->repetition_penalty));
    TRY(doc_maybe_int(o, where, "top_k", &g->top_k));
    TRY(doc_maybe_bool(o, where, "do_sample", &sample));
    if (json_is_boolean(json_object_get(o, "do_sample")))
        g->do_sample = sample;
    return 0;
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

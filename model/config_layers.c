#include "model/config_layers.h"
#include "base/err.h"
#include "model/config_value.h"
#include <string.h>

void config_layers_set_windows(struct config *c, uint32_t every)
{
    for (uint32_t i = 0; i < c->n_layers && i < CONFIG_MIXED_LAYERS; i++)
        if (every == 0 || (i + 1) % every != 0)
            config_add_layer(&c->windowed, i);
}

/* "layer_types": a list of the kind of each layer. */
static int read_types(const json_t *types, const char *where, struct config *c)
{
    size_t i, n = json_array_size(types);
    const json_t *kind;
    if (!json_is_array(types) || n != c->n_layers || n > CONFIG_MIXED_LAYERS)
        return err_set(ERR_DATA, "%s: 'layer_types' has %zu members, want %u (at most %u)", where, n, c->n_layers,
                       CONFIG_MIXED_LAYERS);
    json_array_foreach(types, i, kind)
    {
        const char *name = json_string_value(kind);
        if (name && strcmp(name, "sliding_attention") == 0)
            config_add_layer(&c->windowed, i);
        else if (!name || strcmp(name, "full_attention") != 0)
            return err_set(ERR_DATA, "%s: 'layer_types' has '%s', want full_attention or sliding_attention", where,
                           name ? name : "(not a text)");
        if (config_has_layer(&c->windowed, i) && c->window == 0)
            return err_set(ERR_DATA, "%s: 'layer_types' has sliding_attention, which has no window here", where);
    }
    return 0;
}

static int read_from(const json_t *o, const char *where, struct config *c)
{
    uint32_t from = 28;
    int64_t x = from;
    TRY(doc_maybe_int(o, where, "max_window_layers", &x));
    from = x < 0 ? 0 : x < CONFIG_MIXED_LAYERS ? (uint32_t)x : CONFIG_MIXED_LAYERS;
    for (uint32_t i = from; i < c->n_layers && i < CONFIG_MIXED_LAYERS; i++)
        config_add_layer(&c->windowed, i);
    return 0;
}

/* The window, 0 when there is none. */
static int read_window(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    const char *key = a->keys.window;
    bool used = a->windows == WINDOWS_ALL || a->windows == WINDOWS_EVERY;
    if (!used)
        TRY(doc_maybe_bool(o, where, "use_sliding_window", &used));
    if (!used || config_value_null(o, key) || (a->absent.window == 0 && !json_object_get(o, key)))
        return 0;
    c->window = a->absent.window;
    return config_value_size(o, where, key, &c->window);
}

int config_layers_read_windows(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    const json_t *types = json_object_get(o, "layer_types");
    uint32_t every = a->absent.window_every;
    if (a->windows != WINDOWS_NONE)
        TRY(read_window(o, where, a, c));
    if (types && !json_is_null(types))
        TRY(read_types(types, where, c));
    else if (c->window > 0 && a->windows == WINDOWS_FROM)
        TRY(read_from(o, where, c));
    if (c->window == 0)
        return 0;
    if (a->windows == WINDOWS_ALL || a->windows == WINDOWS_USED)
        config_layers_set_windows(c, 0);
    if (a->windows == WINDOWS_EVERY && (!types || json_is_null(types))) {
        TRY(config_value_size(o, where, "sliding_window_pattern", &every));
        config_layers_set_windows(c, every);
    }
    return 0;
}

/* Layers without experts: those of mlp_only_layers, and all but every decoder_sparse_step-th. */
static int read_dense(const json_t *o, const char *where, struct config *c)
{
    uint32_t step = 1;
    const json_t *only = json_object_get(o, "mlp_only_layers"), *layer;
    size_t i;
    TRY(config_value_size(o, where, "decoder_sparse_step", &step));
    for (uint32_t k = 0; k < c->n_layers && k < CONFIG_MIXED_LAYERS; k++)
        if ((k + 1) % step != 0)
            config_add_layer(&c->dense, k);
    if (!only || json_is_null(only))
        return 0;
    if (!json_is_array(only))
        return err_set(ERR_DATA, "%s: 'mlp_only_layers' is no list", where);
    json_array_foreach(only, i, layer)
    {
        json_int_t x = json_integer_value(layer);
        if (!json_is_integer(layer) || x < 0 || x >= (json_int_t)c->n_layers || x >= CONFIG_MIXED_LAYERS)
            return err_set(ERR_DATA, "%s: 'mlp_only_layers' has what is no layer below %u", where, c->n_layers);
        config_add_layer(&c->dense, (size_t)x);
    }
    return 0;
}

int config_layers_read_experts(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    if (!a->keys.n_experts[0])
        return 0;
    TRY(config_value_named(o, where, a->keys.n_experts, &c->n_experts));
    TRY(config_value_size(o, where, "num_experts_per_tok", &c->n_chosen));
    c->expert_ffn = c->ffn;
    c->expert_share = a->absent.expert_share;
    if (a->keys.expert_ffn) {
        c->expert_ffn = 0;
        TRY(config_value_size(o, where, a->keys.expert_ffn, &c->expert_ffn));
        TRY(doc_maybe_bool(o, where, "norm_topk_prob", &c->expert_share));
        TRY(read_dense(o, where, c));
    }
    return 0;
}

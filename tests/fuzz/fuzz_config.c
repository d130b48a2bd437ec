/* config.json of any bytes, and the ends that generation_config.json may have too: what is accepted is within the limits
 * that everything above counts on. */
#include "model/architecture.h"
#include "model/config_json.h"
#include "model/json_members.h"
#include "model/rope.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_layers(const struct config *c)
{
    bool mixed = c->window > 0 || c->n_experts > 0;
    if (mixed && c->n_layers > CONFIG_MIXED_LAYERS)
        abort();
    for (size_t i = 0; c->window == 0 && i < CONFIG_MIXED_LAYERS; i++)
        if (config_has_layer(&c->windowed, i))
            abort();
    if (c->n_experts > CONFIG_EXPERT_MAX || c->n_chosen > c->n_experts || (c->n_experts > 0 && c->n_chosen < 1) ||
        c->expert_ffn > CONFIG_WIDTH_MAX)
        abort();
}

/* Angles up to a million positions are numbers. */
static void check_positions(const struct config *c)
{
    if (architecture_of(c)->positions != POSITIONS_ROPE)
        return;
    if (c->head_dim % 2 != 0 || c->n_rotary > c->head_dim || c->n_rotary % 2 != 0 || !(c->rope_theta > 0) ||
        !isfinite(c->rope_theta) || c->rope.n_factors > CONFIG_FACTORS_MAX)
        abort();
    struct rope *r = rope_alloc(c, c->max_positions);
    for (size_t i = 0; i < r->half; i++)
        if (!isfinite(r->frequency[i] * 1e6f * r->amplitude))
            abort();
    rope_free(r);
}

static void check_config(const struct config *c)
{
    uint64_t width = (uint64_t)c->n_heads * c->head_dim;
    if (c->n_vocab < 1 || c->n_vocab > CONFIG_DIM_MAX || c->n_layers < 1 || c->n_layers > CONFIG_DIM_MAX ||
        c->max_positions < 1 || c->max_positions > CONFIG_DIM_MAX || c->dim < 1 || c->dim > CONFIG_WIDTH_MAX ||
        c->ffn < 1 || c->ffn > CONFIG_WIDTH_MAX || width < 1 || width > CONFIG_WIDTH_MAX ||
        c->n_heads % c->n_kv_heads != 0 || !(c->norm_eps > 0) || !isfinite(c->norm_eps) || !isfinite(c->query_scale) ||
        !(c->score_cap >= 0 && c->score_cap <= 1000) || !(c->attention_cap >= 0 && c->attention_cap <= 1000))
        abort();
    check_layers(c);
    check_positions(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_t *o = json_members_read("input", (const char *)data, n, 1u << 20);
    struct config c;
    struct symbols ends = { 0 };
    const char *type;
    if (!o)
        return 0;
    if (config_json_read(o, "input", &c) == 0)
        check_config(&c);
    config_json_architecture(o, "input", &type);
    if (config_json_ends(o, "input", &ends) == 0 && ends.n > CONFIG_ENDS_MAX)
        abort();
    free(ends.s);
    json_decref(o);
    return 0;
}

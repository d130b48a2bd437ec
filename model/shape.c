#include "model/shape.h"
#include "base/err.h"
#include "model/architecture.h"
#include "model/config_json.h"
#include <string.h>

/* "torch_dtype", which newer files call "dtype"; quantised ones, whose types are not ours, count as bf16. */
static enum dtype read_type(const json_t *o)
{
    const char *type = json_string_value(json_object_get(o, "torch_dtype"));
    type = type ? type : json_string_value(json_object_get(o, "dtype"));
    bool wide = !type || strcmp(type, "float32") == 0;
    return wide ? DTYPE_F32 : strcmp(type, "float16") == 0 ? DTYPE_F16 : DTYPE_BF16;
}

static void set_sizes(const struct config *g, struct shape *s)
{
    const struct architecture *a = architecture_of(g);
    *s = (struct shape){ .architecture = a->name,
                         .n_vocab = g->n_vocab,
                         .dim = g->dim,
                         .n_layers = g->n_layers,
                         .n_heads = g->n_heads,
                         .n_kv_heads = g->n_kv_heads,
                         .head_dim = g->head_dim,
                         .ffn = g->ffn,
                         .max_positions = a->positions == POSITIONS_ALIBI ? 0 : g->max_positions,
                         .n_experts = g->n_experts,
                         .n_chosen = g->n_chosen,
                         .expert_ffn = g->expert_ffn,
                         .tied_head = g->tied_head,
                         .embedding = g->tied_head ? 0 : (uint64_t)g->n_vocab * g->dim,
                         .idle = architecture_idle_parameters(g) };
}

/* How weights are packed does not change how many there are: a quantised checkpoint is planned as it was before. */
static int read_config(const json_t *o, const char *where, struct config *g)
{
    json_t *plain = json_copy((json_t *)(uintptr_t)o);
    json_object_del(plain, "quantization_config");
    int rc = config_json_read(plain, where, g);
    json_decref(plain);
    return rc;
}

int shape_read(const json_t *config, const char *where, struct shape *s)
{
    const json_t *inner = json_object_get(config, "text_config");
    const json_t *o = json_is_object(inner) ? inner : config;
    struct config g;
    TRY(read_config(o, where, &g));
    set_sizes(&g, s);
    s->parameters = architecture_parameters(&g);
    s->type = read_type(o);
    if (s->parameters == UINT64_MAX)
        return err_set(ERR_DATA, "%s: its sizes make more than 2^62 parameters", where);
    return 0;
}

void shape_of(const struct checkpoint *c, struct shape *s)
{
    set_sizes(&c->config, s);
    s->parameters = checkpoint_parameters(c);
    for (size_t i = 0; i < c->n_tensors; i++) /* the largest matrix's stands for all */
        if (c->tensors[i].n_dims > 1 && c->tensors[i].dims[0] == c->config.n_vocab)
            s->type = c->tensors[i].type;
}

uint64_t shape_kv_values(const struct shape *s)
{
    return s->n_layers * 2 * s->n_kv_heads * s->head_dim;
}

uint64_t shape_activations(const struct shape *s)
{
    uint64_t q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;
    return (3 * s->dim + 2 * q + 2 * kv + 2 * (s->ffn > s->expert_ffn ? s->ffn : s->expert_ffn)) * sizeof(float);
}

/* A GGUF file of the llama architecture: its keys as a config, its tensors under canonical names. */
#include "base/err.h"
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include "model/config_json.h"
#include "model/vocab_gguf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 128

static const struct {
    const char *gguf, *canonical;
} top_names[] = {
    { "token_embd.weight", "model.embed_tokens.weight" },
    { "output_norm.weight", "model.norm.weight" },
    { "output.weight", "lm_head.weight" },
}, layer_names[] = {
    { "attn_norm.weight", "input_layernorm.weight" },
    { "attn_q.weight", "self_attn.q_proj.weight" },
    { "attn_k.weight", "self_attn.k_proj.weight" },
    { "attn_v.weight", "self_attn.v_proj.weight" },
    { "attn_output.weight", "self_attn.o_proj.weight" },
    { "ffn_norm.weight", "post_attention_layernorm.weight" },
    { "ffn_gate.weight", "mlp.gate_proj.weight" },
    { "ffn_up.weight", "mlp.up_proj.weight" },
    { "ffn_down.weight", "mlp.down_proj.weight" },
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* "blk.12.attn_q.weight": the layer in *layer, its digits checked; what follows them, or NULL. */
static const char *after_layer(const char *name, uint64_t *layer)
{
    char digits[12];
    if (strncmp(name, "blk.", 4) != 0)
        return NULL;
    size_t n = strspn(name + 4, "0123456789");
    if (n == 0 || n >= sizeof digits || name[4 + n] != '.')
        return NULL;
    memcpy(digits, name + 4, n);
    digits[n] = '\0';
    return text_u64(digits, layer) ? name + 4 + n + 1 : NULL;
}

static bool canonical_name(const char *name, char out[NAME_BYTES])
{
    uint64_t layer;
    const char *rest = after_layer(name, &layer);
    for (size_t i = 0; i < COUNT(top_names); i++)
        if (strcmp(name, top_names[i].gguf) == 0) {
            snprintf(out, NAME_BYTES, "%s", top_names[i].canonical);
            return true;
        }
    for (size_t i = 0; rest && i < COUNT(layer_names); i++)
        if (strcmp(rest, layer_names[i].gguf) == 0) {
            snprintf(out, NAME_BYTES, "model.layers.%llu.%s", (unsigned long long)layer, layer_names[i].canonical);
            return true;
        }
    return false;
}

static int read_tensors(struct checkpoint *c)
{
    const struct tensor_list *from = &c->files->gguf->tensors;
    if (from->n == 0)
        return err_set(ERR_DATA, "%s: there are no tensors in it (a vocabulary only)", c->path);
    for (size_t i = 0; i < from->n; i++) {
        char name[NAME_BYTES];
        struct tensor t = from->t[i];
        if (!canonical_name(t.name, name))
            return err_set(ERR_DATA, "%s: tensor '%s' has no place in the llama architecture", c->path, t.name);
        t.name = name;
        TRY(tensor_list_add(&c->files->tensors, c->path, &t));
    }
    return tensor_list_sort(&c->files->tensors, c->path);
}

static int read_size(const struct gguf *g, const char *key, uint32_t *x)
{
    if (*x == 0 && !gguf_find(g, key))
        return err_set(ERR_DATA, "%s: '%s' is missing", g->where, key);
    TRY(gguf_maybe_u32(g, key, x));
    if (*x == 0 || *x > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %u, want 1 .. %u", g->where, key, *x, CONFIG_DIM_MAX);
    return 0;
}

/* Anything but plain rotary embeddings over whole heads is refused. */
static int check_rope(const struct gguf *g, const struct config *c)
{
    uint32_t width = c->head_dim;
    char *scaling;
    TRY(gguf_maybe_u32(g, "llama.rope.dimension_count", &width));
    if (width != c->head_dim)
        return err_set(ERR_DATA, "%s: 'llama.rope.dimension_count' is %u, want the width of a head, %u", g->where,
                       width, c->head_dim);
    TRY(gguf_maybe_string(g, "llama.rope.scaling.type", &scaling));
    int rc = 0;
    if (scaling && strcmp(scaling, "none") != 0)
        rc = err_set(ERR_DATA, "%s: 'llama.rope.scaling.type' is '%s', which is not supported; want 'none'", g->where,
                     scaling);
    free(scaling);
    return rc;
}

static int read_config(struct checkpoint *c)
{
    const struct gguf *g = c->files->gguf;
    struct config k = { .architecture = "llama", .rope_theta = 10000, .rope_interleaved = true };
    TRY(read_size(g, "llama.embedding_length", &k.dim));
    TRY(read_size(g, "llama.block_count", &k.n_layers));
    TRY(read_size(g, "llama.attention.head_count", &k.n_heads));
    TRY(read_size(g, "llama.feed_forward_length", &k.ffn));
    TRY(read_size(g, "llama.context_length", &k.max_positions));
    k.n_kv_heads = k.n_heads;
    TRY(read_size(g, "llama.attention.head_count_kv", &k.n_kv_heads));
    k.head_dim = k.dim / k.n_heads;
    TRY(read_size(g, "llama.attention.key_length", &k.head_dim));
    TRY(gguf_maybe_real(g, "llama.attention.layer_norm_rms_epsilon", &k.norm_eps));
    TRY(gguf_maybe_real(g, "llama.rope.freq_base", &k.rope_theta));
    if (!(k.norm_eps > 0) || !(k.rope_theta > 0))
        return err_set(ERR_DATA, "%s: norm epsilon %g and rope base %g must be more than 0", g->where,
                       (double)k.norm_eps, (double)k.rope_theta);
    TRY(check_rope(g, &k));
    TRY(config_json_check(&k, g->where));
    c->config = k;
    return 0;
}

/* What the tensors say: rows of the embedding, and whether the head is the embedding. */
static int read_shapes(struct checkpoint *c)
{
    const struct tensor *embedding = tensor_list_find(&c->files->tensors, "model.embed_tokens.weight");
    if (!embedding || embedding->n_dims != 2 || embedding->dims[0] > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: 'token_embd.weight' is missing or no matrix", c->path);
    c->config.n_vocab = (uint32_t)embedding->dims[0];
    c->config.tied_head = !tensor_list_find(&c->files->tensors, "lm_head.weight");
    return 0;
}

static int read_hyperparameters(struct checkpoint *c, const struct checkpoint_want *want)
{
    TRY(gguf_maybe_string(c->files->gguf, "general.architecture", &c->files->architecture));
    const char *type = c->files->architecture;
    if (!type)
        return err_set(ERR_DATA, "%s: 'general.architecture' is missing", c->path);
    if (want->weights && strcmp(type, "llama") != 0)
        return err_set(ERR_DATA, "%s: 'general.architecture' is '%s', which is not supported; want 'llama'", c->path,
                       type);
    if (want->weights)
        return read_config(c);
    if (strcmp(type, "llama") != 0 || read_config(c) < 0) /* a vocabulary needs none of it */
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

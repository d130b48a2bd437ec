/* To GGUF: of the llama architecture, keys and names as llama.cpp has them. */
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/convert_inside.h"
#include "model/gguf_write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 128
#define COUNT(a)   (sizeof(a) / sizeof *(a))

static const struct {
    const char *canonical, *gguf;
} tops[] = {
    { "model.embed_tokens.weight", "token_embd.weight" },
    { "model.norm.weight", "output_norm.weight" },
    { "lm_head.weight", "output.weight" },
}, parts[] = {
    { "input_layernorm.weight", "attn_norm.weight" },
    { "self_attn.q_proj.weight", "attn_q.weight" },
    { "self_attn.k_proj.weight", "attn_k.weight" },
    { "self_attn.v_proj.weight", "attn_v.weight" },
    { "self_attn.o_proj.weight", "attn_output.weight" },
    { "post_attention_layernorm.weight", "ffn_norm.weight" },
    { "mlp.gate_proj.weight", "ffn_gate.weight" },
    { "mlp.up_proj.weight", "ffn_up.weight" },
    { "mlp.down_proj.weight", "ffn_down.weight" },
};

/* GGUF's name of a tensor; false: it has none. */
static bool gguf_name(const char *name, char out[NAME_BYTES])
{
    static const char layers[] = "model.layers.";
    for (size_t i = 0; i < COUNT(tops); i++)
        if (strcmp(name, tops[i].canonical) == 0)
            return snprintf(out, NAME_BYTES, "%s", tops[i].gguf) > 0;
    if (strncmp(name, layers, sizeof layers - 1) != 0)
        return false;
    const char *number = name + sizeof layers - 1;
    size_t n = strspn(number, "0123456789");
    for (size_t i = 0; n < 9 && i < COUNT(parts); i++)
        if (number[n] == '.' && strcmp(number + n + 1, parts[i].canonical) == 0)
            return snprintf(out, NAME_BYTES, "blk.%.*s.%s", (int)n, number, parts[i].gguf) > 0;
    return false;
}

static enum recast_order order_of(const struct conversion *v, const char *name)
{
    bool turns = strstr(name, ".attn_q.weight") || strstr(name, ".attn_k.weight");
    return turns && !v->c->config.rope_interleaved ? RECAST_TO_PAIRS : RECAST_SAME;
}

static int add_tensors(struct conversion *v)
{
    for (size_t i = 0; i < v->c->n_tensors; i++) {
        const struct tensor *t = &v->c->tensors[i];
        char name[NAME_BYTES];
        if (architecture_idle(&v->c->config, t->name))
            continue;
        if (!gguf_name(t->name, name))
            return err_set(ERR_DATA, "%s: tensor '%s' has no name in GGUF", v->from, t->name);
        struct recast r = { .to = *t, .from = t->data ? t : NULL, .order = order_of(v, name) };
        r.to.name = name;
        r.to.type = t->n_dims > 1 ? convert_type(v, t) : DTYPE_F32;
        r.head_dim = v->c->config.head_dim;
        r.seed = v->options->seed + i;
        r.centre = t->n_dims > 1 ? 0 : 1;
        r.spread = t->n_dims > 1 ? sqrtf(3.0f / (float)t->dims[1]) : 0.5f;
        TRY(recast_add(&v->tensors, v->to, &r));
    }
    return 0;
}

/* general.file_type (enum llama_ftype of llama.h): what most matrices are. */
static uint32_t file_type(const struct conversion *v)
{
    static const struct {
        enum dtype type;
        uint32_t stored;
    } known[] = {
        { DTYPE_F32, 0 },   { DTYPE_F16, 1 },   { DTYPE_BF16, 32 }, { DTYPE_Q8_0, 7 },  { DTYPE_Q4_0, 2 },
        { DTYPE_Q4_1, 3 },  { DTYPE_Q5_0, 8 },  { DTYPE_Q5_1, 9 },  { DTYPE_Q2_K, 10 }, { DTYPE_Q3_K, 11 },
        { DTYPE_Q4_K, 14 }, { DTYPE_Q5_K, 16 }, { DTYPE_Q6_K, 18 },
    };
    size_t n[DTYPE_COUNT] = { 0 }, most = 0;
    for (size_t i = 0; i < v->tensors.n; i++)
        n[v->tensors.r[i].to.type] += v->tensors.r[i].to.n_dims > 1;
    for (size_t i = 1; i < COUNT(known); i++)
        if (n[known[i].type] > n[known[most].type])
            most = i;
    return known[most].stored;
}

static void add_config(const struct conversion *v, struct gguf_keys *k)
{
    const struct config *g = &v->c->config;
    const char *slash = strrchr(v->from, '/'), *colon = strrchr(v->from, ':');
    const char *name = slash && slash[1] ? slash + 1 : colon && colon[1] ? colon + 1 : v->from;
    gguf_write_text(k, "general.architecture", "llama", 5);
    gguf_write_text(k, "general.name", name, strlen(name));
    gguf_write_u32(k, "general.file_type", file_type(v));
    gguf_write_u32(k, "general.quantization_version", 2);
    gguf_write_u32(k, "llama.vocab_size", g->n_vocab);
    gguf_write_u32(k, "llama.context_length", g->max_positions);
    gguf_write_u32(k, "llama.embedding_length", g->dim);
    gguf_write_u32(k, "llama.block_count", g->n_layers);
    gguf_write_u32(k, "llama.feed_forward_length", g->ffn);
    gguf_write_u32(k, "llama.attention.head_count", g->n_heads);
    gguf_write_u32(k, "llama.attention.head_count_kv", g->n_kv_heads);
    gguf_write_u32(k, "llama.attention.key_length", g->head_dim);
    gguf_write_u32(k, "llama.attention.value_length", g->head_dim);
    gguf_write_u32(k, "llama.rope.dimension_count", g->head_dim);
    gguf_write_real(k, "llama.rope.freq_base", g->rope_theta);
    gguf_write_real(k, "llama.attention.layer_norm_rms_epsilon", g->norm_eps);
}

/* What model/checkpoint_sampling.c reads; a checkpoint that does not sample has no use for it. */
static void add_sampling(const struct conversion *v, struct gguf_keys *k)
{
    const struct generation_defaults *d = &v->c->generation;
    if (!v->c->files || d->do_sample == 0)
        return;
    if (!isnan(d->temperature))
        gguf_write_real(k, CHECKPOINT_SAMPLING "temp", (float)d->temperature);
    if (!isnan(d->top_p))
        gguf_write_real(k, CHECKPOINT_SAMPLING "top_p", (float)d->top_p);
    if (!isnan(d->repetition_penalty))
        gguf_write_real(k, CHECKPOINT_SAMPLING "penalty_repeat", (float)d->repetition_penalty);
    if (d->top_k > 0 && d->top_k <= INT32_MAX)
        gguf_write_u32(k, CHECKPOINT_SAMPLING "top_k", (uint32_t)d->top_k);
}

/* Of a GGUF file: every key but those that speak of the file itself. */
static void copy_keys(const struct conversion *v, struct gguf_keys *k)
{
    const struct gguf *g = v->c->files->gguf;
    static const char *const own[] = { "general.alignment", "general.file_type", "general.quantization_version",
                                       "split.no",          "split.count",       "split.tensors.count" };
    for (size_t i = 0; i < g->n_pairs; i++) {
        size_t j = 0;
        while (j < COUNT(own) && strcmp(g->pairs[i].key, own[j]) != 0)
            j++;
        if (j == COUNT(own))
            gguf_write_value(k, g->pairs[i].key, &g->pairs[i].value);
    }
    gguf_write_u32(k, "general.file_type", file_type(v));
    gguf_write_u32(k, "general.quantization_version", 2);
}

static int copy_tensors(struct conversion *v)
{
    const struct tensor_list *l = &v->c->files->gguf->tensors;
    for (size_t i = 0; i < l->n; i++) {
        struct recast r = { .to = l->t[i], .from = &l->t[i] };
        if (l->t[i].n_dims > 1)
            r.to.type = convert_type(v, &l->t[i]);
        TRY(recast_add(&v->tensors, v->to, &r));
    }
    return 0;
}

static int fill(struct conversion *v, struct gguf_keys *k)
{
    if (v->c->files && v->c->files->gguf) {
        TRY(copy_tensors(v));
        copy_keys(v, k);
        return 0;
    }
    TRY(convert_check_plain(v));
    TRY(add_tensors(v));
    add_config(v, k);
    add_sampling(v, k);
    return convert_add_tokenizer(v, k);
}

int convert_to_gguf(struct conversion *v)
{
    struct gguf_keys keys = { 0 };
    int rc = fill(v, &keys);
    if (rc == 0)
        rc = gguf_write_file(v->to, &keys, &v->tensors);
    text_free(&keys.bytes);
    return rc;
}

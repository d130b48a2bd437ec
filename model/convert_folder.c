/* To a folder in the Hugging Face layout: made aside, synced, and renamed when it is whole. */
#include "base/doc.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/mem.h"
#include "model/convert_inside.h"
#include "model/safetensors_write.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_MAX ((size_t)1 << 27) /* bytes of a file that is taken over; tokenizers have 35 MB at most */
#define ENDS_MAX 64

static const char *path_in(struct text *t, const char *folder, const char *name)
{
    text_clear(t);
    text_addf(t, "%s/%s", folder, name);
    return text_s(t);
}

static int put_text(const char *folder, const char *name, const char *s)
{
    struct text path = { 0 };
    int rc = text_write_file(path_in(&path, folder, name), s, strlen(s));
    text_free(&path);
    return rc;
}

static int put_json(const char *folder, const char *name, const json_t *o)
{
    struct text t = { 0 };
    doc_pretty(&t, o);
    text_add(&t, "\n");
    int rc = put_text(folder, name, text_s(&t));
    text_free(&t);
    return rc;
}

/* Matrices without blocks, of the type asked for, else their own, else float32. */
static enum dtype matrix_type(struct conversion *v, const struct tensor *t)
{
    enum dtype type = convert_type(v, t);
    return dtype_block(type) > 1 ? DTYPE_F32 : type;
}

/* The type that all matrices get; F32 where they differ. */
static enum dtype common_type(struct conversion *v)
{
    int type = -1;
    for (size_t i = 0; i < v->c->n_tensors; i++)
        if (v->c->tensors[i].n_dims > 1) {
            int seen = (int)matrix_type(v, &v->c->tensors[i]);
            type = type < 0 || type == seen ? seen : (int)DTYPE_F32;
        }
    return type < 0 ? DTYPE_F32 : (enum dtype)type;
}

static enum dtype vector_type(const struct conversion *v, const struct tensor *t, enum dtype common)
{
    if (v->has_type || !t->data)
        return common;
    return recast_is_exact(t, common) ? common : DTYPE_F32;
}

static int add_tensors(struct conversion *v, enum dtype common)
{
    const struct config *g = &v->c->config;
    bool from_pairs = v->c->files && g->rope_interleaved;
    for (size_t i = 0; i < v->c->n_tensors; i++) {
        const struct tensor *t = &v->c->tensors[i];
        struct recast r = { .to = *t, .from = t->data ? t : NULL, .head_dim = g->head_dim };
        bool turns = strstr(t->name, ".q_proj.weight") || strstr(t->name, ".k_proj.weight");
        r.to.type = t->n_dims > 1 ? matrix_type(v, t) : vector_type(v, t, common);
        r.order = turns && from_pairs ? RECAST_FROM_PAIRS : RECAST_SAME;
        r.seed = v->options->seed + i;
        r.centre = t->n_dims > 1 ? 0 : 1;
        r.spread = t->n_dims > 1 ? sqrtf(3.0f / (float)t->dims[1]) : 0.5f;
        TRY(recast_add(&v->tensors, v->to, &r));
    }
    return 0;
}

static const char *torch_type(enum dtype t)
{
    return t == DTYPE_F16 ? "float16" : t == DTYPE_BF16 ? "bfloat16" : "float32";
}

/* The ids that end a text, without the role marks that every vocabulary adds by itself. */
static json_t *end_ids(const struct vocab *vocab)
{
    const struct space *s = vocab_space(vocab);
    json_t *ids = json_array();
    for (size_t i = 0; i < s->n_ends && i < ENDS_MAX; i++) {
        const char *piece = vocab_piece(vocab, s->ends[i]);
        if (strcmp(piece, VOCAB_MARK_INSTRUCTION) != 0 && strcmp(piece, VOCAB_MARK_RESPONSE) != 0)
            json_array_append_new(ids, json_integer(s->ends[i]));
    }
    if (json_array_size(ids) != 1)
        return ids;
    json_t *one = json_incref(json_array_get(ids, 0));
    json_decref(ids);
    return one;
}

/* bos_token_id and eos_token_id; random weights have those of convert_random_tokenizer(). */
static void set_ends(const struct conversion *v, json_t *o)
{
    int64_t bos = v->c->vocab ? vocab_bos(v->c->vocab) : 0;
    if (bos >= 0)
        json_object_set_new(o, "bos_token_id", json_integer(bos));
    json_object_set_new(o, "eos_token_id", v->c->vocab ? end_ids(v->c->vocab) : json_integer(1));
}

/* The shortest number that is this float. */
static json_t *number(float x)
{
    char s[32];
    double y = NAN;
    for (int digits = 1; digits <= 9 && (float)y != x; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, (double)x);
        text_real(s, &y);
    }
    return json_real(y);
}

static int put_config(const struct conversion *v, const char *folder, enum dtype common)
{
    const struct config *g = &v->c->config;
    json_t *o =
        json_pack("{s:[s],s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:o,s:o,s:b,s:b,s:b,s:s}", "architectures",
                  "LlamaForCausalLM", "model_type", "llama", "hidden_act", "silu", "vocab_size", (int)g->n_vocab,
                  "hidden_size", (int)g->dim, "num_hidden_layers", (int)g->n_layers, "num_attention_heads",
                  (int)g->n_heads, "num_key_value_heads", (int)g->n_kv_heads, "head_dim", (int)g->head_dim,
                  "intermediate_size", (int)g->ffn, "max_position_embeddings", (int)g->max_positions, "rms_norm_eps",
                  number(g->norm_eps), "rope_theta", number(g->rope_theta), "tie_word_embeddings", (int)g->tied_head,
                  "attention_bias", 0, "mlp_bias", 0, "torch_dtype", torch_type(common));
    set_ends(v, o);
    int rc = put_json(folder, "config.json", o);
    json_decref(o);
    return rc;
}

static int put_generation(const struct conversion *v, const char *folder)
{
    const struct generation_defaults *d = &v->c->generation;
    json_t *o = json_object();
    set_ends(v, o);
    if (d->do_sample >= 0)
        json_object_set_new(o, "do_sample", json_boolean(d->do_sample));
    if (v->c->files && !isnan(d->temperature))
        json_object_set_new(o, "temperature", number((float)d->temperature));
    if (v->c->files && !isnan(d->top_p))
        json_object_set_new(o, "top_p", number((float)d->top_p));
    if (v->c->files && !isnan(d->repetition_penalty))
        json_object_set_new(o, "repetition_penalty", number((float)d->repetition_penalty));
    if (d->top_k > 0)
        json_object_set_new(o, "top_k", json_integer(d->top_k));
    int rc = put_json(folder, "generation_config.json", o);
    json_decref(o);
    return rc;
}

static int put_tokenizer_config(const struct conversion *v, const char *folder)
{
    json_t *o = json_pack("{s:s,s:b,s:i}", "tokenizer_class", "PreTrainedTokenizerFast", "clean_up_tokenization_spaces",
                          0, "model_max_length", (int)v->c->config.max_positions);
    const struct vocab *vocab = v->c->vocab;
    const struct space *s = vocab ? vocab_space(vocab) : NULL;
    int64_t bos = vocab ? vocab_bos(vocab) : 0;
    if (bos >= 0)
        json_object_set_new(o, "bos_token", json_string(vocab ? vocab_piece(vocab, (sym_t)bos) : "<s>"));
    if (!s || s->n_ends > 0)
        json_object_set_new(o, "eos_token", json_string(s ? vocab_piece(vocab, s->ends[0]) : "</s>"));
    if (v->c->chat_template)
        json_object_set_new(o, "chat_template", json_string(v->c->chat_template));
    int rc = put_json(folder, "tokenizer_config.json", o);
    json_decref(o);
    return rc;
}

static int put_tokenizer(const struct conversion *v, const char *folder)
{
    const struct gguf *g = v->c->files ? v->c->files->gguf : NULL;
    if (!g && v->c->files)
        return err_set(ERR_DATA, "%s: its tokenizer cannot be written as tokenizer.json; want a name in .gguf",
                       v->from);
    char *s = g ? convert_tokenizer_json(g) : convert_random_tokenizer(v->c->config.n_vocab);
    int rc = s ? put_text(folder, "tokenizer.json", s) : ERR_DATA;
    free(s);
    return rc;
}

/* Every file but the weights, made. */
static int put_files(const struct conversion *v, const char *folder, enum dtype common)
{
    TRY(convert_check_plain(v));
    TRY(put_tokenizer(v, folder));
    TRY(put_config(v, folder, common));
    TRY(put_generation(v, folder));
    return put_tokenizer_config(v, folder);
}

static int copy_file(const char *from, const char *folder, const char *name)
{
    struct text bytes = { 0 }, path = { 0 };
    int rc = text_read_file(&bytes, path_in(&path, from, name), COPY_MAX);
    if (rc == 0)
        rc = text_write_file(path_in(&path, folder, name), text_s(&bytes), bytes.len);
    text_free(&bytes);
    text_free(&path);
    return rc;
}

/* config.json as it is, but for the type it names. */
static int copy_config(const struct conversion *v, const char *folder, enum dtype common)
{
    static const char *const keys[] = { "torch_dtype", "dtype" };
    struct text path = { 0 };
    json_t *o = doc_read_file(path_in(&path, v->c->path, "config.json"), COPY_MAX);
    text_free(&path);
    if (!o)
        return err_code();
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(o, keys[i]))
            json_object_set_new(o, keys[i], json_string(torch_type(common)));
    int rc = put_json(folder, "config.json", o);
    json_decref(o);
    return rc;
}

/* Every file but the weights, of a folder. */
static int copy_files(const struct conversion *v, const char *folder, enum dtype common)
{
    static const char *const names[] = { "generation_config.json",
                                         "tokenizer.json",
                                         "tokenizer_config.json",
                                         "special_tokens_map.json",
                                         "added_tokens.json",
                                         "tokenizer.model",
                                         "vocab.json",
                                         "merges.txt",
                                         "chat_template.jinja",
                                         "LICENSE",
                                         "configuration.json" };
    struct text path = { 0 };
    int rc = v->has_type ? copy_config(v, folder, common) : copy_file(v->c->path, folder, "config.json");
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof *names; i++)
        if (access(path_in(&path, v->c->path, names[i]), F_OK) == 0)
            rc = copy_file(v->c->path, folder, names[i]);
    text_free(&path);
    return rc;
}

static int fill(struct conversion *v, const char *folder)
{
    enum dtype common = common_type(v);
    struct text path = { 0 };
    bool is_folder = v->c->files && strcmp(v->c->format, "safetensors") == 0;
    int rc = is_folder ? copy_files(v, folder, common) : put_files(v, folder, common);
    if (rc == 0)
        rc = add_tensors(v, common);
    if (rc == 0)
        rc = safetensors_write_file(path_in(&path, folder, "model.safetensors"), &v->tensors);
    text_free(&path);
    return rc;
}

int convert_to_folder(struct conversion *v)
{
    if (v->has_type && dtype_block(v->type) > 1)
        return err_set(ERR_USAGE, "%s: a folder holds f32, f16 and bf16, not %s; want a name that ends in .gguf", v->to,
                       dtype_name(v->type));
    struct text aside = { 0 };
    text_addf(&aside, "%s.%ld.part", v->to, (long)getpid());
    int rc = 0;
    if (mkdir(text_s(&aside), 0777) != 0)
        rc = err_set(ERR_IO, "%s: cannot make this folder: %s", v->to, strerror(errno));
    if (rc == 0)
        rc = fill(v, text_s(&aside));
    if (rc == 0)
        rc = save_file_rename(text_s(&aside), v->to);
    if (rc < 0)
        folder_remove(text_s(&aside), 0);
    text_free(&aside);
    return rc;
}

/* To a folder in the Hugging Face layout: made aside, synced, and renamed when it is whole. */
#include "base/err.h"
#include "base/folder.h"
#include "model/convert_inside.h"
#include "model/safetensors_write.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MADE     9 /* digits */
#define COPIED   17
#define COPY_MAX ((size_t)1 << 27) /* bytes of a file that is taken over; tokenizers have 35 MB at most */

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

/* Real numbers with so many digits: 9 tell floats apart, 17 doubles.  A whole one keeps its ".0", without which transformers
 * takes it for an integer and refuses it. */
static int put_json(const char *folder, const char *name, const json_t *o, size_t digits)
{
    char *s = json_dumps(o, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(digits));
    struct text t = { 0 };
    text_add(&t, s ? s : "{}");
    text_add(&t, "\n");
    free(s);
    int rc = put_text(folder, name, text_s(&t));
    text_free(&t);
    return rc;
}

/* Matrices without blocks, of the type asked for, else their own, else float32. */
static enum dtype matrix_type(struct conversion *v, const struct tensor *t)
{
    enum dtype type = convert_type(v, NULL, t, 1);
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

static enum dtype vector_type(const struct conversion *v, struct recast *r, enum dtype common)
{
    r->to.type = common;
    return v->has_type || !r->from->data || recast_is_exact(r) ? common : DTYPE_F32;
}

static int add_placed(struct conversion *v, size_t i, const struct architecture_place *p, enum dtype common)
{
    struct config to = v->c->config;
    struct recast r;
    char name[ARCHITECTURE_NAME_BYTES];
    architecture_lay_out_folder(&to);
    TRY(convert_place(v, i, p, &to, &r));
    architecture_name(p, name);
    r.to.name = name;
    r.to.type = r.to.n_dims > 1 ? matrix_type(v, r.from) : vector_type(v, &r, common);
    return recast_add(&v->tensors, v->to, &r);
}

/* Of a folder the tensors are as they are, but for their types. */
static int add_same(struct conversion *v, size_t i, enum dtype common)
{
    const struct tensor *t = &v->c->tensors[i];
    struct recast r = { .to = *t, .from = t };
    r.to.type = t->n_dims > 1 ? matrix_type(v, t) : vector_type(v, &r, common);
    return recast_add(&v->tensors, v->to, &r);
}

static int add_tensors(struct conversion *v, enum dtype common)
{
    const struct config *c = &v->c->config;
    bool folder = v->c->files && strcmp(v->c->format, "safetensors") == 0;
    for (size_t i = 0; i < v->c->n_tensors; i++) {
        struct architecture_place p;
        if (folder)
            TRY(add_same(v, i, common));
        else if (architecture_place(c, v->c->tensors[i].name, &p))
            TRY(add_placed(v, i, &p, common));
        else
            return err_set(ERR_DATA, "%s: tensor '%s' has no place in a %s decoder of %u layers", v->from,
                           v->c->tensors[i].name, c->architecture, c->n_layers);
    }
    return 0;
}

static const char *torch_type(enum dtype t)
{
    return t == DTYPE_F16 ? "float16" : t == DTYPE_BF16 ? "bfloat16" : "float32";
}

static json_t *end_ids(const struct convert_ids *ids)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ids->ends.n; i++)
        json_array_append_new(list, json_integer(ids->ends.s[i]));
    if (json_array_size(list) != 1)
        return list;
    json_t *one = json_incref(json_array_get(list, 0));
    json_decref(list);
    return one;
}

static void set_ids(const struct convert_ids *ids, json_t *o)
{
    if (ids->bos >= 0)
        json_object_set_new(o, "bos_token_id", json_integer(ids->bos));
    if (ids->ends.n > 0)
        json_object_set_new(o, "eos_token_id", end_ids(ids));
    if (ids->pad >= 0)
        json_object_set_new(o, "pad_token_id", json_integer(ids->pad));
}

static int put_config(const struct conversion *v, const char *folder, enum dtype common, const struct convert_ids *ids)
{
    /* absent, they would be what the class of transformers has */
    json_t *o = json_pack("{s:n,s:n,s:n}", "bos_token_id", "eos_token_id", "pad_token_id");
    int rc = convert_set_config(v, o);
    json_object_set_new(o, "torch_dtype", json_string(torch_type(common)));
    set_ids(ids, o);
    if (rc == 0)
        rc = put_json(folder, "config.json", o, MADE);
    json_decref(o);
    return rc;
}

/* As it was where the GGUF file has it whole. */
static int put_generation(const struct conversion *v, const char *folder, const struct convert_ids *ids)
{
    static const char name[] = "generation_config.json";
    char *whole = NULL;
    if (v->c->files && v->c->files->gguf)
        TRY(gguf_maybe_string(v->c->files->gguf, CHECKPOINT_GENERATION, &whole));
    json_t *o = json_object();
    set_ids(ids, o);
    if (!whole)
        convert_set_generation(v, o);
    int rc = whole ? put_text(folder, name, whole) : put_json(folder, name, o, MADE);
    json_decref(o);
    free(whole);
    return rc;
}

static void set_piece(const struct conversion *v, json_t *o, const char *key, int64_t id)
{
    const struct vocab *vocab = v->c->vocab;
    if (id >= 0 && vocab && id < (int64_t)vocab_space(vocab)->n)
        json_object_set_new(o, key, json_string(vocab_piece(vocab, (sym_t)id)));
    else if (id >= 0 && !v->c->files) /* convert_random_tokenizer()'s */
        json_object_set_new(o, key, json_string(id == 0 ? "<s>" : "</s>"));
}

static int put_tokenizer_config(const struct conversion *v, const char *folder, const struct convert_ids *ids)
{
    json_t *o = json_pack("{s:s,s:b,s:i}", "tokenizer_class", "PreTrainedTokenizerFast", "clean_up_tokenization_spaces",
                          0, "model_max_length", (int)v->c->config.max_positions);
    set_piece(v, o, "bos_token", ids->bos);
    set_piece(v, o, "eos_token", ids->eos);
    set_piece(v, o, "pad_token", ids->pad);
    set_piece(v, o, "unk_token", ids->unknown);
    if (v->c->chat_template)
        json_object_set_new(o, "chat_template", json_string(v->c->chat_template));
    int rc = put_json(folder, "tokenizer_config.json", o, MADE);
    json_decref(o);
    return rc;
}

static int put_tokenizer(const struct conversion *v, const char *folder, const struct convert_ids *ids)
{
    if (!v->has_tokenizer && !v->c->chat_template)
        return 0;
    char *s = v->has_tokenizer ? convert_tokenizer_json(v) : NULL;
    int rc = s ? put_text(folder, "tokenizer.json", s) : v->has_tokenizer ? ERR_DATA : 0;
    free(s);
    return rc == 0 ? put_tokenizer_config(v, folder, ids) : rc;
}

/* Every file but the weights, made. */
static int put_files(const struct conversion *v, const char *folder, enum dtype common)
{
    struct convert_ids ids;
    int rc = convert_read_ids(v, &ids);
    if (rc == 0)
        rc = put_config(v, folder, common, &ids);
    if (rc == 0)
        rc = put_tokenizer(v, folder, &ids);
    if (rc == 0)
        rc = put_generation(v, folder, &ids);
    convert_tell_templates(v);
    free(ids.ends.s);
    return rc;
}

static int copy_file(const char *from, const char *folder, const char *name)
{
    struct text bytes = { 0 }, path = { 0 };
    int rc = text_read_followed(&bytes, path_in(&path, from, name), COPY_MAX);
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
    int rc = put_json(folder, "config.json", o, COPIED);
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
        rc = safetensors_write_file(path_in(&path, folder, "model.safetensors"), &v->tensors, v->options->signal);
    text_free(&path);
    return rc;
}

/* The folder's name without slashes at its end, which would put what stands beside it inside. */
static void add_name(struct text *t, const char *to)
{
    size_t n = strlen(to);
    while (n > 1 && to[n - 1] == '/')
        n--;
    text_addn(t, to, n);
}

static int cannot_make(const char *path)
{
    return err_set(ERR_IO, "%s: cannot make this folder: %s", path, strerror(errno));
}

int convert_to_folder(struct conversion *v)
{
    if (v->has_type && dtype_block(v->type) > 1)
        return err_set(ERR_USAGE, "%s: a folder holds f32, f16 and bf16, not %s; want a name that ends in .gguf", v->to,
                       dtype_name(v->type));
    struct text name = { 0 }, aside = { 0 };
    add_name(&name, v->to);
    text_addf(&aside, "%s.%ld.part", text_s(&name), (long)getpid());
    bool made = mkdir(text_s(&aside), 0777) == 0; /* what was there before is not ours to remove */
    int rc = made ? fill(v, text_s(&aside)) : cannot_make(errno == EEXIST ? text_s(&aside) : v->to);
    if (rc == 0)
        rc = save_file_rename(text_s(&aside), text_s(&name));
    if (rc < 0 && made)
        folder_remove(text_s(&aside), 0);
    text_free(&aside);
    text_free(&name);
    return rc;
}

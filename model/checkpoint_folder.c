/* A checkpoint folder in the Hugging Face layout. */
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/checkpoint_files.h"
#include "model/config_json.h"
#include "model/generation_config.h"
#include "model/json_members.h"
#include "model/safetensors.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 255 /* of a shard's name */

/* Bytes of the JSON files, some four times the largest known. */
#define CONFIG_MAX (1u << 24) /* tokenizer_config.json, which may describe thousands of tokens */
#define INDEX_MAX  (1u << 25) /* model.safetensors.index.json */

static bool there(const struct checkpoint *c, const char *name)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", c->path, name);
    bool found = access(text_s(&path), F_OK) == 0;
    text_free(&path);
    return found;
}

/* Maps a small JSON file as a part and reads it; NULL + ERR_* (json_decref the result). */
static json_t *read_part(struct checkpoint *c, const char *role, const char *name)
{
    const struct map_file *m = checkpoint_map(c, role, name);
    return m ? json_members_read(m->path, (const char *)m->bytes, (size_t)m->size, CHECKPOINT_SMALL_MAX) : NULL;
}

/* The path of the part that was mapped last. */
static const char *last_path(const struct checkpoint *c)
{
    return c->files->part[c->files->n_parts - 1].map.path;
}

static int use_config(struct checkpoint *c, const json_t *o, const struct checkpoint_want *want)
{
    const char *type, *where = last_path(c);
    if (want->weights)
        return config_json_read(o, where, &c->config);
    TRY(config_json_architecture(o, where, &type));
    c->files->architecture = mem_string(type);
    if (config_json_read(o, where, &c->config) < 0) /* a vocabulary needs none of it */
        c->config = (struct config){ .architecture = c->files->architecture };
    return 0;
}

/* Appends the first file by name in the folder that ends in .gguf. */
static void find_gguf(const struct checkpoint *c, struct text *found)
{
    DIR *folder = opendir(c->path);
    for (const struct dirent *e; folder && (e = readdir(folder));)
        if (text_ends_in(e->d_name, ".gguf") && (found->len == 0 || strcmp(e->d_name, found->s) < 0)) {
            text_clear(found);
            text_add(found, e->d_name);
        }
    if (folder)
        closedir(folder);
}

static int no_config(const struct checkpoint *c)
{
    struct text gguf = { 0 };
    if (there(c, "adapter_config.json"))
        return err_set(ERR_IO,
                       "%s: an adapter, which is not read; want it merged into its base (peft, merge_and_unload())",
                       c->path);
    if (there(c, "snapshots"))
        return err_set(ERR_IO, "%s: this folder has no config.json; want one of its snapshots, %s/snapshots/...",
                       c->path, c->path);
    find_gguf(c, &gguf);
    int rc = gguf.len > 0
                 ? err_set(ERR_IO, "%s: this folder has no config.json; want the path of a file in it, '%s'", c->path,
                           gguf.s)
                 : err_set(ERR_IO, "%s: this folder has no config.json; want a folder with one, or a file", c->path);
    text_free(&gguf);
    return rc;
}

static int no_tokenizer(const struct checkpoint *c)
{
    const char *parts =
        there(c, "vocab.json") ? " (vocab.json alone is not read: transformers makes a tokenizer.json of it)" : "";
    return err_set(ERR_IO, "%s: this folder has no tokenizer; want tokenizer.json or tokenizer.model%s", c->path,
                   parts);
}

static int no_weights(const struct checkpoint *c)
{
    bool pickle = there(c, "pytorch_model.bin") || there(c, "pytorch_model.bin.index.json");
    const char *others =
        pickle ? " (pytorch_model.bin is not read: transformers' save_pretrained() writes safetensors)" : "";
    return err_set(ERR_IO, "%s: this folder has no weights; want model.safetensors or model.safetensors.index.json%s",
                   c->path, others);
}

/* config.json, and its ends into *ends. */
static int read_config(struct checkpoint *c, const struct checkpoint_want *want, struct symbols *ends, int64_t *bos)
{
    if (!there(c, "config.json"))
        return want->weights ? no_config(c) : 0;
    json_t *o = read_part(c, "config", "config.json");
    if (!o)
        return err_code();
    int rc = use_config(c, o, want);
    if (rc == 0)
        rc = config_json_ends(o, last_path(c), ends);
    if (rc == 0 && !json_is_array(json_object_get(o, "bos_token_id")))
        rc = doc_maybe_int(o, last_path(c), "bos_token_id", bos);
    json_decref(o);
    return rc;
}

/* generation_config.json; its ends, where it has some, replace those of config.json. */
static int read_generation(struct checkpoint *c, struct symbols *ends)
{
    if (!there(c, "generation_config.json"))
        return 0;
    json_t *o = read_part(c, "generation", "generation_config.json");
    if (!o)
        return err_code();
    struct symbols own = { 0 };
    int rc = generation_config_read(o, last_path(c), &c->generation, &c->files->others);
    c->generation.others = text_s(&c->files->others);
    if (rc == 0)
        rc = config_json_ends(o, last_path(c), &own);
    if (rc == 0 && own.n > 0) {
        ends->n = 0;
        symbols_add(ends, own.s, own.n);
    }
    free(own.s);
    json_decref(o);
    return rc;
}

/* A chat template is a text, or a list of {name, template} of which "default" is meant; NULL: none. */
static const char *default_template(const json_t *o)
{
    const json_t *row;
    size_t i;
    json_array_foreach(o, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name && strcmp(name, "default") == 0)
            return json_string_value(json_object_get(row, "template"));
    }
    return json_string_value(o);
}

/* Texts of tokens that tokenizer_config.json names, for free(); NULL: it names none. */
struct named_tokens {
    char *bos, *eos;
};

/* A token is a string or {content}. */
static char *named_token(const json_t *o, const char *key)
{
    const json_t *token = json_object_get(o, key);
    const char *text = json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
    return text ? mem_string(text) : NULL;
}

/* tokenizer_config.json: the chat template and the texts of tokens. */
static int read_tokenizer_config(struct checkpoint *c, struct named_tokens *named)
{
    if (!there(c, "tokenizer_config.json"))
        return 0;
    const struct map_file *m = checkpoint_map(c, "tokenizer_config", "tokenizer_config.json");
    if (!m)
        return err_code();
    /* writers put 1e30 as a whole number into model_max_length, which no integer holds: numbers are not used here */
    TRY(json_members_bound(m->path, (const char *)m->bytes, (size_t)m->size, CONFIG_MAX));
    json_error_t e;
    json_t *o =
        json_loadb((const char *)m->bytes, (size_t)m->size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &e);
    if (!o)
        return err_set(ERR_DATA, "%s:%d:%d: %s", m->path, e.line, e.column, e.text);
    const char *chat = default_template(json_object_get(o, "chat_template"));
    named->bos = named_token(o, "bos_token");
    named->eos = named_token(o, "eos_token");
    c->files->chat_template = chat ? mem_string(chat) : NULL;
    json_decref(o);
    return 0;
}

/* Newer writers keep the chat template in a file of its own. */
static int read_chat_template(struct checkpoint *c)
{
    static const char name[] = "chat_template.jinja";
    c->chat_template = c->files->chat_template;
    if (!there(c, name))
        return 0;
    struct map_file m;
    struct text path = { 0 };
    text_addf(&path, "%s/%s", c->path, name);
    int rc = map_file_open(&m, text_s(&path));
    text_free(&path);
    TRY(rc);
    if (m.size > CHECKPOINT_SMALL_MAX || memchr(m.bytes, 0, (size_t)m.size)) {
        rc = err_set(ERR_DATA, "%s: %llu bytes, want a text of at most %u bytes without NUL", m.path,
                     (unsigned long long)m.size, CHECKPOINT_SMALL_MAX);
    } else {
        free(c->files->chat_template);
        c->files->chat_template = mem_alloc((size_t)m.size + 1, 1);
        memcpy(c->files->chat_template, m.bytes, (size_t)m.size);
    }
    map_file_close(&m);
    c->chat_template = c->files->chat_template;
    return rc;
}

static int read_vocab(struct checkpoint *c, const struct symbols *ends, const struct named_tokens *named, int64_t bos)
{
    bool json = there(c, "tokenizer.json");
    if (!json && !there(c, "tokenizer.model"))
        return no_tokenizer(c);
    if (!json) {
        TRY(checkpoint_read_sentencepiece(c, ends));
    } else {
        const struct map_file *m = checkpoint_map(c, "tokenizer", "tokenizer.json");
        if (!m)
            return err_code();
        if (!(c->vocab = vocab_read_json(m->path, (const char *)m->bytes, (size_t)m->size, ends->s, ends->n)))
            return ERR_DATA;
    }
    if (named->bos && vocab_find(c->vocab, named->bos) >= 0)
        bos = vocab_find(c->vocab, named->bos);
    if (vocab_bos(c->vocab) < 0 && bos >= 0 && bos < (int64_t)vocab_space(c->vocab)->n)
        vocab_set_bos(c->vocab, (sym_t)bos);
    int64_t eos = named->eos ? vocab_find(c->vocab, named->eos) : -1;
    if (eos >= 0 && eos != vocab_eos(c->vocab))
        vocab_set_eos(c->vocab, (sym_t)eos);
    return 0;
}

static int read_shard(struct checkpoint *c, const char *name)
{
    const struct map_file *m = checkpoint_map(c, "weights", name);
    return m ? safetensors_read(&c->files->tensors, m->path, m->bytes, m->size) : err_code();
}

/* A shard lies in the folder itself: letters, digits, '-', '_', '.', not hidden, ending in .safetensors. */
static bool is_shard_name(const char *s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    static const char end[] = ".safetensors";
    size_t n = strlen(s);
    return n > sizeof end - 1 && n <= NAME_BYTES && s[0] != '.' && strspn(s, allowed) == n &&
           strcmp(s + n - (sizeof end - 1), end) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_shards(struct checkpoint *c, const json_t *map, const char **shards, const char *where)
{
    const char *tensor;
    const json_t *file;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, file)
    {
        const char *name = json_string_value(file);
        if (!name || !is_shard_name(name))
            return err_set(ERR_DATA, "%s: tensor '%s' is in '%s', which is no plain name of a .safetensors file", where,
                           tensor, name ? name : "(not a text)");
        shards[n++] = name;
    }
    if (n > 0)
        qsort(shards, n, sizeof *shards, by_name);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(shards[i - 1], shards[i]) != 0)
            TRY(read_shard(c, shards[i]));
    return 0;
}

/* The shards hold what the index says, no more and no less. */
static int check_index(struct checkpoint *c, const json_t *map, const char *where)
{
    struct tensor_list *l = &c->files->tensors;
    TRY(tensor_list_sort(l, where));
    for (size_t i = 0; i < l->n; i++)
        if (!json_object_get(map, l->t[i].name))
            return err_set(ERR_DATA, "%s: tensor '%s' of a shard is not in the index", where, l->t[i].name);
    const char *tensor;
    const json_t *file;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, file)
    {
        if (!tensor_list_find(l, tensor))
            return err_set(ERR_DATA, "%s: tensor '%s' is not in '%s'", where, tensor, json_string_value(file));
    }
    return 0;
}

static int read_index(struct checkpoint *c)
{
    static const char name[] = "model.safetensors.index.json";
    struct map_file m;
    struct text path = { 0 };
    text_addf(&path, "%s/%s", c->path, name);
    int rc = map_file_open(&m, text_s(&path));
    json_t *o = NULL, *map;
    if (rc == 0)
        o = json_members_read(text_s(&path), (const char *)m.bytes, (size_t)m.size, INDEX_MAX);
    if (rc == 0)
        map_file_close(&m);
    if (rc == 0)
        rc = o ? doc_object(o, text_s(&path), "weight_map", &map) : ERR_DATA;
    if (rc == 0) {
        const char **shards = mem_alloc(json_object_size(map), sizeof *shards);
        rc = read_shards(c, map, shards, text_s(&path));
        if (rc == 0)
            rc = check_index(c, map, text_s(&path));
        free(shards);
    }
    json_decref(o);
    text_free(&path);
    return rc;
}

/* Some writers leave the name of the whole model out of the names of its tensors: "h.0.ln_1.weight". */
static void complete_names(struct checkpoint *c)
{
    const char *prefix = architecture_of(&c->config)->prefix;
    for (size_t i = 0; i < c->files->tensors.n; i++) {
        struct tensor *t = &c->files->tensors.t[i];
        struct architecture_place p;
        struct text whole = { 0 };
        text_addf(&whole, "%s%s", prefix, t->name);
        if (!architecture_place(&c->config, t->name, &p) && architecture_place(&c->config, text_s(&whole), &p)) {
            free((void *)(uintptr_t)t->name);
            t->name = mem_string(text_s(&whole));
        }
        text_free(&whole);
    }
}

static int read_weights(struct checkpoint *c)
{
    if (there(c, "model.safetensors"))
        TRY(read_shard(c, "model.safetensors"));
    else if (there(c, "model.safetensors.index.json"))
        TRY(read_index(c));
    else
        return no_weights(c);
    complete_names(c);
    return 0;
}

static int read_tokenizer(struct checkpoint *c, const struct checkpoint_want *want, const struct symbols *ends,
                          int64_t bos)
{
    struct named_tokens named = { 0 };
    int rc = read_tokenizer_config(c, &named);
    if (rc == 0)
        rc = read_chat_template(c);
    if (rc == 0 && want->vocab)
        rc = read_vocab(c, ends, &named, bos);
    free(named.bos);
    free(named.eos);
    return rc;
}

int checkpoint_read_folder(struct checkpoint *c, const struct checkpoint_want *want)
{
    struct symbols ends = { 0 };
    int64_t bos = -1;
    c->format = "safetensors";
    int rc = read_config(c, want, &ends, &bos);
    if (rc == 0)
        rc = read_generation(c, &ends);
    if (rc == 0)
        rc = read_tokenizer(c, want, &ends, bos);
    free(ends.s);
    TRY(rc);
    return want->weights ? read_weights(c) : 0;
}

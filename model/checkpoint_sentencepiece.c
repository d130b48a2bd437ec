/* A folder's tokenizer.model and the files beside it, as the slow tokenizers of transformers use them.
 *
 * Added tokens are those of tokenizer_config.json (added_tokens_decoder) and of added_tokens.json; those that
 * tokenizer_config.json or special_tokens_map.json name as a bos, eos, ... are special.  Named ones that the model lacks get the
 * ids behind all others, in the order of transformers, as far as the embedding has rows.  add_bos_token, add_eos_token and
 * legacy mean what they mean there. */
#include "base/err.h"
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include "model/json_members.h"
#include "model/strmap.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX   (1u << 24)
#define TOKENS_MAX 65536u
#define COUNT(a)   (sizeof(a) / sizeof *(a))

/* What is read of the files; texts are theirs. */
struct beside {
    struct checkpoint *c;
    json_t *config, *added, *map;     /* tokenizer_config.json, added_tokens.json, special_tokens_map.json; or NULL */
    struct vocab_beside_token *token; /* (n,) */
    size_t n, cap;
    struct strmap *places; /* of tokens by their text */
    struct strmap *named;  /* what a file names as a bos, eos, ...: a list may be as long as the file */
    uint32_t next;         /* the id behind all of them */
};

/* Attributes in the order in which transformers adds what they name. */
static const char *const names[] = { "bos_token", "eos_token", "unk_token", "sep_token",
                                     "pad_token", "cls_token", "mask_token" };
static const char *const lists[] = { "additional_special_tokens", "extra_special_tokens" };

/* Numbers like 1e30 are whole ones there: they are read as real. */
static int read_object(const struct map_file *m, json_t **o)
{
    json_error_t e;
    TRY(json_members_bound(m->path, (const char *)m->bytes, (size_t)m->size, FILE_MAX));
    *o = json_loadb((const char *)m->bytes, (size_t)m->size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &e);
    if (!*o)
        return err_set(ERR_DATA, "%s:%d:%d: %s", m->path, e.line, e.column, e.text);
    return json_is_object(*o) ? 0 : err_set(ERR_DATA, "%s: not an object", m->path);
}

/* A file that may be there, as a part of the checkpoint. */
static int read_file(struct beside *b, const char *role, const char *name, json_t **o)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", b->c->path, name);
    bool there = access(text_s(&path), F_OK) == 0;
    text_free(&path);
    const struct map_file *m = there ? checkpoint_map(b->c, role, name) : NULL;
    if (there && !m)
        return err_code();
    return there ? read_object(m, o) : 0;
}

static int read_config(struct beside *b)
{
    for (size_t i = 0; i < b->c->files->n_parts; i++)
        if (strcmp(b->c->files->part[i].role, "tokenizer_config") == 0)
            return read_object(&b->c->files->part[i].map, &b->config);
    return 0;
}

static const char *text_of(const json_t *token)
{
    return json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
}

static void name_text(struct beside *b, const json_t *token)
{
    const char *s = text_of(token);
    if (s)
        strmap_put(b->named, s, strlen(s), 0);
}

/* What the files name as a bos, eos, ... */
static void list_named(struct beside *b)
{
    const json_t *const files[] = { b->config, b->map }, *token;
    size_t i;
    for (size_t f = 0; f < 2; f++) {
        for (size_t k = 0; k < COUNT(names); k++)
            name_text(b, json_object_get(files[f], names[k]));
        for (size_t k = 0; k < COUNT(lists); k++)
            json_array_foreach(json_object_get(files[f], lists[k]), i, token) name_text(b, token);
    }
}

static const struct vocab_beside_token *find(const struct beside *b, const char *text)
{
    int64_t place = strmap_get(b->places, text, strlen(text));
    return place >= 0 ? &b->token[place] : NULL;
}

/* flags: an object with lstrip, ..., or another value, which has none. */
static int put(struct beside *b, double id, const char *text, const json_t *flags)
{
    const char *where = b->c->path;
    if (!text || !*text)
        return err_set(ERR_DATA, "%s: an added token of tokenizer.model has no text", where);
    if (!(id >= 0) || id >= CONFIG_DIM_MAX || (double)(uint32_t)id != id)
        return err_set(ERR_DATA, "%s: the id of added token '%s' is %g, want 0 .. %u", where, text, id,
                       CONFIG_DIM_MAX - 1);
    if (b->n == TOKENS_MAX)
        return err_set(ERR_DATA, "%s: more than %u added tokens", where, TOKENS_MAX);
    const struct vocab_beside_token *same = find(b, text);
    if (same && same->id != (uint32_t)id)
        return err_set(ERR_DATA, "%s: added token '%s' has the ids %u and %u", where, text, same->id, (uint32_t)id);
    if (same)
        return 0;
    mem_grow(&b->token, &b->cap, b->n + 1, sizeof *b->token);
    strmap_put(b->places, text, strlen(text), (uint32_t)b->n);
    struct vocab_beside_token *t = &b->token[b->n++];
    *t = (struct vocab_beside_token){ .id = (uint32_t)id, .text = text };
    t->is_special = json_is_true(json_object_get(flags, "special")) || strmap_get(b->named, text, strlen(text)) >= 0;
    t->is_word = json_is_true(json_object_get(flags, "single_word"));
    t->strips_left = json_is_true(json_object_get(flags, "lstrip"));
    t->strips_right = json_is_true(json_object_get(flags, "rstrip"));
    b->next = t->id >= b->next ? t->id + 1 : b->next;
    return 0;
}

/* {"32000": {"content": "<pad>", ...}, ...} and {"<pad>": 32000, ...}. */
static int put_all(struct beside *b)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(b->config, "added_tokens_decoder"), key, value)
    {
        double id = -1;
        if (!text_real(key, &id) || !json_is_object(value))
            return err_set(ERR_DATA, "%s: '%s' of 'added_tokens_decoder' is no id of a token", b->c->path, key);
        TRY(put(b, id, text_of(value), value));
    }
    json_object_foreach(b->added, key, value) TRY(put(b, json_is_real(value) ? json_real_value(value) : -1, key, NULL));
    return 0;
}

static int name_one(struct beside *b, const json_t *token, const struct vocab *own)
{
    const char *text = text_of(token);
    uint32_t rows = b->c->config.n_vocab;
    if (!text || !*text || find(b, text))
        return 0;
    int64_t id = vocab_find(own, text);
    if (id < 0 && rows > 0 && b->next >= rows)
        return 0;
    return put(b, id >= 0 ? (double)id : (double)b->next, text, token);
}

/* What is named and has no id yet: the model's, or the next. */
static int name_all(struct beside *b, const struct vocab *own)
{
    const json_t *const files[] = { b->config, b->map }, *token;
    size_t i;
    for (size_t k = 0; k < COUNT(names); k++)
        for (size_t f = 0; f < 2; f++)
            TRY(name_one(b, json_object_get(files[f], names[k]), own));
    for (size_t k = 0; k < COUNT(lists); k++)
        for (size_t f = 0; f < 2; f++)
            json_array_foreach(json_object_get(files[f], lists[k]), i, token) TRY(name_one(b, token, own));
    return 0;
}

static int read_choices(const struct beside *b, struct vocab_beside *all)
{
    bool legacy = true;
    all->has_adds_bos = json_is_boolean(json_object_get(b->config, "add_bos_token"));
    TRY(doc_maybe_bool(b->config, b->c->path, "add_bos_token", &all->adds_bos));
    TRY(doc_maybe_bool(b->config, b->c->path, "add_eos_token", &all->adds_eos));
    TRY(doc_maybe_bool(b->config, b->c->path, "legacy", &legacy));
    all->prefix_first = !legacy;
    return 0;
}

/* The model alone says which texts have ids already. */
static int read_vocab(struct beside *b, const struct map_file *m, const struct symbols *ends)
{
    struct vocab *own = vocab_read_sentencepiece(m->path, m->bytes, (size_t)m->size, NULL, 0);
    struct vocab_beside all = { .ends = ends->s, .n_ends = ends->n };
    if (!own)
        return ERR_DATA;
    b->next = vocab_space(own)->n;
    uint64_t limit = 2 * ((uint64_t)b->next + TOKENS_MAX);
    list_named(b);
    int rc = put_all(b);
    if (rc == 0)
        rc = name_all(b, own);
    vocab_free(own);
    if (rc == 0 && b->next > limit)
        rc = err_set(ERR_DATA, "%s: the id of an added token is %u, want less than %llu", b->c->path, b->next - 1,
                     (unsigned long long)limit);
    if (rc == 0 && b->config)
        rc = read_choices(b, &all);
    all.token = b->token;
    all.n = b->n;
    if (rc == 0 && !(b->c->vocab = vocab_read_sentencepiece_beside(m->path, m->bytes, (size_t)m->size, &all)))
        rc = ERR_DATA;
    return rc;
}

int checkpoint_read_sentencepiece(struct checkpoint *c, const struct symbols *ends)
{
    const struct map_file *m = checkpoint_map(c, "tokenizer", "tokenizer.model");
    if (!m)
        return err_code();
    struct beside b = { .c = c, .places = strmap_alloc(), .named = strmap_alloc() };
    const struct map_file model = *m; /* further parts move it */
    int rc = read_config(&b);
    if (rc == 0)
        rc = read_file(&b, "added_tokens", "added_tokens.json", &b.added);
    if (rc == 0)
        rc = read_file(&b, "special_tokens_map", "special_tokens_map.json", &b.map);
    if (rc == 0)
        rc = read_vocab(&b, &model, ends);
    json_decref(b.config);
    json_decref(b.added);
    json_decref(b.map);
    strmap_free(b.places);
    strmap_free(b.named);
    free(b.token);
    return rc;
}

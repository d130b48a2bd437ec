/* The ids that begin and end texts, pad them and stand for what is unknown: of the vocabulary, or where there is none of the
 * files that name them. */
#include "base/err.h"
#include "model/config_json.h"
#include "model/convert_inside.h"
#include "model/json_members.h"
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 24) /* of a file that names ids */

const struct map_file *convert_find_part(const struct conversion *v, const char *role)
{
    for (size_t i = 0; i < v->c->files->n_parts; i++)
        if (strcmp(v->c->files->part[i].role, role) == 0)
            return &v->c->files->part[i].map;
    return NULL;
}

/* Numbers like 1e30 are whole ones there: they are not used. */
static json_t *read_part(const struct conversion *v, const char *role)
{
    const struct map_file *m = convert_find_part(v, role);
    if (!m || json_members_bound(m->path, (const char *)m->bytes, (size_t)m->size, FILE_MAX) < 0)
        return NULL;
    return json_loadb((const char *)m->bytes, (size_t)m->size, JSON_DECODE_INT_AS_REAL, NULL);
}

static size_t other_templates(const struct conversion *v)
{
    static const char named[] = "tokenizer.chat_template.";
    const struct gguf *g = v->c->files->gguf;
    size_t n = 0, i;
    for (i = 0; g && i < g->n_pairs; i++)
        n += strncmp(g->pairs[i].key, named, sizeof named - 1) == 0;
    json_t *o = g ? NULL : read_part(v, "tokenizer_config"), *row;
    json_array_foreach(json_object_get(o, "chat_template"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        n += !name || strcmp(name, "default") != 0;
    }
    json_decref(o);
    return n;
}

void convert_tell_templates(const struct conversion *v)
{
    size_t n = v->c->files ? other_templates(v) : 0;
    if (n > 0)
        text_addf(v->remarks, "%s: %zu chat template%s besides the default %s left out\n", v->to, n, n == 1 ? "" : "s",
                  n == 1 ? "is" : "are");
}

static int64_t find_piece(const struct conversion *v, const json_t *token)
{
    const char *s = json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
    return s && v->c->vocab ? vocab_find(v->c->vocab, s) : -1;
}

/* The ids that end a text, without the role marks that every vocabulary adds by itself. */
static void add_ends(const struct vocab *vocab, struct symbols *ends)
{
    const struct space *s = vocab_space(vocab);
    for (size_t i = 0; i < s->n_ends; i++) {
        const char *piece = vocab_piece(vocab, s->ends[i]);
        if (strcmp(piece, VOCAB_MARK_INSTRUCTION) != 0 && strcmp(piece, VOCAB_MARK_RESPONSE) != 0)
            symbols_add(ends, &s->ends[i], 1);
    }
}

/* config.json's, and what generation_config.json has in their place. */
static int read_config(const struct conversion *v, const char *role, struct convert_ids *ids)
{
    const struct map_file *m = convert_find_part(v, role);
    struct symbols own = { 0 };
    if (!m)
        return 0;
    json_t *o = json_members_read(m->path, (const char *)m->bytes, (size_t)m->size, FILE_MAX);
    if (!o)
        return err_code();
    const json_t *bos = json_object_get(o, "bos_token_id"), *pad = json_object_get(o, "pad_token_id");
    if (json_is_integer(bos))
        ids->bos = json_integer_value(bos);
    if (json_is_integer(pad))
        ids->pad = json_integer_value(pad);
    int rc = config_json_ends(o, m->path, &own);
    if (rc == 0 && own.n > 0) {
        ids->ends.n = 0;
        symbols_add(&ids->ends, own.s, own.n);
    }
    free(own.s);
    json_decref(o);
    return rc;
}

static int read_key(const struct gguf *g, const char *key, int64_t *id)
{
    uint32_t x = UINT32_MAX;
    TRY(gguf_maybe_u32(g, key, &x));
    if (x != UINT32_MAX && *id < 0)
        *id = x;
    return 0;
}

static int read_gguf(const struct conversion *v, struct convert_ids *ids)
{
    static const char *const keys[] = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id" };
    const struct gguf *g = v->c->files->gguf;
    TRY(read_key(g, "tokenizer.ggml.padding_token_id", &ids->pad));
    TRY(read_key(g, "tokenizer.ggml.unknown_token_id", &ids->unknown));
    TRY(read_key(g, "tokenizer.ggml.bos_token_id", &ids->bos));
    for (size_t i = 0; !v->c->vocab && i < sizeof keys / sizeof *keys; i++) {
        int64_t end = -1;
        TRY(read_key(g, keys[i], &end));
        if (end >= 0)
            symbols_add(&ids->ends, &(sym_t){ (sym_t)end }, 1);
    }
    return 0;
}

static int read_folder(const struct conversion *v, struct convert_ids *ids)
{
    if (!v->c->vocab) {
        TRY(read_config(v, "config", ids));
        return read_config(v, "generation", ids);
    }
    json_t *o = read_part(v, "tokenizer_config");
    ids->pad = find_piece(v, json_object_get(o, "pad_token"));
    ids->unknown = find_piece(v, json_object_get(o, "unk_token"));
    json_decref(o);
    return 0;
}

/* No id is beyond the rows of the embedding. */
static void drop_beyond(const struct conversion *v, int64_t *id)
{
    if (*id >= (int64_t)v->c->config.n_vocab)
        *id = -1;
}

int convert_read_ids(const struct conversion *v, struct convert_ids *ids)
{
    *ids = (struct convert_ids){ .bos = -1, .eos = -1, .pad = -1, .unknown = -1 };
    int rc = 0;
    if (!v->c->files) { /* convert_random_tokenizer()'s */
        ids->bos = 0;
        ids->eos = 1;
        symbols_add(&ids->ends, &(sym_t){ 1 }, 1);
        return 0;
    }
    if (v->c->vocab) {
        ids->bos = vocab_bos(v->c->vocab);
        ids->eos = vocab_eos(v->c->vocab);
        add_ends(v->c->vocab, &ids->ends);
    }
    if (v->c->files->gguf)
        rc = read_gguf(v, ids);
    else if (strcmp(v->c->format, "safetensors") == 0)
        rc = read_folder(v, ids);
    if (!v->c->vocab && ids->ends.n > 0)
        ids->eos = ids->ends.s[0];
    drop_beyond(v, &ids->bos);
    drop_beyond(v, &ids->eos);
    drop_beyond(v, &ids->pad);
    drop_beyond(v, &ids->unknown);
    return rc;
}

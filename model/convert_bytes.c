#include "model/convert_bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/convert_pre.h"
#include "model/sentencepiece.h"
#include <stdlib.h>
#include <string.h>

/* tokenizer.json in the middle: tokens by id. */
struct tokens {
    const char **piece; /* (n,) borrowed from the document; NULL: none */
    int32_t *type;
    size_t n;
};

static void put(struct tokens *t, const char *piece, const json_t *id, int32_t type)
{
    json_int_t i = json_is_integer(id) ? json_integer_value(id) : -1;
    if (piece && i >= 0 && (size_t)i < t->n) {
        t->piece[i] = piece;
        t->type[i] = type;
    }
}

/* The document has been read as a vocabulary before, so its ids are below the rows of the embedding. */
static struct tokens collect(json_t *o, size_t n)
{
    struct tokens t = { mem_alloc(n, sizeof *t.piece), mem_alloc(n, sizeof *t.type), n };
    const char *piece;
    json_t *id, *added;
    size_t i;
    json_object_foreach(json_object_get(json_object_get(o, "model"), "vocab"), piece, id)
        put(&t, piece, id, SENTENCEPIECE_NORMAL);
    json_array_foreach(json_object_get(o, "added_tokens"), i, added)
        put(&t, json_string_value(json_object_get(added, "content")), json_object_get(added, "id"),
            json_is_true(json_object_get(added, "special")) ? SENTENCEPIECE_CONTROL : SENTENCEPIECE_USER_DEFINED);
    return t;
}

/* Tokens of rows that the tokenizer lacks have names that llama.cpp's own converter gives them. */
static void add_tokens(struct gguf_keys *k, const struct tokens *t)
{
    struct text name = { 0 };
    gguf_write_array(k, "tokenizer.ggml.tokens", GGUF_STRING, t->n);
    for (size_t i = 0; i < t->n; i++) {
        text_clear(&name);
        text_addf(&name, "[PAD%zu]", i);
        const char *piece = t->piece[i] ? t->piece[i] : text_s(&name);
        gguf_write_item(k, piece, strlen(piece));
    }
    gguf_write_array(k, "tokenizer.ggml.token_type", GGUF_I32, t->n);
    for (size_t i = 0; i < t->n; i++) {
        int32_t type = t->piece[i] ? t->type[i] : SENTENCEPIECE_UNUSED;
        text_addn(&k->bytes, &type, sizeof type);
    }
    text_free(&name);
}

/* A merge is "left right" or ["left", "right"]. */
static void add_merges(struct gguf_keys *k, const json_t *merges)
{
    struct text pair = { 0 };
    const json_t *o;
    size_t i;
    gguf_write_array(k, "tokenizer.ggml.merges", GGUF_STRING, json_array_size(merges));
    json_array_foreach(merges, i, o)
    {
        text_clear(&pair);
        if (json_is_string(o))
            text_add(&pair, json_string_value(o));
        else
            text_addf(&pair, "%s %s", json_string_value(json_array_get(o, 0)), json_string_value(json_array_get(o, 1)));
        gguf_write_item(k, text_s(&pair), pair.len);
    }
    text_free(&pair);
}

static bool member_is(const json_t *o, const char *key, const char *want)
{
    const char *seen = json_string_value(json_object_get(o, key));
    return seen && strcmp(seen, want) == 0;
}

/* Added tokens that are looked for in a way that GGUF has no words for. */
static size_t count_flags(const json_t *o)
{
    static const char *const flags[] = { "single_word", "lstrip", "rstrip" };
    const json_t *added;
    size_t i, n = 0;
    json_array_foreach(json_object_get(o, "added_tokens"), i, added)
    {
        bool any = false;
        for (size_t f = 0; f < sizeof flags / sizeof *flags; f++)
            any = any || json_is_true(json_object_get(added, flags[f]));
        n += any;
    }
    return n;
}

static void add_remarks(const struct conversion *v, const json_t *o, const char *pre)
{
    static const char others[] = "other programs that read GGUF";
    const json_t *normalizer = json_object_get(o, "normalizer");
    bool composes = member_is(normalizer, "type", "NFC");
    bool ignores = json_is_true(json_object_get(json_object_get(o, "model"), "ignore_merges"));
    size_t flags = count_flags(o);
    if (composes != convert_pre_composes(pre))
        text_addf(v->remarks, "%s: %s %s texts into Unicode's form C, the tokenizer %s\n", v->to, others,
                  composes ? "do not put" : "put", composes ? "does" : "does not");
    if (ignores != convert_pre_ignores_merges(pre))
        text_addf(v->remarks, "%s: %s %s words that are tokens as one, the tokenizer %s\n", v->to, others,
                  ignores ? "do not take" : "take", ignores ? "does" : "does not");
    if (flags > 0)
        text_addf(v->remarks, "%s: %s look for %zu added tokens without their flags lstrip, rstrip, single_word\n",
                  v->to, others, flags);
}

bool convert_bytes_add(const struct conversion *v, struct gguf_keys *k, const json_t *o, size_t n)
{
    const json_t *model = json_object_get(o, "model"), *normalizer = json_object_get(o, "normalizer");
    const char *pre = convert_pre_name(json_object_get(o, "pre_tokenizer"));
    bool plain = !normalizer || json_is_null(normalizer) || member_is(normalizer, "type", "NFC");
    if (!pre || !plain || !member_is(model, "type", "BPE"))
        return false;
    struct tokens t = collect((json_t *)(uintptr_t)o, n);
    gguf_write_text(k, "tokenizer.ggml.model", "gpt2", 4);
    gguf_write_text(k, "tokenizer.ggml.pre", pre, strlen(pre));
    add_tokens(k, &t);
    add_merges(k, json_object_get(model, "merges"));
    add_remarks(v, o, pre);
    free(t.piece);
    free(t.type);
    return true;
}

/* tokenizer.json of GGUF's keys */

static json_t *added_token(const char *content, size_t n, uint32_t id, int32_t type)
{
    return json_pack("{s:i,s:s%,s:b,s:b,s:b,s:b,s:b}", "id", (int)id, "content", content, n, "single_word", 0, "lstrip",
                     0, "rstrip", 0, "normalized", 0, "special", type != SENTENCEPIECE_USER_DEFINED);
}

static bool is_pad(const char *s, uint64_t n, uint32_t id, int32_t type)
{
    struct text name = { 0 };
    text_addf(&name, "[PAD%u]", id);
    bool same = type == SENTENCEPIECE_UNUSED && n == name.len && memcmp(s, text_s(&name), name.len) == 0;
    text_free(&name);
    return same;
}

static int read_tokens(const struct gguf *g, json_t *vocab, json_t *added)
{
    const struct gguf_value *tokens, *types;
    TRY(gguf_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens));
    TRY(gguf_array(g, "tokenizer.ggml.token_type", GGUF_I32, &types));
    const uint8_t *at = tokens->data;
    for (uint32_t i = 0; i < tokens->n && i < types->n; i++) {
        uint64_t n;
        int32_t type;
        const char *s = gguf_next_string(&at, &n);
        memcpy(&type, types->data + (size_t)i * sizeof type, sizeof type);
        if (is_pad(s, n, i, type))
            continue;
        json_object_setn_new(vocab, s, (size_t)n, json_integer(i));
        if (type == SENTENCEPIECE_CONTROL || type == SENTENCEPIECE_UNKNOWN || type == SENTENCEPIECE_USER_DEFINED)
            json_array_append_new(added, added_token(s, (size_t)n, i, type));
    }
    return 0;
}

static int read_merges(const struct gguf *g, json_t *merges)
{
    const struct gguf_value *all;
    if (!gguf_find(g, "tokenizer.ggml.merges"))
        return 0;
    TRY(gguf_array(g, "tokenizer.ggml.merges", GGUF_STRING, &all));
    const uint8_t *at = all->data;
    for (uint64_t i = 0; i < all->n; i++) {
        uint64_t n;
        const char *s = gguf_next_string(&at, &n);
        json_array_append_new(merges, json_stringn(s, (size_t)n));
    }
    return 0;
}

static json_t *pre_tokenizer(const struct gguf *g, char *name)
{
    size_t n;
    const char *const *names = convert_pre_names(&n);
    json_t *o = name ? convert_pre_json(name) : NULL;
    if (!o) {
        err_unknown(ERR_DATA, "pre-tokeniser", name ? name : "", names, n);
        err_add(ERR_DATA, "%s: its tokenizer is not written as tokenizer.json", g->where);
    }
    return o;
}

static json_t *make_model(const json_t *vocab, const json_t *merges, const char *pre)
{
    return json_pack("{s:s,s:n,s:n,s:n,s:n,s:b,s:b,s:b,s:O,s:O}", "type", "BPE", "dropout", "unk_token",
                     "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0,
                     "ignore_merges", (int)convert_pre_ignores_merges(pre), "vocab", vocab, "merges", merges);
}

json_t *convert_bytes_json(const struct gguf *g)
{
    char *name;
    if (gguf_maybe_string(g, "tokenizer.ggml.pre", &name) < 0)
        return NULL;
    json_t *vocab = json_object(), *added = json_array(), *merges = json_array(), *pre = pre_tokenizer(g, name),
           *o = NULL;
    bool read = pre && read_tokens(g, vocab, added) == 0 && read_merges(g, merges) == 0;
    if (read)
        o = json_pack("{s:s,s:n,s:n,s:O,s:o?,s:O,s:{s:s,s:b,s:b,s:b},s:o}", "version", "1.0", "truncation", "padding",
                      "added_tokens", added, "normalizer",
                      convert_pre_composes(name) ? json_pack("{s:s}", "type", "NFC") : NULL, "pre_tokenizer", pre,
                      "decoder", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex", 1, "model",
                      make_model(vocab, merges, name));
    if (read && !o)
        err_set(ERR_DATA, "%s: its tokenizer has texts that are not UTF-8", g->where);
    free(name);
    json_decref(vocab);
    json_decref(added);
    json_decref(merges);
    json_decref(pre);
    return o;
}

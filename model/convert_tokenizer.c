/* Tokenizers between tokenizer.json, llama2.c's and GGUF's keys. */
#include "base/err.h"
#include "base/mem.h"
#include "model/convert_inside.h"
#include "model/gguf_write.h"
#include "model/json_members.h"
#include "model/pretoken.h"
#include "model/vocab_llama2c.h"
#include "model/vocab_scored.h"
#include <stdlib.h>
#include <string.h>

#define JSON_MAX (1u << 27)
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Types of tokens in a GGUF file. */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER, TYPE_UNUSED, TYPE_BYTE };

/* Pre-tokenisers that have a name in GGUF; the pattern of a Split before the bytes, NULL: GPT-2's own. */
static const struct pre {
    const char *name, *split;
} pres[] = {
    { "gpt-2", NULL },
    { "llama-bpe",
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
      "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
    { "qwen2", "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
               "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
};

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
        put(&t, piece, id, TYPE_NORMAL);
    json_array_foreach(json_object_get(o, "added_tokens"), i, added)
        put(&t, json_string_value(json_object_get(added, "content")), json_object_get(added, "id"),
            json_is_true(json_object_get(added, "special")) ? TYPE_CONTROL : TYPE_USER);
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
        int32_t type = t->piece[i] ? t->type[i] : TYPE_UNUSED;
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

/* The pattern of a step, "" for GPT-2's own; NULL: another step. */
static const char *pattern_of(const json_t *step)
{
    const char *type = json_string_value(json_object_get(step, "type"));
    const json_t *regex = json_object_get(step, "use_regex");
    if (type && strcmp(type, "Split") == 0)
        return json_string_value(json_object_get(json_object_get(step, "pattern"), "Regex"));
    if (type && strcmp(type, "ByteLevel") == 0)
        return json_is_false(regex) ? NULL : "";
    return NULL;
}

/* The name of a pre-tokeniser that is one step, or a Split and then the bytes; NULL: it has none. */
static const char *pre_name(const json_t *pre)
{
    const json_t *steps = json_object_get(pre, "pretokenizers");
    const char *first = pattern_of(steps ? json_array_get(steps, 0) : pre);
    if (steps && (json_array_size(steps) > 2 || (json_array_size(steps) == 2 && pattern_of(json_array_get(steps, 1)))))
        return NULL;
    for (size_t i = 0; first && i < COUNT(pres); i++)
        if (strcmp(first, pres[i].split ? pres[i].split : "") == 0)
            return pres[i].name;
    return NULL;
}

static void add_ends(const struct conversion *v, struct gguf_keys *k)
{
    const struct vocab *vocab = v->c->vocab;
    const struct space *s = vocab ? vocab_space(vocab) : NULL;
    int64_t bos = vocab ? vocab_bos(vocab) : 0;
    if (bos >= 0)
        gguf_write_u32(k, "tokenizer.ggml.bos_token_id", (uint32_t)bos);
    if (!s || s->n_ends > 0)
        gguf_write_u32(k, "tokenizer.ggml.eos_token_id", s ? s->ends[0] : 1);
    bool more = s && s->n_ends > 1 && strcmp(vocab_piece(vocab, s->ends[1]), VOCAB_MARK_INSTRUCTION) != 0;
    if (more)
        gguf_write_u32(k, "tokenizer.ggml.eot_token_id", s->ends[1]);
    gguf_write_bool(k, "tokenizer.ggml.add_bos_token", vocab && vocab_adds_bos(vocab));
    if (v->c->chat_template)
        gguf_write_text(k, "tokenizer.chat_template", v->c->chat_template, strlen(v->c->chat_template));
}

static int add_json(const struct conversion *v, struct gguf_keys *k, const char *text, size_t n)
{
    json_t *o = json_members_read(v->from, text, n, JSON_MAX);
    if (!o)
        return ERR_DATA;
    const char *pre = pre_name(json_object_get(o, "pre_tokenizer"));
    int rc = 0;
    if (pre) {
        struct tokens t = collect(o, v->c->config.n_vocab);
        gguf_write_text(k, "tokenizer.ggml.model", "gpt2", 4);
        gguf_write_text(k, "tokenizer.ggml.pre", pre, strlen(pre));
        add_tokens(k, &t);
        add_merges(k, json_object_get(json_object_get(o, "model"), "merges"));
        add_ends(v, k);
        gguf_write_text(k, "tokenizer.huggingface.json", text, n); /* the GGUF specification's place for all of it */
        free(t.piece);
        free(t.type);
    } else {
        rc = err_set(ERR_DATA, "%s: its pre_tokenizer has no name in GGUF; want that of GPT-2, Llama 3 or Qwen 2",
                     v->from);
    }
    json_decref(o);
    return rc;
}

/* A space is U+2581 there; the ends have llama2.c's line breaks around them. */
static void add_scored(struct gguf_keys *k, const struct vocab_scored_piece p[], uint32_t n)
{
    static const char *const first[] = { "<unk>", "<s>", "</s>" };
    struct text piece = { 0 };
    gguf_write_text(k, "tokenizer.ggml.model", "llama", 5);
    gguf_write_text(k, "tokenizer.ggml.pre", "default", 7);
    gguf_write_array(k, "tokenizer.ggml.tokens", GGUF_STRING, n);
    for (uint32_t i = 0; i < n; i++) {
        text_clear(&piece);
        for (size_t b = 0; b < p[i].n; b++)
            text_addn(&piece, p[i].s[b] == ' ' ? "\xe2\x96\x81" : &p[i].s[b], p[i].s[b] == ' ' ? 3 : 1);
        gguf_write_item(k, i < 3 ? first[i] : text_s(&piece), i < 3 ? strlen(first[i]) : piece.len);
    }
    gguf_write_array(k, "tokenizer.ggml.scores", GGUF_F32, n);
    for (uint32_t i = 0; i < n; i++)
        text_addn(&k->bytes, &p[i].score, sizeof p[i].score);
    gguf_write_array(k, "tokenizer.ggml.token_type", GGUF_I32, n);
    for (uint32_t i = 0; i < n; i++) {
        int32_t type = p[i].type; /* the numbers are SentencePiece's */
        text_addn(&k->bytes, &type, sizeof type);
    }
    text_free(&piece);
}

static int add_llama2c(const struct conversion *v, struct gguf_keys *k, const struct map_file *m)
{
    uint32_t n = v->c->config.n_vocab;
    struct vocab_scored_piece *p = mem_alloc(n, sizeof *p);
    int rc = vocab_llama2c_pieces(m->path, m->bytes, m->size, n, p);
    if (rc == 0) {
        add_scored(k, p, n);
        gguf_write_u32(k, "tokenizer.ggml.bos_token_id", 1);
        gguf_write_u32(k, "tokenizer.ggml.eos_token_id", 2);
        gguf_write_u32(k, "tokenizer.ggml.unknown_token_id", 0);
        gguf_write_bool(k, "tokenizer.ggml.add_bos_token", true);
        gguf_write_bool(k, "tokenizer.ggml.add_space_prefix", true);
    }
    free(p);
    return rc;
}

int convert_add_tokenizer(const struct conversion *v, struct gguf_keys *k)
{
    const struct checkpoint_files *f = v->c->files;
    if (!f) {
        char *s = convert_random_tokenizer(v->c->config.n_vocab);
        int rc = add_json(v, k, s, strlen(s));
        free(s);
        return rc;
    }
    for (size_t i = 0; i < f->n_parts; i++) {
        const struct map_file *m = &f->part[i].map;
        if (strcmp(f->part[i].role, "tokenizer") == 0)
            return strcmp(v->c->format, "llama2c") == 0 ? add_llama2c(v, k, m)
                                                        : add_json(v, k, (const char *)m->bytes, (size_t)m->size);
    }
    return err_set(ERR_DATA, "%s: there is no tokenizer", v->from);
}

/* tokenizer.json of GGUF's keys */

static json_t *added_token(const char *content, size_t n, uint32_t id, int32_t type)
{
    return json_pack("{s:i,s:s%,s:b,s:b,s:b,s:b,s:b}", "id", (int)id, "content", content, n, "single_word", 0, "lstrip",
                     0, "rstrip", 0, "normalized", 0, "special", type != TYPE_USER);
}

static bool is_pad(const char *s, uint64_t n, uint32_t id, int32_t type)
{
    struct text name = { 0 };
    text_addf(&name, "[PAD%u]", id);
    bool same = type == TYPE_UNUSED && n == name.len && memcmp(s, text_s(&name), name.len) == 0;
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
        if (type == TYPE_CONTROL || type == TYPE_UNKNOWN || type == TYPE_USER)
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

static json_t *byte_level(int regex)
{
    return json_pack("{s:s,s:b,s:b,s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex",
                     regex);
}

static json_t *pre_tokenizer(const struct gguf *g)
{
    char *name;
    json_t *o = NULL;
    if (gguf_maybe_string(g, "tokenizer.ggml.pre", &name) < 0)
        return NULL;
    for (size_t i = 0; name && i < COUNT(pres); i++)
        if (strcmp(name, pres[i].name) == 0)
            o = pres[i].split ? json_pack("{s:s,s:[{s:s,s:{s:s},s:s,s:b},o]}", "type", "Sequence", "pretokenizers",
                                          "type", "Split", "pattern", "Regex", pres[i].split, "behavior", "Isolated",
                                          "invert", 0, byte_level(0))
                              : byte_level(1);
    if (!o)
        err_set(ERR_DATA, "%s: its pre-tokeniser '%s' is not written as tokenizer.json; want gpt-2, llama-bpe or qwen2",
                g->where, name ? name : "");
    free(name);
    return o;
}

/* bos and then the text, where bos is put in front. */
static json_t *post_processor(const struct gguf *g)
{
    bool adds = false;
    uint32_t bos = UINT32_MAX;
    const struct gguf_value *tokens;
    if (gguf_maybe_bool(g, "tokenizer.ggml.add_bos_token", &adds) < 0 ||
        gguf_maybe_u32(g, "tokenizer.ggml.bos_token_id", &bos) < 0 ||
        gguf_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens) < 0 || !adds || bos >= tokens->n)
        return json_null();
    const uint8_t *at = tokens->data;
    const char *s = NULL;
    uint64_t n = 0;
    for (uint32_t i = 0; i <= bos; i++)
        s = gguf_next_string(&at, &n);
    json_t *name = json_stringn(s, (size_t)n);
    const char *t = json_string_value(name);
    json_t *o =
        json_pack("{s:s,s:[{s:{s:s,s:i}},{s:{s:s,s:i}}],s:[{s:{s:s,s:i}},{s:{s:s,s:i}},{s:{s:s,s:i}}],"
                  "s:{s:{s:s,s:[i],s:[s]}}}",
                  "type", "TemplateProcessing", "single", "SpecialToken", "id", t, "type_id", 0, "Sequence", "id", "A",
                  "type_id", 0, "pair", "SpecialToken", "id", t, "type_id", 0, "Sequence", "id", "A", "type_id", 0,
                  "Sequence", "id", "B", "type_id", 1, "special_tokens", t, "id", t, "ids", (int)bos, "tokens", t);
    json_decref(name);
    return o;
}

static char *make_json(const struct gguf *g)
{
    json_t *vocab = json_object(), *added = json_array(), *merges = json_array(), *pre = pre_tokenizer(g);
    char *s = NULL;
    bool ok = pre && read_tokens(g, vocab, added) == 0 && read_merges(g, merges) == 0;
    char *name = NULL;
    bool whole = ok && gguf_maybe_string(g, "tokenizer.ggml.pre", &name) == 0 && strcmp(name, "llama-bpe") == 0;
    json_t *o =
        json_pack("{s:s,s:n,s:n,s:O,s:o?,s:O?,s:o,s:o,s:{s:s,s:n,s:n,s:n,s:n,s:b,s:b,s:b,s:O,s:O}}", "version", "1.0",
                  "truncation", "padding", "added_tokens", added, "normalizer",
                  name && strcmp(name, "qwen2") == 0 ? json_pack("{s:s}", "type", "NFC") : NULL, "pre_tokenizer", pre,
                  "post_processor", ok ? post_processor(g) : json_null(), "decoder", byte_level(1), "model", "type",
                  "BPE", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                  "byte_fallback", 0, "ignore_merges", (int)whole, "vocab", vocab, "merges", merges);
    if (ok && o)
        s = json_dumps(o, JSON_COMPACT);
    if (ok && !s)
        err_set(ERR_DATA, "%s: its tokenizer has texts that are not UTF-8", g->where);
    free(name);
    json_decref(o);
    json_decref(vocab);
    json_decref(added);
    json_decref(merges);
    json_decref(pre);
    return s;
}

char *convert_tokenizer_json(const struct gguf *g)
{
    char *s;
    if (gguf_maybe_string(g, "tokenizer.huggingface.json", &s) < 0)
        return NULL;
    if (s)
        return s;
    if (gguf_maybe_string(g, "tokenizer.ggml.model", &s) < 0)
        return NULL;
    bool known = s && strcmp(s, "gpt2") == 0;
    if (!known)
        err_set(ERR_DATA, "%s: its tokenizer '%s' is not written as tokenizer.json; want 'gpt2' (byte-level BPE)",
                g->where, s ? s : "");
    free(s);
    return known ? make_json(g) : NULL;
}

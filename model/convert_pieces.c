/* Pieces from files; what becomes of them is in convert_pieces_write.c. */
#include "model/convert_pieces.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/sentencepiece.h"
#include "model/strmap.h"
#include "model/vocab_llama2c.h"
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void convert_pieces_free(struct convert_pieces *t)
{
    for (size_t i = 0; i < t->n; i++)
        free((void *)(uintptr_t)t->p[i].s);
    free(t->p);
    text_free(&t->charsmap);
    *t = (struct convert_pieces){ 0 };
}

/* Ids up to this one are there, empty where they are left out. */
static struct vocab_scored_piece *reach(struct convert_pieces *t, size_t id)
{
    mem_grow(&t->p, &t->cap, id + 1, sizeof *t->p);
    for (; t->n <= id; t->n++)
        t->p[t->n] = (struct vocab_scored_piece){ .type = SENTENCEPIECE_UNUSED };
    return &t->p[id];
}

static void put(struct convert_pieces *t, size_t id, const struct vocab_scored_piece *p)
{
    struct vocab_scored_piece *to = reach(t, id);
    char *s = mem_alloc(p->n + 1, 1);
    memcpy(s, p->s, p->n);
    free((void *)(uintptr_t)to->s);
    *to = *p;
    to->s = s;
}

static bool member_is(const json_t *o, const char *key, const char *want)
{
    const char *seen = json_string_value(json_object_get(o, key));
    return seen && strcmp(seen, want) == 0;
}

static bool is_replace(const json_t *o, const char *kind, const char *what, const char *by)
{
    return member_is(o, "type", "Replace") && member_is(json_object_get(o, "pattern"), kind, what) &&
           member_is(o, "content", by);
}

static bool is_prepend(const json_t *o)
{
    return member_is(o, "type", "Prepend") && member_is(o, "prepend", VOCAB_METASPACE);
}

static bool is_escape(const json_t *o)
{
    return is_replace(o, "String", " ", VOCAB_METASPACE);
}

/* A Metaspace that puts a mark in front (*prefix); false: another step. */
static bool is_metaspace(const json_t *o, bool *prefix)
{
    const char *scheme = json_string_value(json_object_get(o, "prepend_scheme"));
    const char *mark = json_string_value(json_object_get(o, "replacement"));
    *prefix = scheme ? strcmp(scheme, "never") != 0 : !json_is_false(json_object_get(o, "add_prefix_space"));
    return member_is(o, "type", "Metaspace") && (!mark || strcmp(mark, VOCAB_METASPACE) == 0);
}

/* Spaces are marks when it sees them: Gemma's split at spaces splits nothing. */
static bool does_nothing(const json_t *o)
{
    return !o || json_is_null(o) ||
           (member_is(o, "type", "Split") && member_is(json_object_get(o, "pattern"), "String", " "));
}

/* What GGUF's "llama" does with a text: perhaps a space in front, and spaces become marks. */
static bool read_bpe_steps(struct convert_pieces *t, const json_t *o)
{
    const json_t *normalizer = json_object_get(o, "normalizer"), *pre = json_object_get(o, "pre_tokenizer");
    const json_t *all = json_object_get(normalizer, "normalizers");
    bool two = json_array_size(all) == 2 && is_prepend(json_array_get(all, 0)) && is_escape(json_array_get(all, 1));
    bool plain = !normalizer || json_is_null(normalizer);
    t->prefix_first = plain && member_is(pre, "prepend_scheme", "first");
    if (plain)
        return is_metaspace(pre, &t->adds_prefix);
    t->adds_prefix = two;
    return (two || is_escape(normalizer)) && does_nothing(pre);
}

/* Ranks of merges, as scores of what they make: right when every pair that makes a piece is a merge, and the merges that
 * make it follow one another. */
struct ranks {
    struct strmap *ids;   /* piece -> id; keys are the pieces' own */
    struct strmap *pairs; /* "left right" -> 0; keys are in text */
    char **text;          /* (n,) */
    size_t n;
};

static bool rank_merges(struct convert_pieces *t, const json_t *merges, struct ranks *r)
{
    struct text whole = { 0 };
    const json_t *m;
    size_t i;
    int64_t last = -1;
    bool good = true;
    json_array_foreach(merges, i, m)
    {
        const char *one = json_string_value(m), *left = json_string_value(json_array_get(m, 0));
        const char *right = json_string_value(json_array_get(m, 1));
        struct text pair = { 0 };
        text_addf(&pair, "%s", one ? one : "");
        if (!one)
            text_addf(&pair, "%s %s", left ? left : "", right ? right : "");
        char *space = strchr(pair.s, ' ');
        text_clear(&whole);
        text_addf(&whole, "%.*s%s", space ? (int)(space - pair.s) : 0, pair.s, space ? space + 1 : "");
        int64_t id = strmap_get(r->ids, text_s(&whole), whole.len);
        r->text[r->n++] = pair.s;
        strmap_put(r->pairs, pair.s, pair.len, 0);
        good = good && id >= 0 && (id == last || t->p[id].score > 0);
        if (good && id != last)
            t->p[id].score = -(float)i;
        last = id;
    }
    text_free(&whole);
    return good;
}

/* Whether each cut of piece id into two pieces is a merge. */
static bool has_all_merges(const struct convert_pieces *t, size_t id, const struct ranks *r)
{
    const struct vocab_scored_piece *p = &t->p[id];
    struct text pair = { 0 };
    bool all = true;
    for (size_t at = 1; all && p->type == SENTENCEPIECE_NORMAL && at < p->n; at++) {
        int64_t left = strmap_get(r->ids, p->s, at), right = strmap_get(r->ids, p->s + at, p->n - at);
        if (left < 0 || right < 0 || t->p[left].type != SENTENCEPIECE_NORMAL ||
            t->p[right].type != SENTENCEPIECE_NORMAL)
            continue;
        text_clear(&pair);
        text_addn(&pair, p->s, at);
        text_add(&pair, " ");
        text_addn(&pair, p->s + at, p->n - at);
        all = strmap_get(r->pairs, text_s(&pair), pair.len) >= 0;
    }
    text_free(&pair);
    return all;
}

static bool score_merges(struct convert_pieces *t, const json_t *merges)
{
    size_t n = json_array_size(merges);
    struct ranks r = { strmap_alloc(), strmap_alloc(), mem_alloc(n, sizeof *r.text), 0 };
    for (size_t id = 0; id < t->n; id++)
        if (t->p[id].s)
            strmap_put(r.ids, t->p[id].s, t->p[id].n, (uint32_t)id);
    bool good = rank_merges(t, merges, &r);
    for (size_t id = 0; good && id < t->n; id++)
        good = has_all_merges(t, id, &r);
    for (size_t id = 0; id < t->n; id++)
        if (t->p[id].score > 0) /* made by no merge */
            t->p[id].score = t->p[id].type == SENTENCEPIECE_NORMAL ? -(float)n - 1 : 0;
    strmap_free(r.ids);
    strmap_free(r.pairs);
    for (size_t i = 0; i < r.n; i++)
        free(r.text[i]);
    free(r.text);
    return good;
}

static void put_added(struct convert_pieces *t, const json_t *added)
{
    const json_t *o;
    size_t i;
    json_array_foreach(added, i, o)
    {
        const char *s = json_string_value(json_object_get(o, "content"));
        json_int_t id = json_integer_value(json_object_get(o, "id"));
        bool known = (size_t)id < t->n && t->p[id].type == SENTENCEPIECE_UNKNOWN;
        struct vocab_scored_piece p = { s, s ? strlen(s) : 0, CONVERT_ADDED_SCORE, SENTENCEPIECE_USER_DEFINED };
        if (json_is_true(json_object_get(o, "special")))
            p.type = SENTENCEPIECE_CONTROL;
        if (s && !known)
            put(t, (size_t)id, &p);
    }
}

/* The document has been read as a vocabulary before, so its ids are bounded. */
static int read_bpe(struct convert_pieces *t, const json_t *o)
{
    json_t *model = json_object_get(o, "model"), *id;
    const char *piece, *unknown = json_string_value(json_object_get(model, "unk_token"));
    bool falls_back = json_is_true(json_object_get(model, "byte_fallback"));
    if (!falls_back || json_is_true(json_object_get(model, "ignore_merges")) || !read_bpe_steps(t, o))
        return 0;
    json_object_foreach(json_object_get(model, "vocab"), piece, id)
    {
        struct vocab_scored_piece p = { piece, strlen(piece), 1, SENTENCEPIECE_NORMAL };
        if (vocab_byte_of(piece) >= 0)
            p.type = SENTENCEPIECE_BYTE;
        else if (unknown && strcmp(piece, unknown) == 0)
            p.type = SENTENCEPIECE_UNKNOWN;
        put(t, (size_t)json_integer_value(id), &p);
    }
    put_added(t, json_object_get(o, "added_tokens"));
    return score_merges(t, json_object_get(model, "merges"));
}

static bool read_charsmap(struct convert_pieces *t, const json_t *o)
{
    const char *s = json_string_value(json_object_get(o, "precompiled_charsmap"));
    size_t n = s ? strlen(s) : 0;
    if (!member_is(o, "type", "Precompiled") || t->charsmap.len > 0 || n == 0 || n % 4 != 0 || n > INT_MAX)
        return false;
    unsigned char *bytes = mem_alloc(n / 4 * 3, 1);
    int got = EVP_DecodeBlock(bytes, (const unsigned char *)s, (int)n);
    size_t padding = (size_t)(s[n - 1] == '=') + (s[n - 2] == '=');
    if (got > 0)
        text_addn(&t->charsmap, bytes, (size_t)got - padding);
    free(bytes);
    return got > 0;
}

/* What is left out around a text goes with what is left out between words, or not at all. */
static bool read_unigram_step(struct convert_pieces *t, const json_t *o, bool *strips)
{
    bool extra = is_replace(o, "Regex", " {2,}", " ") || is_replace(o, "Regex", " {2,}", VOCAB_METASPACE);
    t->removes_extra = t->removes_extra || extra;
    *strips = *strips || member_is(o, "type", "Strip");
    return extra || member_is(o, "type", "Strip") || read_charsmap(t, o);
}

/* Marks are a Metaspace's, or the last steps of the normaliser. */
static bool read_unigram_steps(struct convert_pieces *t, const json_t *o)
{
    const json_t *normalizer = json_object_get(o, "normalizer"), *pre = json_object_get(o, "pre_tokenizer"), *step;
    const json_t *all = json_object_get(normalizer, "normalizers");
    size_t i, n = json_array_size(all);
    bool escapes = n > 0 && is_escape(json_array_get(all, n - 1)) && does_nothing(pre), strips = false;
    bool prepends = escapes && n > 1 && is_prepend(json_array_get(all, n - 2));
    bool good = escapes || is_metaspace(pre, &t->adds_prefix);
    if (escapes)
        t->adds_prefix = prepends;
    if (!all && normalizer && !json_is_null(normalizer))
        good = good && read_unigram_step(t, normalizer, &strips);
    json_array_foreach(all, i, step)
    {
        if (i + escapes + prepends < n)
            good = good && read_unigram_step(t, step, &strips);
    }
    return good && strips == t->removes_extra;
}

static int read_unigram(struct convert_pieces *t, const json_t *o)
{
    const json_t *model = json_object_get(o, "model"), *pair, *unknown = json_object_get(model, "unk_id");
    size_t i;
    t->unigram = true;
    if (!read_unigram_steps(t, o))
        return 0;
    json_array_foreach(json_object_get(model, "vocab"), i, pair)
    {
        const char *s = json_string_value(json_array_get(pair, 0));
        struct vocab_scored_piece p = { s, s ? strlen(s) : 0, (float)json_number_value(json_array_get(pair, 1)),
                                        SENTENCEPIECE_NORMAL };
        if (json_is_integer(unknown) && (json_int_t)i == json_integer_value(unknown))
            p.type = SENTENCEPIECE_UNKNOWN;
        else if (s && vocab_byte_of(s) >= 0 && json_is_true(json_object_get(model, "byte_fallback")))
            p.type = SENTENCEPIECE_BYTE;
        put(t, i, &p);
    }
    put_added(t, json_object_get(o, "added_tokens"));
    return 1;
}

int convert_pieces_of_json(struct convert_pieces *t, const json_t *o)
{
    const json_t *model = json_object_get(o, "model");
    if (member_is(model, "type", "Unigram"))
        return read_unigram(t, o);
    return member_is(model, "type", "BPE") ? read_bpe(t, o) : 0;
}

/* Tokens that lie beside the model's own are in the vocabulary that was read from all of it. */
int convert_pieces_of_model(struct convert_pieces *t, const struct map_file *m, const struct vocab *v)
{
    struct sentencepiece sp;
    int rc = sentencepiece_read(&sp, m->path, m->bytes, (size_t)m->size);
    for (size_t i = 0; rc == 0 && i < sp.n_pieces; i++)
        put(t, i, &(struct vocab_scored_piece){ sp.piece[i].s, sp.piece[i].n, sp.piece[i].score, sp.piece[i].type });
    for (size_t i = 0; rc == 0 && i < t->n; i++)
        t->own_late = t->own_late || t->p[i].type == SENTENCEPIECE_USER_DEFINED;
    for (size_t i = 0; rc == 0 && i < v->n; i++) {
        const struct token *o = &v->token[i];
        bool added = o->kind == TOKEN_ADDED || o->kind == TOKEN_SPECIAL;
        bool own = i < t->n && t->p[i].type != SENTENCEPIECE_NORMAL && t->p[i].type != SENTENCEPIECE_UNUSED;
        int32_t type = o->kind == TOKEN_SPECIAL ? SENTENCEPIECE_CONTROL : SENTENCEPIECE_USER_DEFINED;
        if (added && !own)
            put(t, i, &(struct vocab_scored_piece){ o->piece, strlen(o->piece), CONVERT_ADDED_SCORE, type });
    }
    if (rc == 0 && (sp.spaces_behind || !sp.escapes))
        rc = err_set(ERR_DATA, "%s: spaces behind words, or as they are, have no place in another tokenizer file",
                     m->path);
    t->unigram = sp.model_type == SENTENCEPIECE_UNIGRAM;
    if (rc == 0 && !t->unigram && t->own_late && (sp.n_charsmap > 0 || sp.removes_extra))
        rc = err_set(ERR_DATA,
                     "%s: symbols of its own that are not normalised with the rest of a text have no place in "
                     "another tokenizer file",
                     m->path);
    t->adds_prefix = sp.adds_prefix;
    t->prefix_first = pretoken_count(v->pretoken) > 0; /* as model/vocab_sentencepiece.c has it */
    t->removes_extra = sp.removes_extra;
    if (rc == 0)
        text_addn(&t->charsmap, sp.charsmap, sp.n_charsmap);
    sentencepiece_fini(&sp);
    return rc == 0 ? 1 : rc;
}

/* A space is a mark; the tokens that begin and end texts have line breaks around them there. */
int convert_pieces_of_llama2c(struct convert_pieces *t, const struct map_file *m, uint32_t n)
{
    static const char *const first[] = { "<unk>", "<s>", "</s>" };
    struct vocab_scored_piece *p = mem_alloc(n, sizeof *p);
    struct text piece = { 0 };
    int rc = vocab_llama2c_pieces(m->path, m->bytes, m->size, n, p);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        text_clear(&piece);
        for (size_t b = 0; i >= 3 && b < p[i].n; b++)
            text_addn(&piece, p[i].s[b] == ' ' ? VOCAB_METASPACE : &p[i].s[b], p[i].s[b] == ' ' ? 3 : 1);
        text_add(&piece, i < 3 ? first[i] : "");
        put(t, i, &(struct vocab_scored_piece){ text_s(&piece), piece.len, p[i].score, p[i].type });
    }
    t->adds_prefix = true;
    text_free(&piece);
    free(p);
    return rc == 0 ? 1 : rc;
}

int convert_pieces_of_gguf(struct convert_pieces *t, const struct gguf *g)
{
    const struct gguf_value *tokens, *scores, *types, *map = gguf_find(g, "tokenizer.ggml.precompiled_charsmap");
    char *model;
    TRY(gguf_maybe_string(g, "tokenizer.ggml.model", &model));
    t->unigram = model && strcmp(model, "t5") == 0;
    free(model);
    TRY(gguf_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens));
    TRY(gguf_array(g, "tokenizer.ggml.scores", GGUF_F32, &scores));
    TRY(gguf_array(g, "tokenizer.ggml.token_type", GGUF_I32, &types));
    const uint8_t *at = tokens->data;
    for (size_t i = 0; i < tokens->n && i < scores->n && i < types->n; i++) {
        uint64_t n;
        struct vocab_scored_piece p = { .s = gguf_next_string(&at, &n) };
        p.n = (size_t)n;
        memcpy(&p.score, scores->data + i * sizeof p.score, sizeof p.score);
        memcpy(&p.type, types->data + i * sizeof p.type, sizeof p.type);
        put(t, i, &p);
    }
    t->adds_prefix = true;
    TRY(gguf_maybe_bool(g, "tokenizer.ggml.add_space_prefix", &t->adds_prefix));
    if (!t->unigram)
        return 1;
    TRY(gguf_maybe_bool(g, "tokenizer.ggml.remove_extra_whitespaces", &t->removes_extra));
    if (map && map->type == GGUF_ARRAY && gguf_type_bytes(map->element) == 1)
        text_addn(&t->charsmap, map->data, (size_t)map->n);
    return 1;
}

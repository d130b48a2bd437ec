/* Scored pieces as GGUF's keys and as a tokenizer.json. */
#include "base/mem.h"
#include "model/convert_pieces.h"
#include "model/sentencepiece.h"
#include "model/strmap.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define PAD_SCORE (-10000) /* as llama.cpp's converter gives them */

bool convert_pieces_fit_gguf(const struct convert_pieces *t)
{
    return t->unigram || (t->charsmap.len == 0 && !t->removes_extra);
}

static void add_tokens(const struct convert_pieces *t, struct gguf_keys *k, size_t n)
{
    struct text name = { 0 };
    gguf_write_array(k, "tokenizer.ggml.tokens", GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) {
        text_clear(&name);
        text_addf(&name, "[PAD%zu]", i);
        bool there = i < t->n && t->p[i].s;
        gguf_write_item(k, there ? t->p[i].s : text_s(&name), there ? t->p[i].n : name.len);
    }
    text_free(&name);
}

void convert_pieces_add(const struct convert_pieces *t, struct gguf_keys *k, size_t n)
{
    gguf_write_text(k, "tokenizer.ggml.model", t->unigram ? "t5" : "llama", t->unigram ? 2 : 5);
    gguf_write_text(k, "tokenizer.ggml.pre", "default", 7);
    add_tokens(t, k, n);
    gguf_write_array(k, "tokenizer.ggml.scores", GGUF_F32, n);
    for (size_t i = 0; i < n; i++) {
        float score = i < t->n && t->p[i].s ? t->p[i].score : PAD_SCORE;
        text_addn(&k->bytes, &score, sizeof score);
    }
    gguf_write_array(k, "tokenizer.ggml.token_type", GGUF_I32, n);
    for (size_t i = 0; i < n; i++) {
        int32_t type = i < t->n ? t->p[i].type : SENTENCEPIECE_UNUSED;
        text_addn(&k->bytes, &type, sizeof type); /* the numbers are SentencePiece's */
    }
    gguf_write_bool(k, "tokenizer.ggml.add_space_prefix", t->adds_prefix);
    if (!t->unigram)
        return;
    gguf_write_bool(k, "tokenizer.ggml.remove_extra_whitespaces", t->removes_extra);
    if (t->charsmap.len > 0) {
        gguf_write_array(k, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, t->charsmap.len);
        text_addn(&k->bytes, t->charsmap.s, t->charsmap.len);
    }
}

/* Converters name the rows of an embedding that the tokenizer lacks: they are no tokens. */
static bool is_pad(const struct convert_pieces *t, size_t id)
{
    struct text name = { 0 };
    text_addf(&name, "[PAD%zu]", id);
    const struct vocab_scored_piece *p = &t->p[id];
    bool pad = !p->s || (p->type == SENTENCEPIECE_UNUSED && p->n == name.len && memcmp(p->s, name.s, name.len) == 0);
    text_free(&name);
    return pad;
}

static bool is_text(const struct convert_pieces *t, size_t id)
{
    return (t->p[id].type == SENTENCEPIECE_NORMAL || t->p[id].type == SENTENCEPIECE_UNUSED) && !is_pad(t, id);
}

struct merge {
    float score;
    uint32_t id, at; /* the piece, and where it is cut */
};

static int by_score(const void *a, const void *b)
{
    const struct merge *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    if (x->id != y->id)
        return x->id > y->id ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

static size_t list_merges(const struct convert_pieces *t, const struct strmap *ids, struct merge **list)
{
    size_t n = 0, cap = 0;
    for (size_t id = 0; id < t->n; id++)
        for (size_t at = 1; is_text(t, id) && at < t->p[id].n; at++) {
            const struct vocab_scored_piece *p = &t->p[id];
            if (((unsigned char)p->s[at] & 0xc0) == 0x80 || strmap_get(ids, p->s, at) < 0 ||
                strmap_get(ids, p->s + at, p->n - at) < 0)
                continue;
            mem_grow(list, &cap, n + 1, sizeof **list);
            (*list)[n++] = (struct merge){ p->score, (uint32_t)id, (uint32_t)at };
        }
    if (n > 0)
        qsort(*list, n, sizeof **list, by_score);
    return n;
}

/* Each pair of pieces that makes a third, the third of the highest score first. */
static json_t *make_merges(const struct convert_pieces *t)
{
    struct strmap *ids = strmap_alloc();
    struct merge *list = NULL;
    json_t *merges = json_array();
    for (size_t id = 0; id < t->n; id++)
        if (is_text(t, id))
            strmap_put(ids, t->p[id].s, t->p[id].n, (uint32_t)id);
    size_t n = list_merges(t, ids, &list);
    for (size_t i = 0; i < n; i++) {
        const struct vocab_scored_piece *p = &t->p[list[i].id];
        size_t at = list[i].at;
        json_array_append_new(merges, json_pack("[s%,s%]", p->s, at, p->s + at, p->n - at));
    }
    free(list);
    strmap_free(ids);
    return merges;
}

/* A symbol of a Unigram model's own is chosen among its pieces, not cut out of the text before. */
static bool is_chosen(const struct convert_pieces *t, size_t id)
{
    return t->unigram && t->p[id].type == SENTENCEPIECE_USER_DEFINED && t->p[id].score != CONVERT_ADDED_SCORE;
}

static json_t *make_added(const struct convert_pieces *t)
{
    json_t *added = json_array();
    for (size_t id = 0; id < t->n; id++) {
        const struct vocab_scored_piece *p = &t->p[id];
        bool own = p->type == SENTENCEPIECE_USER_DEFINED, late = own && t->own_late && p->score != CONVERT_ADDED_SCORE;
        if (is_chosen(t, id))
            continue;
        if (own || p->type == SENTENCEPIECE_CONTROL || p->type == SENTENCEPIECE_UNKNOWN)
            json_array_append_new(added, json_pack("{s:i,s:s%,s:b,s:b,s:b,s:b,s:b}", "id", (int)id, "content", p->s,
                                                   p->n, "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized",
                                                   (int)late, "special", !own));
    }
    return added;
}

int64_t convert_pieces_unknown(const struct convert_pieces *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->p[i].type == SENTENCEPIECE_UNKNOWN)
            return (int64_t)i;
    return -1;
}

bool convert_pieces_fall_back(const struct convert_pieces *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->p[i].type == SENTENCEPIECE_BYTE)
            return true;
    return false;
}

static json_t *make_bpe(const struct convert_pieces *t)
{
    json_t *vocab = json_object();
    int64_t id = convert_pieces_unknown(t);
    const char *unknown = id < 0 ? NULL : t->p[id].s;
    for (size_t i = 0; i < t->n; i++)
        if (!is_pad(t, i))
            json_object_setn_new(vocab, t->p[i].s, t->p[i].n, json_integer((json_int_t)i));
    return json_pack("{s:s,s:n,s:s?,s:n,s:n,s:b,s:b,s:b,s:o,s:o}", "type", "BPE", "dropout", "unk_token", unknown,
                     "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 1, "byte_fallback",
                     (int)convert_pieces_fall_back(t), "ignore_merges", 0, "vocab", vocab, "merges", make_merges(t));
}

/* Such a symbol has so much that it is always chosen (SentencePiece's unigram_model.cc). */
static double score_of(const struct convert_pieces *t, size_t id)
{
    double most = -1e9;
    for (size_t i = 0; is_chosen(t, id) && i < t->n; i++)
        if (t->p[i].type == SENTENCEPIECE_NORMAL && (double)t->p[i].score > most)
            most = (double)t->p[i].score;
    return is_chosen(t, id) ? (double)t->p[id].n * most - 0.1 : (double)t->p[id].score;
}

/* Ids are places there, so that nothing but what lies at the end can be left out. */
static json_t *make_unigram(const struct convert_pieces *t)
{
    int64_t id = convert_pieces_unknown(t);
    json_t *vocab = json_array(), *unknown = id < 0 ? json_null() : json_integer(id);
    size_t n = t->n;
    while (n > 0 && is_pad(t, n - 1))
        n--;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(vocab, json_pack("[s%,f]", t->p[i].s ? t->p[i].s : "", t->p[i].n, score_of(t, i)));
    return json_pack("{s:s,s:o,s:b,s:o}", "type", "Unigram", "unk_id", unknown, "byte_fallback",
                     (int)convert_pieces_fall_back(t), "vocab", vocab);
}

static json_t *replace(const char *kind, const char *what, const char *by)
{
    return json_pack("{s:s,s:{s:s},s:s}", "type", "Replace", "pattern", kind, what, "content", by);
}

static json_t *charsmap(const struct convert_pieces *t)
{
    size_t n = t->charsmap.len;
    char *s = mem_alloc((n + 2) / 3 * 4 + 1, 1);
    EVP_EncodeBlock((unsigned char *)s, (const unsigned char *)t->charsmap.s, (int)n);
    json_t *o = json_pack("{s:s,s:s}", "type", "Precompiled", "precompiled_charsmap", s);
    free(s);
    return o;
}

/* SentencePiece's own steps, one by one. */
static json_t *make_normalizer(const struct convert_pieces *t)
{
    json_t *steps = json_array();
    if (t->charsmap.len > 0)
        json_array_append_new(steps, charsmap(t));
    if (t->removes_extra) {
        json_array_append_new(steps, json_pack("{s:s,s:b,s:b}", "type", "Strip", "strip_left", 1, "strip_right", 1));
        json_array_append_new(steps, replace("Regex", " {2,}", " "));
    }
    bool marks = !t->prefix_first; /* else a Metaspace does it, which leaves a text alone that begins with a mark */
    if (marks && t->adds_prefix)
        json_array_append_new(steps, json_pack("{s:s,s:s}", "type", "Prepend", "prepend", VOCAB_METASPACE));
    if (marks)
        json_array_append_new(steps, replace("String", " ", VOCAB_METASPACE));
    json_t *o =
        json_array_size(steps) == 0 ? json_null() : json_pack("{s:s,s:O}", "type", "Sequence", "normalizers", steps);
    json_decref(steps);
    return o;
}

static json_t *metaspace(void)
{
    return json_pack("{s:s,s:s,s:s,s:b}", "type", "Metaspace", "replacement", VOCAB_METASPACE, "prepend_scheme",
                     "first", "split", 0);
}

static json_t *make_decoder(const struct convert_pieces *t)
{
    json_t *steps = json_array();
    json_array_append_new(steps, replace("String", VOCAB_METASPACE, " "));
    json_array_append_new(steps, json_pack("{s:s}", "type", "ByteFallback"));
    json_array_append_new(steps, json_pack("{s:s}", "type", "Fuse"));
    if (t->adds_prefix)
        json_array_append_new(steps,
                              json_pack("{s:s,s:s,s:i,s:i}", "type", "Strip", "content", " ", "start", 1, "stop", 0));
    return json_pack("{s:s,s:o}", "type", "Sequence", "decoders", steps);
}

json_t *convert_pieces_json(const struct convert_pieces *t)
{
    return json_pack("{s:s,s:n,s:n,s:o,s:o,s:o,s:o,s:o}", "version", "1.0", "truncation", "padding", "added_tokens",
                     make_added(t), "normalizer", make_normalizer(t), "pre_tokenizer",
                     t->prefix_first ? metaspace() : json_null(), "decoder", make_decoder(t), "model",
                     t->unigram ? make_unigram(t) : make_bpe(t));
}

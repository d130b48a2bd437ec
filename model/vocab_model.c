/* The models: how a piece of text becomes tokens. */
#include "base/err.h"
#include "base/mem.h"
#include "model/uchar.h"
#include "model/vocab_inside.h"
#include <string.h>

#define WIDE 0xe3u /* what characters from U+3000 on begin with */

/* Thai, Hindi and others are below U+3000; they have spaces, or all that stands beside each other may merge. */
bool vocab_is_wide(const char *s, size_t n)
{
    const unsigned char *b = (const unsigned char *)s;
    size_t second = b[0] < 0xc0 ? 1 : b[0] < 0xe0 ? 2 : 3;
    return b[0] >= WIDE || (n > second && b[second] >= WIDE);
}

static int lacks(const struct vocab *v, const char *s, size_t n)
{
    if (n == 1)
        return err_set(ERR_DATA, "%s: the vocabulary has no token for byte 0x%02x", v->where, (unsigned char)*s);
    return err_set(ERR_DATA, "%s: the vocabulary has no token for '%.*s', and none for what is unknown", v->where,
                   (int)(n < 16 ? n : 16), s);
}

/* Appends the tokens <0xAB> of n bytes; false, and nothing appended: the vocabulary lacks one. */
static bool add_bytes(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    for (size_t i = 0; i < n; i++)
        if (v->byte_token[(unsigned char)s[i]] < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        symbols_add(out, &(sym_t){ (sym_t)v->byte_token[(unsigned char)s[i]] }, 1);
    return true;
}

/* The character at s, which may be the rest of one that a step has cut, or the beginning: a byte then. */
static uint32_t char_at(const char *s, size_t n, size_t *width)
{
    unsigned char first = (unsigned char)*s;
    *width = 1;
    if (first < 0xc2 || (n < 4 && n < (first < 0xe0 ? 2u : first < 0xf0 ? 3u : 4u)))
        return first;
    return uchar_decode(s, width);
}

/* A piece being spelled: the symbols since the last cut wait in v->piece to be merged. */
struct spelling {
    struct vocab *v;
    const char *s;
    size_t from;   /* where the part at work begins */
    uint32_t last; /* the character before, where a cut may be behind it; else NO_CHAR */
    struct symbols *out;
};
#define NO_CHAR UINT32_MAX

/* Ends the part at work before `to`.  Parts of runs without spaces come again and again, as words do elsewhere. */
static void end_part(struct spelling *p, size_t to)
{
    struct vocab *v = p->v;
    struct wordcache_key key = { .n = 0 };
    size_t n_ids;
    if (v->piece.n > 3 && to - p->from > VOCAB_WIDE_MIN && vocab_is_wide(p->s + p->from, to - p->from)) {
        const sym_t *ids = wordcache_get(v->cache, p->s + p->from, to - p->from, &key, &n_ids);
        if (ids) {
            symbols_add(p->out, ids, n_ids);
            return;
        }
    }
    n_ids = bpe_merge(v->bpe, v->piece.s, v->piece.n);
    symbols_add(p->out, v->piece.s, n_ids);
    wordcache_put(v->cache, &key, v->piece.s, n_ids);
}

/* A cut before the character c at `at`, which has a start, where no merge crosses. */
static void cut_before(struct spelling *p, size_t at, uint32_t c)
{
    if (p->last != NO_CHAR && (p->last >= 0x80 || c >= 0x80) && !vocab_cut_crosses(p->v->cut, p->last, c)) {
        end_part(p, at);
        p->from = at;
        p->v->piece.n = 0;
    }
    p->last = c;
}

/* The bytes [at, at + width) one by one.  *unknown: the byte before has no symbol. */
static int put_bytes(struct spelling *p, size_t at, size_t width, bool *unknown)
{
    struct vocab *v = p->v;
    for (size_t i = at; i < at + width; i++) {
        int64_t symbol = v->byte_symbol[(unsigned char)p->s[i]];
        if (symbol < 0 && v->unknown < 0)
            return lacks(v, p->s + i, 1);
        if (symbol >= 0 || !*unknown || !v->fuses_unknown)
            v->piece.s[v->piece.n++] = (sym_t)(symbol < 0 ? v->unknown : symbol);
        *unknown = symbol < 0;
    }
    return 0;
}

static int spell_bytes(struct spelling *p, size_t n)
{
    struct vocab *v = p->v;
    bool unknown = false, spoilt = false;
    mem_grow(&v->piece.s, &v->piece.cap, n, sizeof *v->piece.s);
    v->piece.n = 0;
    for (size_t i = 0, width; i < n; i += width) {
        uint32_t c = char_at(p->s + i, n - i, &width);
        bool is_char = width > 1 || c < 0x80;
        uint32_t start = width > 1 && c < VOCAB_START_CHARS ? v->start[c] : VOCAB_NO_START;
        if (start != VOCAB_NO_START && !(spoilt && start & VOCAB_SPOILT_START)) {
            cut_before(p, i, c);
            v->piece.s[v->piece.n++] = start & ~VOCAB_SPOILT_START;
            unknown = false;
        } else {
            if (c < 0x80 && v->byte_symbol[c] >= 0)
                cut_before(p, i, c);
            else
                p->last = NO_CHAR;
            TRY(put_bytes(p, i, width, &unknown));
        }
        spoilt = unknown || !is_char || c >= VOCAB_START_CHARS || v->spoils[c];
    }
    end_part(p, n);
    return 0;
}

static int encode_bytes(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    int64_t id = v->whole ? strmap_get(v->whole, s, n) : -1;
    if (id >= 0) {
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        return 0;
    }
    return spell_bytes(&(struct spelling){ .v = v, .s = s, .last = NO_CHAR, .out = out }, n);
}

const struct vocab_model vocab_model_bytes = { "byte-level bpe", encode_bytes };

/* The token of one character; -1: none that text may become. */
static int64_t char_token(const struct vocab *v, const char *s, size_t width, uint32_t c)
{
    if (c < VOCAB_START_CHARS)
        return v->start[c] == VOCAB_NO_START ? -1 : (int64_t)v->start[c];
    int64_t id = strmap_get(v->ids, s, width);
    return id >= 0 && v->token[id].kind != TOKEN_SPECIAL ? id : -1;
}

/* An unknown character waits until a known one comes, or the end: bytes that are fallen back to do not count as known
 * (so it is in Hugging Face tokenizers). */
static int spell_chars(struct spelling *p, size_t n)
{
    struct vocab *v = p->v;
    bool waits = false;
    v->piece.n = 0;
    for (size_t at = 0, width; at < n; at += width) {
        uint32_t c = uchar_decode(p->s + at, &width);
        int64_t id = char_token(v, p->s + at, width, c);
        if (id >= 0 && c < VOCAB_START_CHARS)
            cut_before(p, at, c);
        else
            p->last = NO_CHAR;
        if (id < 0 && v->falls_back && add_bytes(v, p->s + at, width, &v->piece))
            continue;
        if (id < 0 && v->unknown < 0)
            return lacks(v, p->s + at, width);
        if (waits && (id >= 0 || !v->fuses_unknown))
            symbols_add(&v->piece, &(sym_t){ (sym_t)v->unknown }, 1);
        waits = id < 0;
        if (id >= 0)
            symbols_add(&v->piece, &(sym_t){ (sym_t)id }, 1);
    }
    if (waits)
        symbols_add(&v->piece, &(sym_t){ (sym_t)v->unknown }, 1);
    end_part(p, n);
    return 0;
}

static int encode_chars(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    int64_t id = v->ignores_merges ? strmap_get(v->ids, s, n) : -1;
    if (id >= 0 && v->token[id].kind != TOKEN_SPECIAL) {
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        return 0;
    }
    return spell_chars(&(struct spelling){ .v = v, .s = s, .last = NO_CHAR, .out = out }, n);
}

const struct vocab_model vocab_model_chars = { "bpe", encode_chars };

/* A part of the cut that is no piece as it stands: several unknown characters may be one. */
static int encode_unknown(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    int64_t id = strmap_get(v->ids, s, n);
    if (id >= 0 && v->token[id].kind != TOKEN_SPECIAL) {
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        return 0;
    }
    if (v->falls_back && add_bytes(v, s, n, out))
        return 0;
    if (v->unknown < 0)
        return lacks(v, s, n);
    symbols_add(out, &(sym_t){ (sym_t)v->unknown }, 1);
    return 0;
}

static int encode_unigram(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    size_t n_parts;
    const struct unigram_part *part = unigram_cut(v->unigram, s, n, &n_parts);
    for (size_t i = 0, end; i < n_parts; i = end) {
        end = i + 1;
        if (part[i].id >= 0 && part[i].id != v->unknown) {
            symbols_add(out, &(sym_t){ (sym_t)part[i].id }, 1);
            continue;
        }
        while (v->fuses_unknown && end < n_parts && (part[end].id < 0 || part[end].id == v->unknown))
            end++;
        TRY(encode_unknown(v, s + part[i].from, part[end - 1].to - part[i].from, out));
    }
    return 0;
}

const struct vocab_model vocab_model_unigram = { "unigram", encode_unigram };

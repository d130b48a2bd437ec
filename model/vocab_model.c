/* The models: how a piece of text becomes tokens. */
#include "base/err.h"
#include "base/mem.h"
#include "model/uchar.h"
#include "model/vocab_inside.h"
#include <string.h>

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

/* The symbols of a piece before merging, into v->piece. */
static int spell_bytes(struct vocab *v, const char *s, size_t n)
{
    bool unknown = false;
    size_t count = 0;
    mem_grow(&v->piece.s, &v->piece.cap, n, sizeof *v->piece.s);
    for (size_t i = 0; i < n;) {
        size_t width;
        uint32_t c = char_at(s + i, n - i, &width);
        if (width > 1 && c < VOCAB_START_CHARS && v->start[c] != VOCAB_NO_START) {
            v->piece.s[count++] = v->start[c];
            unknown = false;
            i += width;
            continue;
        }
        int64_t symbol = v->byte_symbol[(unsigned char)s[i]];
        if (symbol < 0 && v->unknown < 0)
            return lacks(v, s + i, 1);
        if (symbol >= 0 || !unknown || !v->fuses_unknown)
            v->piece.s[count++] = (sym_t)(symbol < 0 ? v->unknown : symbol);
        unknown = symbol < 0;
        i++;
    }
    v->piece.n = count;
    return 0;
}

static int encode_bytes(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    int64_t id = v->whole ? strmap_get(v->whole, s, n) : -1;
    if (id >= 0) {
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        return 0;
    }
    TRY(spell_bytes(v, s, n));
    symbols_add(out, v->piece.s, bpe_merge(v->bpe, v->piece.s, v->piece.n));
    return 0;
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

/* The symbols of a piece before merging, into v->piece.  An unknown character waits until a known one comes, or the
 * end: bytes that are fallen back to do not count as known (so it is in Hugging Face tokenizers). */
static int spell(struct vocab *v, const char *s, size_t n)
{
    bool waits = false;
    v->piece.n = 0;
    for (size_t at = 0, width; at < n; at += width) {
        uint32_t c = uchar_decode(s + at, &width);
        int64_t id = char_token(v, s + at, width, c);
        if (id < 0 && v->falls_back && add_bytes(v, s + at, width, &v->piece))
            continue;
        if (id < 0 && v->unknown < 0)
            return lacks(v, s + at, width);
        if (waits && (id >= 0 || !v->fuses_unknown))
            symbols_add(&v->piece, &(sym_t){ (sym_t)v->unknown }, 1);
        waits = id < 0;
        if (id >= 0)
            symbols_add(&v->piece, &(sym_t){ (sym_t)id }, 1);
    }
    if (waits)
        symbols_add(&v->piece, &(sym_t){ (sym_t)v->unknown }, 1);
    return 0;
}

static int encode_chars(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    int64_t id = v->ignores_merges ? strmap_get(v->ids, s, n) : -1;
    if (id >= 0 && v->token[id].kind != TOKEN_SPECIAL) {
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        return 0;
    }
    TRY(spell(v, s, n));
    symbols_add(out, v->piece.s, bpe_merge(v->bpe, v->piece.s, v->piece.n));
    return 0;
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

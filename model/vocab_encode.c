/* Text to tokens: added tokens first, then normalisation, pre-tokenisation and merges of what lies between them. */
#include "base/err.h"
#include "base/mem.h"
#include "model/vocab_inside.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* How many bytes at s one U+FFFD stands for: the longest start of a valid sequence, at least one byte (Unicode 15,
 * "substitution of maximal subparts", as Python's errors="replace" does). */
static size_t bad_bytes(const char *s, size_t n)
{
    for (size_t m = n < 3 ? n : 3; m > 1; m--)
        if (text_utf8(s, m, NULL) < 0)
            return m;
    return 1;
}

static void add_clean(struct text *t, const char *s, size_t n)
{
    for (size_t i = 0, good = 0; i <= n;) {
        int length = i < n ? text_utf8(s + i, n - i, NULL) : 0;
        if (length > 0) {
            i += (size_t)length;
            continue;
        }
        text_addn(t, s + good, i - good);
        if (i == n)
            break;
        text_add(t, "\xef\xbf\xbd");
        i += bad_bytes(s + i, n - i);
        good = i;
    }
}

/* One piece of the pre-tokeniser. */
static int encode_piece(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    int64_t id = v->whole ? strmap_get(v->whole, s, n) : -1;
    if (id >= 0) {
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        return 0;
    }
    mem_grow(&v->piece.s, &v->piece.cap, n, sizeof *v->piece.s);
    for (size_t i = 0; i < n; i++) {
        int64_t symbol = v->byte_symbol[(unsigned char)s[i]];
        if (symbol < 0)
            return err_set(ERR_DATA, "%s: the vocabulary has no token for byte 0x%02x", v->where, (unsigned char)s[i]);
        v->piece.s[i] = (sym_t)symbol;
    }
    symbols_add(out, v->piece.s, bpe_merge(v->bpe, v->piece.s, n));
    return 0;
}

static int encode_between(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    const struct span *spans;
    size_t n_spans;
    if (v->is_scored)
        return vocab_scored_encode(v, s, n, out);
    TRY(pretoken_split(v->pretoken, s, n, &spans, &n_spans));
    for (size_t i = 0; i < n_spans; i++)
        TRY(encode_piece(v, s + spans[i].from, spans[i].to - spans[i].from, out));
    return 0;
}

static int encode_composed(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    uint8_t *composed;
    utf8proc_ssize_t length =
        utf8proc_map((const uint8_t *)s, (utf8proc_ssize_t)n, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (length < 0)
        return err_set(ERR_DATA, "%s: a text cannot be normalised: %s", v->where, utf8proc_errmsg(length));
    int rc = encode_between(v, (const char *)composed, (size_t)length, out);
    free(composed);
    return rc;
}

/* Whether bytes [from, to) of the clean text lie in literal parts only. */
static bool is_literal(const struct vocab *v, size_t from, size_t to)
{
    size_t begin = 0;
    for (size_t i = 0; i < v->n_regions && begin < to; i++) {
        if (v->region[i].is_data && v->region[i].to > from)
            return false;
        begin = v->region[i].to;
    }
    return true;
}

/* Added tokens are looked for in two passes: those that are not late in the whole text, late ones in what is left. */
#define PASSES 2

/* The longest added token of a pass at byte `at` of the clean text that ends by `to` and may stand there; -1: none. */
static int64_t added_at(const struct vocab *v, size_t at, size_t to, int pass)
{
    unsigned char first = (unsigned char)v->clean.s[at];
    for (size_t i = v->added_from[first]; i < v->added_from[first + 1u]; i++) {
        sym_t id = v->added[i];
        const struct token *t = &v->token[id];
        size_t n = strlen(t->piece);
        if (t->is_late == (pass == 1) && n <= to - at && memcmp(v->clean.s + at, t->piece, n) == 0 &&
            (t->kind == TOKEN_ADDED || is_literal(v, at, at + n)))
            return id;
    }
    return -1;
}

/* Bytes [from, to) of the clean text, from a pass on; after the last there is only text. */
static int encode_range(struct vocab *v, size_t from, size_t to, int pass, struct symbols *out)
{
    size_t done = from;
    if (from == to)
        return 0;
    if (pass == PASSES)
        return (v->composes ? encode_composed : encode_between)(v, v->clean.s + from, to - from, out);
    for (size_t at = from; at < to;) {
        int64_t id = added_at(v, at, to, pass);
        if (id < 0) {
            at++;
            continue;
        }
        TRY(encode_range(v, done, at, pass + 1, out));
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        done = at += strlen(v->token[id].piece);
    }
    return encode_range(v, done, to, pass + 1, out);
}

int vocab_encode_parts(struct vocab *v, const struct vocab_part parts[], size_t n_parts, struct symbols *out)
{
    text_clear(&v->clean);
    v->n_regions = 0;
    for (size_t i = 0; i < n_parts; i++) {
        add_clean(&v->clean, parts[i].text, parts[i].n);
        mem_grow(&v->region, &v->cap_region, v->n_regions + 1, sizeof *v->region);
        v->region[v->n_regions++] = (struct region){ .to = v->clean.len, .is_data = parts[i].is_data };
    }
    return v->clean.len == 0 ? 0 : encode_range(v, 0, v->clean.len, 0, out);
}

int vocab_encode(struct vocab *v, const char *text, size_t n, struct symbols *out)
{
    struct vocab_part data = { .text = text, .n = n, .is_data = true };
    return vocab_encode_parts(v, &data, 1, out);
}

int vocab_encode_special(struct vocab *v, const char *text, size_t n, struct symbols *out)
{
    struct vocab_part literal = { .text = text, .n = n, .is_data = false };
    return vocab_encode_parts(v, &literal, 1, out);
}

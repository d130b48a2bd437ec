/* What single characters start as: a character of many bytes that is a token need not be merged byte by byte. */
#include "base/mem.h"
#include "model/byte_level.h"
#include "model/vocab_inside.h"
#include <stdlib.h>
#include <string.h>

void vocab_start_spell(const struct vocab *v, sym_t id, struct text *bytes)
{
    static const char no_text[] = "\xff";
    const char *s = v->token[id].piece ? v->token[id].piece : "";
    size_t n = strlen(s);
    text_clear(bytes);
    if (v->model != &vocab_model_bytes)
        text_addn(bytes, s, n);
    for (size_t i = 0; v->model == &vocab_model_bytes && i < n;) {
        int length = text_utf8(s + i, n - i, NULL);
        if (length <= 0 || !byte_level_bytes(bytes, s + i, (size_t)length))
            text_add(bytes, no_text);
        i += length > 0 ? (size_t)length : 1;
    }
}

/* What may come between the bytes of a character. */
struct touch {
    struct vocab *vocab;
    /* (n,) the least ranks of the merges of a symbol with what begins behind a character's end; with what ends before a
     * character's beginning; with the rest of a character there.  UINT32_MAX: none */
    uint32_t *as_left, *as_right, *as_right_of_rest;
    struct side {
        uint32_t last;   /* the last character; NO_CHAR: it ends with none */
        bool rest;       /* it is the rest of a character, or no text */
        bool begins;     /* it begins with the beginning of a character */
        bool begins_cut; /* that of one that it has not whole */
    } * side;            /* (n,) */
};
#define NO_CHAR UINT32_MAX

static size_t width_of(unsigned char lead)
{
    return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static struct side side_of(const char *s, size_t n)
{
    const unsigned char *b = (const unsigned char *)s;
    struct side side = { .last = NO_CHAR };
    size_t at = n;
    while (at > 0 && (b[at - 1] & 0xc0) == 0x80)
        at--;
    side.rest = at == 0 || b[at - 1] == 0xff;
    if (at > 0 && text_utf8(s + at - 1, n - at + 1, &side.last) != (int)(n - at + 1))
        side.last = NO_CHAR;
    side.begins = n > 0 && (*b & 0xc0) != 0x80;
    side.begins_cut = side.begins && n < width_of(*b);
    return side;
}

static uint32_t *no_ranks(size_t n)
{
    uint32_t *rank = mem_alloc(n, sizeof *rank);
    memset(rank, 0xff, n * sizeof *rank);
    return rank;
}

static void touch_alloc(struct touch *t, struct vocab *v)
{
    struct text bytes = { 0 };
    *t = (struct touch){ v, no_ranks(v->n), no_ranks(v->n), no_ranks(v->n), mem_alloc(v->n, sizeof(struct side)) };
    for (sym_t id = 0; id < v->n; id++) {
        vocab_start_spell(v, id, &bytes);
        t->side[id] = side_of(text_s(&bytes), bytes.len);
    }
    text_free(&bytes);
}

static void touch_free(struct touch *t)
{
    free(t->as_left);
    free(t->as_right);
    free(t->as_right_of_rest);
    free(t->side);
}

static void keep_least(uint32_t *least, uint32_t rank)
{
    *least = rank < *least ? rank : *least;
}

static void note(void *to, struct bpe_merge_row m)
{
    const struct touch *t = to;
    const struct side *left = &t->side[m.left], *right = &t->side[m.right];
    if (right->begins)
        keep_least(&t->as_left[m.left], m.rank);
    if (left->rest)
        keep_least(&t->as_right_of_rest[m.right], m.rank);
    if (left->rest || left->last != NO_CHAR)
        keep_least(&t->as_right[m.right], m.rank);
    if (left->last < VOCAB_START_CHARS && right->begins_cut)
        t->vocab->spoils[left->last] = true;
}

/* The symbol that s[n] become by merges among themselves, if no merge with what may stand beside them could come
 * before any of these: while the next merge within has a lower rank than every merge of the first symbol with one
 * before it (as_right) and of the last with one behind it, it comes first.  And what they become has no merge of a lower
 * rank than these, which would come before its time (training makes none, but files are anyone's).  -1: there is none. */
static int64_t join_alone(const struct touch *t, const uint32_t *as_right, const sym_t symbols[], size_t n)
{
    sym_t s[4];
    uint32_t last = 0;
    memcpy(s, symbols, n * sizeof *s);
    while (n > 1) {
        struct bpe_merge_row best = { .rank = UINT32_MAX }, m;
        size_t at = n;
        for (size_t i = 0; i + 1 < n; i++) {
            if (bpe_find(t->vocab->bpe, s[i], s[i + 1], &m) && m.rank < best.rank) {
                best = m;
                at = i;
            }
        }
        if (at == n || as_right[s[0]] <= best.rank || t->as_left[s[n - 1]] <= best.rank)
            return -1;
        s[at] = best.joined;
        last = best.rank > last ? best.rank : last;
        n--;
        memmove(s + at + 1, s + at + 2, (n - at - 1) * sizeof *s);
    }
    return t->as_right[s[0]] > last && t->as_left[s[0]] > last ? (int64_t)s[0] : -1;
}

/* The code point of a text that is one character; UINT32_MAX: it is none, or beyond those that are kept. */
static uint32_t only_char(const char *s, size_t n)
{
    uint32_t c = 0;
    bool is = n > 0 && n <= 4 && text_utf8(s, n, &c) == (int)n && c < VOCAB_START_CHARS;
    return is ? c : UINT32_MAX;
}

/* Characters that are tokens of a byte-level vocabulary. */
static void start_of_bytes(struct vocab *v, const struct touch *t)
{
    struct text bytes = { 0 };
    for (sym_t id = 0; id < v->n; id++) {
        const char *piece = v->token[id].piece;
        size_t n = piece ? strlen(piece) : 0;
        text_clear(&bytes);
        if (n < 2 || n > 8 || !byte_level_bytes(&bytes, piece, n))
            continue;
        uint32_t c = only_char(text_s(&bytes), bytes.len);
        sym_t s[4];
        bool whole = c != UINT32_MAX && bytes.len > 1;
        for (size_t i = 0; whole && i < bytes.len; i++) {
            int64_t symbol = v->byte_symbol[(unsigned char)bytes.s[i]];
            whole = symbol >= 0;
            s[i] = whole ? (sym_t)symbol : 0;
        }
        int64_t always = whole ? join_alone(t, t->as_right, s, bytes.len) : -1;
        int64_t mostly = whole && always < 0 ? join_alone(t, t->as_right_of_rest, s, bytes.len) : -1;
        if (always >= 0)
            v->start[c] = (uint32_t)always;
        if (mostly >= 0)
            v->start[c] = (uint32_t)mostly | VOCAB_SPOILT_START;
    }
    text_free(&bytes);
}

static void start_of_chars(struct vocab *v)
{
    for (sym_t id = 0; id < v->n; id++) {
        const struct token *t = &v->token[id];
        uint32_t c = t->piece ? only_char(t->piece, strlen(t->piece)) : UINT32_MAX;
        if (c != UINT32_MAX && t->kind != TOKEN_SPECIAL)
            v->start[c] = id;
    }
}

void vocab_start_build(struct vocab *v)
{
    v->start = mem_alloc(VOCAB_START_CHARS, sizeof *v->start);
    memset(v->start, 0xff, VOCAB_START_CHARS * sizeof *v->start);
    v->spoils = mem_alloc(VOCAB_START_CHARS, sizeof *v->spoils);
    if (v->model == &vocab_model_chars)
        start_of_chars(v);
    if (v->model != &vocab_model_bytes)
        return;
    struct touch t;
    touch_alloc(&t, v);
    bpe_each(v->bpe, note, &t);
    start_of_bytes(v, &t);
    touch_free(&t);
}

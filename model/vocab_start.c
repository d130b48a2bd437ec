/* What single characters start as: a character of many bytes that is a token need not be merged byte by byte. */
#include "base/mem.h"
#include "model/byte_level.h"
#include "model/vocab_inside.h"
#include <stdlib.h>
#include <string.h>

/* The least ranks of the merges that a symbol takes part in, on either side; UINT32_MAX: none. */
struct touch {
    uint32_t *as_left, *as_right; /* (n,) */
};

static void note(void *to, struct bpe_merge_row m)
{
    const struct touch *t = to;
    t->as_left[m.left] = m.rank < t->as_left[m.left] ? m.rank : t->as_left[m.left];
    t->as_right[m.right] = m.rank < t->as_right[m.right] ? m.rank : t->as_right[m.right];
}

/* The symbol that s[n] become by merges among themselves, if no merge with what may stand beside them could come
 * before any of these: while the next merge within has a lower rank than every merge of the first symbol with one
 * before it and of the last with one behind it, it comes first.  -1: there is none. */
static int64_t join_alone(const struct vocab *v, const struct touch *t, sym_t s[], size_t n)
{
    while (n > 1) {
        struct bpe_merge_row best = { .rank = UINT32_MAX }, m;
        size_t at = n;
        for (size_t i = 0; i + 1 < n; i++) {
            if (bpe_find(v->bpe, s[i], s[i + 1], &m) && m.rank < best.rank) {
                best = m;
                at = i;
            }
        }
        if (at == n || t->as_right[s[0]] <= best.rank || t->as_left[s[n - 1]] <= best.rank)
            return -1;
        s[at] = best.joined;
        n--;
        memmove(s + at + 1, s + at + 2, (n - at - 1) * sizeof *s);
    }
    return s[0];
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
        int64_t joined = whole ? join_alone(v, t, s, bytes.len) : -1;
        if (joined >= 0)
            v->start[c] = (uint32_t)joined;
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
    if (v->model == &vocab_model_chars)
        start_of_chars(v);
    if (v->model != &vocab_model_bytes)
        return;
    struct touch t = { mem_alloc(v->n, sizeof(uint32_t)), mem_alloc(v->n, sizeof(uint32_t)) };
    memset(t.as_left, 0xff, v->n * sizeof *t.as_left);
    memset(t.as_right, 0xff, v->n * sizeof *t.as_right);
    bpe_each(v->bpe, note, &t);
    start_of_bytes(v, &t);
    free(t.as_left);
    free(t.as_right);
}

/* Building a vocabulary, and what can be asked of it; vocab_encode.c encodes. */
#include "model/vocab.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/byte_level.h"
#include "model/vocab_inside.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct vocab *vocab_alloc(const char *where)
{
    struct vocab *v = mem_alloc(1, sizeof *v);
    v->where = mem_string(where);
    v->ids = strmap_alloc();
    v->bpe = bpe_alloc();
    v->pretoken = pretoken_alloc();
    v->bos = v->unknown = -1;
    for (size_t i = 0; i < 256; i++)
        v->byte_token[i] = -1;
    return v;
}

void vocab_free(struct vocab *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; i < v->n; i++)
        free(v->token[i].piece);
    free(v->token);
    strmap_free(v->ids);
    strmap_free(v->whole);
    bpe_free(v->bpe);
    pretoken_free(v->pretoken);
    space_free(v->space);
    free(v->added);
    text_free(&v->clean);
    free(v->region);
    free(v->piece.s);
    free(v->where);
    free(v);
}

int vocab_put(struct vocab *v, uint64_t id, const char *piece, size_t n, enum token_kind kind)
{
    if (n == 0)
        return err_set(ERR_DATA, "%s: token %" PRIu64 " is empty", v->where, id);
    if (n > VOCAB_PIECE_MAX)
        return err_set(ERR_DATA, "%s: token %" PRIu64 " has %zu bytes, want at most %u", v->where, id, n,
                       VOCAB_PIECE_MAX);
    if (id >= VOCAB_TOKENS_MAX)
        return err_set(ERR_DATA, "%s: token %" PRIu64 ", want less than %u of them", v->where, id, VOCAB_TOKENS_MAX);
    int64_t known = strmap_get(v->ids, piece, n);
    if (known >= 0 && (uint64_t)known == id && v->token[id].kind == TOKEN_NORMAL) {
        v->token[id].kind = kind;
        return 0;
    }
    if (known >= 0)
        return err_set(ERR_DATA, "%s: token '%.*s' comes twice, as %" PRId64 " and as %" PRIu64, v->where, (int)n,
                       piece, known, id);
    if (id < v->n && v->token[id].piece)
        return err_set(ERR_DATA, "%s: id %" PRIu64 " has two tokens, '%s' and '%.*s'", v->where, id, v->token[id].piece,
                       (int)n, piece);
    mem_grow(&v->token, &v->cap_token, (size_t)id + 1, sizeof *v->token);
    if (id >= v->n)
        v->n = (uint32_t)id + 1;
    struct token *t = &v->token[id];
    t->piece = mem_alloc(n + 1, 1);
    memcpy(t->piece, piece, n);
    t->kind = kind;
    strmap_put(v->ids, t->piece, n, (uint32_t)id);
    return 0;
}

int vocab_put_merge(struct vocab *v, const char *left, size_t n_left, const char *right, size_t n_right)
{
    struct text joined = { 0 };
    if (n_left > VOCAB_PIECE_MAX || n_right > VOCAB_PIECE_MAX)
        return err_set(ERR_DATA, "%s: a merge of %zu and %zu bytes, want at most %u each", v->where, n_left, n_right,
                       VOCAB_PIECE_MAX);
    text_addn(&joined, left, n_left);
    text_addn(&joined, right, n_right);
    int64_t a = strmap_get(v->ids, left, n_left), b = strmap_get(v->ids, right, n_right);
    int64_t c = strmap_get(v->ids, text_s(&joined), joined.len);
    text_free(&joined);
    if (a < 0 || b < 0 || c < 0)
        return err_set(ERR_DATA, "%s: merge '%.*s' + '%.*s': %s is not in the vocabulary", v->where, (int)n_left, left,
                       (int)n_right, right,
                       a < 0   ? "the left part"
                       : b < 0 ? "the right part"
                               : "what it makes");
    if (!bpe_add(v->bpe, (sym_t)a, (sym_t)b, (sym_t)c))
        return err_set(ERR_DATA, "%s: merge '%.*s' + '%.*s' comes twice", v->where, (int)n_left, left, (int)n_right,
                       right);
    return 0;
}

/* The bytes that a token gives: a normal one through the byte alphabet (characters outside it, as in a placeholder,
 * stand for themselves), an added one its own. */
static void token_bytes(const struct token *t, struct text *bytes)
{
    size_t n = t->piece ? strlen(t->piece) : 0;
    if (t->kind == TOKEN_ADDED || (t->kind == TOKEN_NORMAL && !byte_level_bytes(bytes, t->piece, n)))
        text_addn(bytes, t->piece, n);
}

static void find_bytes(struct vocab *v)
{
    struct text piece = { 0 };
    for (int b = 0; b < 256; b++) {
        text_clear(&piece);
        byte_level_add(&piece, (uint8_t)b);
        v->byte_symbol[b] = strmap_get(v->ids, text_s(&piece), piece.len);
    }
    text_free(&piece);
}

/* Keys are the space's own bytes, which live as long. */
static void find_whole(struct vocab *v)
{
    v->whole = strmap_alloc();
    for (sym_t s = 0; s < v->n; s++) {
        size_t n;
        const uint8_t *bytes = space_text(v->space, s, &n);
        if (v->token[s].kind == TOKEN_NORMAL)
            strmap_put(v->whole, (const char *)bytes, n, s);
    }
}

struct added_key {
    const char *piece;
    size_t n;
    sym_t id;
};

static int by_first_then_longest(const void *a, const void *b)
{
    const struct added_key *x = a, *y = b;
    if (x->piece[0] != y->piece[0])
        return (unsigned char)x->piece[0] < (unsigned char)y->piece[0] ? -1 : 1;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static void sort_added(struct vocab *v)
{
    struct added_key *key = mem_alloc(v->n, sizeof *key);
    for (sym_t s = 0; s < v->n; s++)
        if (v->token[s].kind == TOKEN_ADDED || v->token[s].kind == TOKEN_SPECIAL)
            key[v->n_added++] = (struct added_key){ v->token[s].piece, strlen(v->token[s].piece), s };
    if (v->n_added > 0)
        qsort(key, v->n_added, sizeof *key, by_first_then_longest);
    v->added = mem_alloc(v->n_added, sizeof *v->added);
    for (size_t i = 0; i < v->n_added; i++) {
        v->added[i] = key[i].id;
        v->added_from[(unsigned char)key[i].piece[0] + 1]++;
    }
    for (size_t b = 0; b < 256; b++)
        v->added_from[b + 1] += v->added_from[b];
    free(key);
}

static void add_end(struct symbols *ends, sym_t id)
{
    for (size_t i = 0; i < ends->n; i++)
        if (ends->s[i] == id)
            return;
    symbols_add(ends, &id, 1);
}

static int make_space(struct vocab *v, const struct symbols *ends)
{
    for (size_t i = 0; i < ends->n; i++)
        if (ends->s[i] >= v->n)
            return err_set(ERR_DATA, "%s: end token %u is beyond the vocabulary of %u", v->where, ends->s[i], v->n);
    struct text bytes = { 0 };
    uint64_t *offsets = mem_alloc((size_t)v->n + 1, sizeof *offsets);
    uint8_t *special = mem_alloc(v->n, 1);
    for (sym_t s = 0; s < v->n; s++) {
        if (v->is_scored && v->token[s].kind == TOKEN_NORMAL)
            vocab_scored_bytes(&v->token[s], &bytes);
        else
            token_bytes(&v->token[s], &bytes);
        offsets[s + 1] = bytes.len;
        special[s] = v->token[s].kind == TOKEN_SPECIAL || v->token[s].kind == TOKEN_HOLE;
    }
    v->space = space_alloc(SPACE_TOKEN, v->n, (const uint8_t *)text_s(&bytes), offsets, special, ends->s, ends->n);
    text_free(&bytes);
    free(offsets);
    free(special);
    return 0;
}

static size_t count_added(const struct vocab *v)
{
    size_t n = 0;
    for (sym_t s = 0; s < v->n; s++)
        n += v->token[s].kind == TOKEN_ADDED || v->token[s].kind == TOKEN_SPECIAL;
    return n;
}

int vocab_finish(struct vocab *v, const sym_t ends[], size_t n_ends)
{
    struct symbols all = { 0 };
    if (v->n == 0)
        return err_set(ERR_DATA, "%s: the vocabulary is empty", v->where);
    if (count_added(v) > VOCAB_ADDED_MAX)
        return err_set(ERR_DATA, "%s: %zu added tokens, want at most %u", v->where, count_added(v), VOCAB_ADDED_MAX);
    for (size_t i = 0; i < n_ends; i++)
        add_end(&all, ends[i]);
    if (vocab_has_marks(v)) {
        add_end(&all, (sym_t)vocab_find(v, VOCAB_MARK_INSTRUCTION));
        add_end(&all, (sym_t)vocab_find(v, VOCAB_MARK_RESPONSE));
    }
    int rc = make_space(v, &all);
    free(all.s);
    TRY(rc);
    find_bytes(v);
    sort_added(v);
    if (v->ignores_merges)
        find_whole(v);
    return 0;
}

const struct space *vocab_space(const struct vocab *v)
{
    return v->space;
}

const char *vocab_kind(const struct vocab *v)
{
    return v->is_scored ? "bpe with scores" : "byte-level bpe";
}

int64_t vocab_bos(const struct vocab *v)
{
    return v->bos;
}

bool vocab_adds_bos(const struct vocab *v)
{
    return v->adds_bos;
}

static bool is_mark(const struct vocab *v, const char *mark)
{
    int64_t id = vocab_find(v, mark);
    return id >= 0 && v->token[id].kind != TOKEN_NORMAL;
}

bool vocab_has_marks(const struct vocab *v)
{
    return is_mark(v, VOCAB_MARK_INSTRUCTION) && is_mark(v, VOCAB_MARK_RESPONSE);
}

void vocab_set_bos(struct vocab *v, sym_t id)
{
    v->bos = id;
}

const char *vocab_piece(const struct vocab *v, sym_t id)
{
    return v->token[id].piece ? v->token[id].piece : "";
}

int64_t vocab_find(const struct vocab *v, const char *piece)
{
    return strmap_get(v->ids, piece, strlen(piece));
}

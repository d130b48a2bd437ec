#include "model/vocab_scored.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/vocab_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens by score, the highest first: their rank as merges, equal ones of equal score. */
struct ranked {
    float score;
    sym_t id;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score) : (x->id > y->id) - (x->id < y->id);
}

/* The byte that "<0xAB>" stands for; -1: another form. */
static int byte_of(const char *s, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    const char *high = memchr(digits, s[3], 16), *low = memchr(digits, s[4], 16);
    return high && low ? (int)(high - digits) * 16 + (int)(low - digits) : -1;
}

static int put_pieces(struct vocab *v, const struct vocab_scored *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct vocab_scored_piece *p = &s->piece[i];
        if (!isfinite(p->score) || memchr(p->text, 0, p->n))
            return err_set(ERR_DATA, "%s: token %zu has the score %g%s, want a number and a text without NUL", s->where,
                           i, (double)p->score, isfinite(p->score) ? " and a NUL inside" : "");
        if (p->n > VOCAB_SCORED_PIECE_MAX)
            return err_set(ERR_DATA, "%s: token %zu has %zu bytes, want at most %u", s->where, i, p->n,
                           VOCAB_SCORED_PIECE_MAX);
        TRY(vocab_put(v, i, p->text, p->n, i < s->n_special ? TOKEN_SPECIAL : TOKEN_NORMAL));
        int byte = i < s->n_special ? -1 : byte_of(p->text, p->n);
        if (byte >= 0)
            v->byte_token[byte] = (int64_t)i;
    }
    return 0;
}

/* Every way in which two tokens make token id. */
static void put_merges(struct vocab *v, sym_t id, uint32_t rank)
{
    const char *piece = v->token[id].piece;
    size_t n = strlen(piece);
    for (size_t at = 1; at < n; at++) {
        int64_t left = strmap_get(v->ids, piece, at), right = strmap_get(v->ids, piece + at, n - at);
        if (left >= 0 && right >= 0 && v->token[left].kind == TOKEN_NORMAL && v->token[right].kind == TOKEN_NORMAL)
            bpe_add_ranked(v->bpe, (sym_t)left, (sym_t)right, id, rank);
    }
}

static void put_all_merges(struct vocab *v, const struct vocab_scored *s)
{
    struct ranked *order = mem_alloc(s->n, sizeof *order);
    size_t n = 0;
    uint32_t rank = 0;
    for (size_t i = s->n_special; i < s->n; i++)
        if (byte_of(s->piece[i].text, s->piece[i].n) < 0)
            order[n++] = (struct ranked){ s->piece[i].score, (sym_t)i };
    if (n > 0)
        qsort(order, n, sizeof *order, by_score);
    for (size_t i = 0; i < n; i++) {
        rank += i > 0 && order[i].score < order[i - 1].score;
        put_merges(v, order[i].id, rank);
    }
    free(order);
}

struct vocab *vocab_scored_alloc(const struct vocab_scored *s)
{
    struct vocab *v = vocab_alloc(s->where);
    v->is_scored = true;
    v->adds_space = s->adds_space;
    v->unknown = s->unknown;
    v->bos = s->bos;
    v->adds_bos = s->bos >= 0;
    int rc = put_pieces(v, s);
    if (rc == 0) {
        put_all_merges(v, s);
        rc = vocab_finish(v, s->ends, s->n_ends);
    }
    if (rc == 0)
        return v;
    vocab_free(v);
    return NULL;
}

/* The tokens of a character before merging. */
static int spell(struct vocab *v, const char *s, size_t n)
{
    int64_t id = strmap_get(v->ids, s, n);
    if (id >= 0 && v->token[id].kind == TOKEN_NORMAL) {
        symbols_add(&v->piece, &(sym_t){ (sym_t)id }, 1);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        id = v->byte_token[(unsigned char)s[i]];
        id = id >= 0 ? id : v->unknown;
        if (id < 0)
            return err_set(ERR_DATA, "%s: the vocabulary has no token for byte 0x%02x", v->where, (unsigned char)s[i]);
        symbols_add(&v->piece, &(sym_t){ (sym_t)id }, 1);
    }
    return 0;
}

int vocab_scored_encode(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    v->piece.n = 0;
    if (v->adds_space && s == v->clean.s)
        TRY(spell(v, " ", 1));
    for (size_t at = 0, width; at < n; at += width) {
        width = (size_t)text_utf8(s + at, n - at, NULL);
        TRY(spell(v, s + at, width));
    }
    symbols_add(out, v->piece.s, bpe_merge(v->bpe, v->piece.s, v->piece.n));
    return 0;
}

void vocab_scored_bytes(const struct token *t, struct text *bytes)
{
    int byte = byte_of(t->piece, strlen(t->piece));
    if (byte >= 0)
        text_addn(bytes, &(char){ (char)byte }, 1);
    else
        text_add(bytes, t->piece);
}

#include "model/vocab_scored.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/sentencepiece.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int vocab_scored_put(struct vocab_scored *s, const struct vocab_scored_piece *p)
{
    struct vocab *v = s->vocab;
    size_t id = s->n;
    enum token_kind kind = TOKEN_NORMAL;
    if (p->type == SENTENCEPIECE_CONTROL || p->type == SENTENCEPIECE_UNKNOWN)
        kind = TOKEN_SPECIAL;
    else if (p->type == SENTENCEPIECE_USER_DEFINED)
        kind = TOKEN_ADDED;
    if (memchr(p->s, 0, p->n))
        return err_set(ERR_DATA, "%s: token %zu has a NUL inside", v->where, id);
    if (!text_is_utf8(p->s, p->n))
        return err_set(ERR_DATA, "%s: token %zu is not UTF-8", v->where, id);
    if (!isfinite(p->score))
        return err_set(ERR_DATA, "%s: the score of token %zu is not finite", v->where, id);
    if (p->n > VOCAB_SCORED_PIECE_MAX)
        return err_set(ERR_DATA, "%s: token %zu has %zu bytes, want at most %u", v->where, id, p->n,
                       VOCAB_SCORED_PIECE_MAX);
    TRY(vocab_put(v, id, p->s, p->n, kind));
    v->token[id].is_late = kind == TOKEN_ADDED;
    mem_grow(&s->score, &s->cap_score, id + 1, sizeof *s->score);
    mem_grow(&s->is_text, &s->cap_text, id + 1, sizeof *s->is_text);
    mem_grow(&s->is_own, &s->cap_own, id + 1, sizeof *s->is_own);
    s->score[id] = p->score;
    s->is_own[id] = p->type == SENTENCEPIECE_USER_DEFINED;
    s->is_text[id] = p->type == SENTENCEPIECE_NORMAL || p->type == SENTENCEPIECE_UNUSED || s->is_own[id];
    if (p->type == SENTENCEPIECE_UNKNOWN && v->unknown < 0)
        v->unknown = (int64_t)id;
    v->falls_back = v->falls_back || p->type == SENTENCEPIECE_BYTE;
    s->n++;
    return 0;
}

void vocab_scored_fini(struct vocab_scored *s)
{
    free(s->score);
    free(s->is_text);
    free(s->is_own);
}

struct ranked {
    float score;
    sym_t id;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int64_t text_token(const struct vocab_scored *s, const char *piece, size_t n)
{
    int64_t id = strmap_get(s->vocab->ids, piece, n);
    return id >= 0 && s->is_text[id] ? id : -1;
}

/* The merges that make a piece: at each place between two characters where both sides are pieces. */
static void add_merges(struct vocab_scored *s, sym_t id, uint32_t rank)
{
    const char *piece = s->vocab->token[id].piece;
    size_t n = strlen(piece);
    for (size_t at = 1; at < n; at++) {
        if (((unsigned char)piece[at] & 0xc0) == 0x80)
            continue;
        int64_t left = text_token(s, piece, at);
        int64_t right = left >= 0 ? text_token(s, piece + at, n - at) : -1;
        if (right >= 0)
            bpe_add_ranked(s->vocab->bpe, (sym_t)left, (sym_t)right, id, rank);
    }
}

int vocab_scored_bpe(struct vocab_scored *s)
{
    struct ranked *order = mem_alloc(s->n, sizeof *order);
    size_t n = 0;
    for (sym_t id = 0; id < s->n; id++)
        if (s->is_text[id])
            order[n++] = (struct ranked){ s->score[id], id };
    if (n > 0)
        qsort(order, n, sizeof *order, by_score);
    uint32_t rank = 0;
    for (size_t i = 0; i < n; i++) {
        rank += i > 0 && order[i].score < order[i - 1].score;
        add_merges(s, order[i].id, rank);
    }
    free(order);
    s->vocab->model = &vocab_model_chars;
    s->vocab->fuses_unknown = true;
    return 0;
}

int vocab_scored_unigram(struct vocab_scored *s)
{
    struct vocab *v = s->vocab;
    v->model = &vocab_model_unigram;
    v->fuses_unknown = true;
    v->unigram = unigram_alloc(UNIGRAM_FLOATS);
    for (sym_t id = 0; id < s->n; id++) {
        const char *piece = v->token[id].piece;
        size_t n = strlen(piece);
        bool fine = !s->is_text[id] || (s->is_own[id] ? unigram_put_own(v->unigram, piece, n, id)
                                                      : unigram_put(v->unigram, piece, n, id, (double)s->score[id]));
        if (!fine)
            return err_set(ERR_DATA, "%s: pieces of more than %u bytes in all", v->where, TRIE_NODES_MAX);
        if (s->is_own[id])
            v->token[id].kind = TOKEN_NORMAL; /* its score makes it win; it is not cut out beforehand */
    }
    return 0;
}

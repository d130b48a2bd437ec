#include "model/vocab_llama2c.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/sentencepiece.h"
#include <stdlib.h>
#include <string.h>

#define HEAD       4u /* bytes */
#define LEAST      8u /* bytes of an empty token */
#define SPECIALS   3u
#define FIRST_TEXT (SPECIALS + 256u)

/* A file at work. */
struct reader {
    const char *where;
    const uint8_t *bytes;
    uint64_t size, at;
};

/* Token i, at r->at, which moves on. */
static int read_piece(struct reader *r, uint32_t i, struct vocab_scored_piece *p)
{
    int32_t n = 0;
    if (r->size - r->at >= LEAST) {
        memcpy(&p->score, r->bytes + r->at, sizeof p->score);
        memcpy(&n, r->bytes + r->at + 4, sizeof n);
        r->at += LEAST;
    }
    if (n <= 0 || (uint32_t)n > VOCAB_SCORED_PIECE_MAX || (uint64_t)n > r->size - r->at)
        return err_set(ERR_DATA, "%s: token %u has %d bytes at byte %llu, want 1 .. %u; %llu are left", r->where, i,
                       (int)n, (unsigned long long)r->at, VOCAB_SCORED_PIECE_MAX,
                       (unsigned long long)(r->size - r->at));
    p->s = (const char *)r->bytes + r->at;
    p->n = (size_t)n;
    p->type = i == 0           ? SENTENCEPIECE_UNKNOWN
              : i < SPECIALS   ? SENTENCEPIECE_CONTROL
              : i < FIRST_TEXT ? SENTENCEPIECE_BYTE
                               : SENTENCEPIECE_NORMAL;
    r->at += (uint64_t)n;
    return 0;
}

static int check_count(const char *where, uint64_t size, uint32_t n)
{
    if (size < HEAD || n > (size - HEAD) / LEAST || n <= SPECIALS)
        return err_set(ERR_DATA, "%s: %llu bytes cannot hold %u tokens", where, (unsigned long long)size, n);
    return 0;
}

int vocab_llama2c_pieces(const char *where, const uint8_t *bytes, uint64_t size, uint32_t n_tokens,
                         struct vocab_scored_piece piece[])
{
    struct reader r = { .where = where, .bytes = bytes, .size = size, .at = HEAD };
    TRY(check_count(where, size, n_tokens));
    for (uint32_t i = 0; i < n_tokens; i++)
        TRY(read_piece(&r, i, &piece[i]));
    if (r.at != size)
        return err_set(ERR_DATA, "%s: its %u tokens end at byte %llu, the file at %llu", where, n_tokens,
                       (unsigned long long)r.at, (unsigned long long)size);
    return 0;
}

static int build(struct vocab *v, const struct vocab_scored_piece piece[], uint32_t n)
{
    static const sym_t ends[] = { 1, 2 };
    struct vocab_scored s = { .vocab = v };
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = vocab_scored_put(&s, &piece[i]);
    if (rc == 0)
        rc = vocab_scored_bpe(&s);
    vocab_scored_fini(&s);
    TRY(rc);
    v->decoding = (struct decoding){ .fallback = true, .start = DECODE_NO_SPACE };
    v->bos = 1;
    v->adds_bos = true;
    v->eos = 2;
    TRY(normalise_add_prepend(v->normalise, v->where, " "));
    return vocab_finish(v, ends, 2);
}

struct vocab *vocab_read_llama2c(const char *where, const uint8_t *bytes, uint64_t size, uint32_t n_tokens)
{
    if (check_count(where, size, n_tokens) < 0)
        return NULL;
    struct vocab_scored_piece *piece = mem_alloc(n_tokens, sizeof *piece);
    struct vocab *v = vocab_alloc(where);
    int rc = vocab_llama2c_pieces(where, bytes, size, n_tokens, piece);
    if (rc == 0)
        rc = build(v, piece, n_tokens);
    free(piece);
    if (rc == 0)
        return v;
    vocab_free(v);
    return NULL;
}

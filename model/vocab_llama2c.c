#include "model/vocab_llama2c.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/vocab_scored.h"
#include <stdlib.h>
#include <string.h>

#define HEAD     4u /* bytes */
#define LEAST    8u /* bytes of an empty token */
#define SPECIALS 3u

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
    p->text = (const char *)r->bytes + r->at;
    p->n = (size_t)n;
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

struct vocab *vocab_read_llama2c(const char *where, const uint8_t *bytes, uint64_t size, uint32_t n_tokens)
{
    static const sym_t ends[] = { 1, 2 };
    if (check_count(where, size, n_tokens) < 0)
        return NULL;
    struct vocab_scored_piece *piece = mem_alloc(n_tokens, sizeof *piece);
    struct vocab_scored s = { .where = where,
                              .piece = piece,
                              .n = n_tokens,
                              .n_special = SPECIALS,
                              .unknown = 0,
                              .bos = 1,
                              .ends = ends,
                              .n_ends = 2,
                              .adds_space = true };
    bool ok = vocab_llama2c_pieces(where, bytes, size, n_tokens, piece) == 0;
    struct vocab *v = ok ? vocab_scored_alloc(&s) : NULL;
    free(piece);
    return v;
}

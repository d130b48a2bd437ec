#include "model/vocab_llama2c.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/vocab_scored.h"
#include <stdlib.h>
#include <string.h>

#define HEAD     4u /* bytes */
#define LEAST    8u /* bytes of an empty token */
#define SPECIALS 3u

/* One token at *at, which moves on. */
static int read_piece(const struct vocab_scored *s, const uint8_t *bytes, uint64_t size, uint64_t *at, size_t i)
{
    struct vocab_scored_piece *p = (struct vocab_scored_piece *)(uintptr_t)&s->piece[i];
    int32_t n = 0;
    if (size - *at >= LEAST) {
        memcpy(&p->score, bytes + *at, sizeof p->score);
        memcpy(&n, bytes + *at + 4, sizeof n);
        *at += LEAST;
    }
    if (n <= 0 || (uint32_t)n > VOCAB_SCORED_PIECE_MAX || (uint64_t)n > size - *at)
        return err_set(ERR_DATA, "%s: token %zu has %d bytes at byte %llu, want 1 .. %u; %llu are left", s->where, i,
                       (int)n, (unsigned long long)*at, VOCAB_SCORED_PIECE_MAX, (unsigned long long)(size - *at));
    p->text = (const char *)bytes + *at;
    p->n = (size_t)n;
    *at += (uint64_t)n;
    return 0;
}

struct vocab *vocab_read_llama2c(const char *where, const uint8_t *bytes, uint64_t size, uint32_t n_tokens)
{
    static const sym_t ends[] = { 1, 2 };
    uint64_t at = HEAD;
    if (size < HEAD || n_tokens > (size - HEAD) / LEAST || n_tokens <= SPECIALS) {
        err_set(ERR_DATA, "%s: %llu bytes cannot hold %u tokens", where, (unsigned long long)size, n_tokens);
        return NULL;
    }
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
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n_tokens; i++)
        rc = read_piece(&s, bytes, size, &at, i);
    if (rc == 0 && at != size)
        rc = err_set(ERR_DATA, "%s: its %u tokens end at byte %llu, the file at %llu", where, n_tokens,
                     (unsigned long long)at, (unsigned long long)size);
    struct vocab *v = rc == 0 ? vocab_scored_alloc(&s) : NULL;
    free(piece);
    return v;
}

/* A vocabulary whose tokens have scores, as SentencePiece's BPE has it: of all adjacent pairs that make a token the one with
 * the highest score merges first, the leftmost of equals; a character without a token becomes the tokens of its bytes. */
#ifndef MODEL_VOCAB_SCORED_H
#define MODEL_VOCAB_SCORED_H

#include "model/vocab.h"

#define VOCAB_SCORED_PIECE_MAX 512u /* bytes; every place to cut a token is looked at */

struct vocab_scored_piece {
    const char *text; /* (n,) a space is a space; "<0xAB>" is a byte */
    size_t n;
    float score;
};

struct vocab_scored {
    const char *where;                      /* for messages */
    const struct vocab_scored_piece *piece; /* (n,) by id; the first n_special are special */
    size_t n, n_special;
    int64_t unknown, bos; /* ids; -1: none.  bos is put in front */
    const sym_t *ends;
    size_t n_ends;
    bool adds_space; /* a space is put in front of a text */
};

/* Copies what it needs.  NULL + ERR_DATA. */
struct vocab *vocab_scored_alloc(const struct vocab_scored *s);

#endif

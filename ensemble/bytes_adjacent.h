/* Which tokens of a BPE may stand side by side in one piece: a sequence is what the merges make of its bytes if and only
 * if each adjacent pair is.
 *
 * A pair is judged by replaying the merges that made the two tokens, in order of rank, on the symbols at their common
 * boundary: it is not canonical if a merge across the boundary would have come first (ties: the leftmost).  Tokens whose
 * own merges are not in order of rank are *odd*, and so are, of a BPE of characters, the bytes that it falls back to: beside
 * each other they may be a character that is a token.  Pairs with an odd token are merged anew. */
#ifndef ENSEMBLE_BYTES_ADJACENT_H
#define ENSEMBLE_BYTES_ADJACENT_H

#include "ensemble/bytes_vocab.h"

struct bytes_adjacent;

struct bytes_adjacent *bytes_adjacent_alloc(const struct bytes_vocab *t);
void bytes_adjacent_free(struct bytes_adjacent *a); /* NULL is fine */

/* The merges alone make the token of its own bytes. */
bool bytes_adjacent_reaches(const struct bytes_adjacent *a, sym_t id);

/* (t->n bits) by place: the tokens that may not follow `left` in its piece, unreachable ones among them.  Valid until
 * the next call. */
const uint64_t *bytes_adjacent_barred(struct bytes_adjacent *a, sym_t left);

#endif

/* Byte-pair merges: the adjacent pair of lowest rank, leftmost first, becomes one symbol, until no pair has a rank.
 *
 * A piece of n symbols takes O(n log n): a linked list of symbols and a heap of the pairs that may still merge. */
#ifndef MODEL_BPE_H
#define MODEL_BPE_H

#include "base/space.h"

struct bpe;

struct bpe *bpe_alloc(void);
void bpe_free(struct bpe *b); /* NULL is fine */

/* Appends a merge; its rank is the number of those before it.  false when the pair has a merge already. */
bool bpe_add(struct bpe *b, sym_t left, sym_t right, sym_t joined);
/* The same with a rank of the caller's, which other merges may have too: a vocabulary whose tokens have scores. */
bool bpe_add_ranked(struct bpe *b, sym_t left, sym_t right, sym_t joined, uint32_t rank);

/* Merges s[n] in place and returns how many symbols are left.  Uses scratch of b: one thread at a time. */
size_t bpe_merge(struct bpe *b, sym_t s[], size_t n);

#endif

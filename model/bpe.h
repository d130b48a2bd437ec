/* Byte-pair merges: the adjacent pair of lowest rank, leftmost first, becomes one symbol, until no pair has a rank.
 *
 * A short piece is searched for its best pair again and again; a long one, of n symbols, takes O(n log n): a linked
 * list of symbols and a heap of the pairs that may still merge.  Both give the same. */
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

struct bpe_merge_row {
    sym_t left, right, joined;
    uint32_t rank;
};

/* Calls f for every merge, in no order. */
void bpe_each(const struct bpe *b, void (*f)(void *to, struct bpe_merge_row merge), void *to);

/* The merge of a pair; false: it has none. */
bool bpe_find(const struct bpe *b, sym_t left, sym_t right, struct bpe_merge_row *merge);

/* Merges s[n] in place and returns how many symbols are left.  Uses scratch of b: one thread at a time. */
size_t bpe_merge(struct bpe *b, sym_t s[], size_t n);

#endif

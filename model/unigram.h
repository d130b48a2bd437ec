/* Unigram: the cut of a text into pieces whose scores have the greatest sum (Viterbi), as SentencePiece and Hugging
 * Face tokenizers compute it.
 *
 * Where two cuts up to a place are equally good, the one whose last piece begins first stays.  A character that no
 * piece is gets the score of the least piece less 10 as an unknown one.  Sums are doubles (Hugging Face), or rounded
 * to floats at every place (SentencePiece). */
#ifndef MODEL_UNIGRAM_H
#define MODEL_UNIGRAM_H

#include "base/space.h"

#define UNIGRAM_PIECE_MAX 1024u /* bytes of a piece: so many steps at each byte of a text */

enum unigram_sums { UNIGRAM_DOUBLES, UNIGRAM_FLOATS };

struct unigram;

struct unigram *unigram_alloc(enum unigram_sums sums);
void unigram_free(struct unigram *u); /* NULL is fine */

/* A piece that texts are cut into.  false: it is empty, too long, there already, or there are far too many. */
bool unigram_put(struct unigram *u, const char *piece, size_t n, sym_t id, double score);
/* The same for one that is always chosen: user-defined symbols of SentencePiece. */
bool unigram_put_own(struct unigram *u, const char *piece, size_t n, sym_t id);

/* A score that counts for the least one, of a token that texts are not cut into. */
void unigram_count(struct unigram *u, double score);

struct unigram_part {
    size_t from, to;
    int64_t id; /* -1: unknown */
};

/* Cuts n bytes of valid UTF-8: (*n_parts,) parts in order, valid until the next call; one thread at a time. */
const struct unigram_part *unigram_cut(struct unigram *u, const char *s, size_t n, size_t *n_parts);

#endif

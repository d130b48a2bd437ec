/* What a tokenizer is made of, for those who follow it byte by byte (ensemble/bytes.h): reading only, but for the
 * vocabulary's scratch; one thread at a time.
 *
 * Texts here are what tokens decode to, one after the other: a space is a space, whatever the tokenizer writes for it,
 * and nothing is normalised (a text that normalisation would change has no canonical tokenisation here). */
#ifndef MODEL_VOCAB_VIEW_H
#define MODEL_VOCAB_VIEW_H

#include "model/bpe.h"
#include "model/vocab.h"

bool vocab_view_is_bytewise(const struct vocab *v); /* pieces are merged from bytes, not from characters */

/* The merges of BPE, or NULL: the model is another one, and its tokens cannot be followed canonically. */
const struct bpe *vocab_view_merges(const struct vocab *v);

bool vocab_view_is_added(const struct vocab *v, sym_t id); /* looked for before anything else; gives text */
bool vocab_view_has_wholes(const struct vocab *v);         /* a piece that is a token is not merged up to it */
bool vocab_view_is_whole(const struct vocab *v, sym_t id); /* so for this one */

/* Appends what n bytes of a piece are before anything is merged; they may end within a character.  false: the
 * vocabulary has no symbol for one of them, and *out is of no use. */
bool vocab_view_symbols(const struct vocab *v, const char *s, size_t n, struct symbols *out);

/* Appends the tokens that n bytes within a piece become by merges alone.  false as above. */
bool vocab_view_merge(struct vocab *v, const char *s, size_t n, struct symbols *out);
/* The same for a whole piece, which may be a token as it stands. */
bool vocab_view_piece(struct vocab *v, const char *s, size_t n, struct symbols *out);

/* Where a text is cut before it is merged. */
struct vocab_cut {
    size_t to;  /* a piece ends before this byte */
    int64_t id; /* the piece is this added token; -1: it is text */
};

struct vocab_cuts {
    struct vocab_cut *cut; /* (n,) in order; the last ends the text */
    size_t n, cap;
};

/* No text is cut: there is neither a pre-tokeniser nor an added token. */
bool vocab_view_is_uncut(const struct vocab *v);

/* The pieces of n bytes of valid UTF-8 that begin where a piece begins; *out is filled anew.  0 or ERR_DATA. */
int vocab_view_cuts(struct vocab *v, const char *s, size_t n, struct vocab_cuts *out);

#endif

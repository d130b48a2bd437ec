/* Pre-tokenisation: cutting a text into the pieces that byte-pair merges never cross.
 *
 * A list of regexes, applied in turn to every piece so far: each match becomes a piece, and so does what lies between
 * matches ("isolated" splits).  A regex sees its piece alone, so lookarounds do not reach beyond it.
 *
 * Regexes come from files and may be made to backtrack for ever.  The steps of a split are bounded: some thousand for each
 * byte that is a place to begin a match, and beyond that a budget of some thousand for each byte of the text.  Real
 * tokenizers take tens. */
#ifndef MODEL_PRETOKEN_H
#define MODEL_PRETOKEN_H

#include <stddef.h>

struct pretoken;

struct span {
    size_t from, to; /* bytes [from, to) */
};

/* GPT-2's pattern, which `ByteLevel` with use_regex applies. */
extern const char pretoken_gpt2[];

struct pretoken *pretoken_alloc(void);
void pretoken_free(struct pretoken *p); /* NULL is fine */

/* Appends a split.  0; ERR_DATA: where and what is wrong with the regex (it may not match the empty string); more than 16
 * of them. */
int pretoken_add(struct pretoken *p, const char *where, const char *regex);

/* Cuts n bytes of valid UTF-8.  *spans (*n_spans,) covers the text in order, no span is empty; valid until the next
 * call; one thread at a time.  0; ERR_DATA: a regex gives up (too much backtracking). */
int pretoken_split(struct pretoken *p, const char *text, size_t n, const struct span **spans, size_t *n_spans);

#endif

/* Where the pre-tokeniser may have cut a text of which only the beginning is known.
 *
 * A regex cuts with a look at what follows: the beginning is cut with each of a list of continuations (every character of
 * ASCII, and what the look-aheads of known tokenizers tell apart), and the distinct outcomes are the *ways* in which it may
 * be cut.  An end within a character is completed in all manners first. */
#ifndef ENSEMBLE_BYTES_SPLITS_H
#define ENSEMBLE_BYTES_SPLITS_H

#include "model/vocab_view.h"

struct bytes_way {
    size_t first, n; /* its cuts in bytes_splits.cut, none beyond the text's end */
    bool is_closed;  /* the last of them is at the end of the text */
    bool is_final;   /* how it is cut where nothing follows; closed */
    bool is_open;    /* something may follow */
};

struct bytes_splits {
    struct bytes_way *way; /* (n,) */
    size_t n, cap;
    struct vocab_cut *cut;
    size_t n_cuts, cap_cuts;
    bool may_cut[256]; /* by the next byte: the end of the text may be a cut */

    bool is_uncut; /* no text is ever cut */
    struct text work;
    struct vocab_cuts found;
};

void bytes_splits_init(struct bytes_splits *s, const struct vocab *v);
void bytes_splits_fini(struct bytes_splits *s);

/* The ways of n bytes that begin where a piece begins; none where they begin no UTF-8 text.  0 or ERR_DATA. */
int bytes_splits_find(struct bytes_splits *s, struct vocab *v, const uint8_t *text, size_t n);

/* Whether `next` may follow n bytes in UTF-8: where not, no text goes on so. */
bool bytes_splits_allows(const uint8_t *text, size_t n, uint8_t next);
/* The bytes at the end that are the beginning of a character. */
size_t bytes_splits_partial(const uint8_t *text, size_t n);

#endif

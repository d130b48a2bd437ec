/* Stop rules: end symbols (the space's own), stop strings across symbol boundaries, limits.  0 is no limit.
 *
 * The text that is left does not depend on how it was split into symbols: the first byte at which a rule applies ends
 * it.  A stop string applies where its last byte stands and takes the text back to its beginning (of several that end
 * at one byte, the longest); a limit in bytes or characters applies where it is reached; a stop string comes first when
 * both fall on one byte.  Only generated text counts, never the prompt.  A text cut by a limit ends at a whole
 * character. */
#ifndef DECODE_STOP_H
#define DECODE_STOP_H

#include "decode/hyp.h"

struct stop {
    const char *const *strings; /* (n_strings,) the text ends before the first that appears; none is empty */
    size_t n_strings;
    uint32_t max_symbols; /* end symbol included */
    uint32_t max_bytes;   /* the text is cut at a character boundary at or before it */
    uint32_t max_chars;   /* codepoints; an invalid byte counts as one */
};

int stop_valid(const struct stop *s); /* 0, or ERR_USAGE "stop string 2 is empty" */

/* Call after h's last symbol was added to its text.  Sets h->end (and cuts the text) when a rule applies. */
void stop_check(const struct stop *s, const struct space *space, struct hyp *h);

/* Ends h at a limit, where it stands (the context is full). */
void stop_limit(struct hyp *h);

/* How many bytes of h's text can no longer be taken back by a stop string or an incomplete character: what a stream
 * may show.  All of it once h has ended; never less than at an earlier symbol. */
size_t stop_ready(const struct stop *s, const struct hyp *h);

#endif

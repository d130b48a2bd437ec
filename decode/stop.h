/* Stop rules: end symbols (the space's own), stop strings across symbol boundaries, limits.  0 is no limit. */
#ifndef DECODE_STOP_H
#define DECODE_STOP_H

#include "decode/hyp.h"

struct stop {
    const char *const *strings; /* (n_strings,) the text ends before the first that appears */
    size_t n_strings;
    uint32_t max_symbols;
    uint32_t max_bytes; /* the text is cut at a character boundary at or before it */
    uint32_t max_chars;
};

/* Call after h's last symbol was added to its text.  Sets h->end (and cuts the text) when a rule applies. */
void stop_check(const struct stop *s, const struct space *space, struct hyp *h);

/* How many bytes of h's text can no longer be taken back by a stop string or an incomplete character: what a stream
 * may show. */
size_t stop_ready(const struct stop *s, const struct hyp *h);

#endif

/* Endings: the symbols that would complete a phrase, given what has been said.
 *
 * A phrase of ids is completed by its last symbol where the others stand before it.  A phrase of text is completed by
 * every symbol whose bytes, behind the text said so far, hold it: inside the symbol, or begun before it.  Which symbols
 * those are is found once, when the chain is bound to its space; a step then looks at them alone. */
#ifndef DECODE_ENDING_H
#define DECODE_ENDING_H

#include "decode/phrase.h"

struct ending {
    sym_t symbol;
    uint32_t before; /* ids: symbols of the phrase that must stand before it; text: bytes of it */
};

struct endings {
    struct phrases phrases;
    struct ending *ending; /* those of phrase i are [first[i], first[i + 1]); by symbol, then by before */
    size_t *first;         /* (phrases.n + 1,) */
    size_t n, cap;
    sym_t highest; /* symbol */
    bool bound;    /* no text waits for a space */
};

/* Takes the phrases over.  space may be NULL: then those of ids alone are there, and bound says whether that is all. */
int endings_init(struct endings *e, struct phrases *p, const struct space *space);
void endings_fini(struct endings *e);

/* 0, or ERR_USAGE when texts wait for a space, or ERR_DATA when a symbol is not of the row. */
int endings_ready(const struct endings *e, uint32_t n);

/* The endings of phrase i that complete it now, as a filter: calls to endings_next() give one symbol each, once. */
struct ending_scan {
    const struct endings *e;
    const struct transform_at *at;
    size_t phrase, next, end;
    bool begun[PHRASE_MAX_TEXT + 1]; /* text: whether what was said ends with the first k bytes of it */
};
struct ending_scan endings_scan(const struct endings *e, size_t phrase, const struct transform_at *at);
bool endings_next(struct ending_scan *s, sym_t *symbol);

/* Whether the phrase is complete with this symbol behind what was said: a text, whether its last byte is the symbol's. */
bool ending_completes(const struct phrase *p, const struct transform_at *at, sym_t symbol);

#endif

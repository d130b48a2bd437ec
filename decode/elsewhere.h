/* Words of other systems (ELSEWHERE_SYSTEMS) for what is said otherwise here.  For messages about unknown names, and
 * for `list elsewhere`. */
#ifndef DECODE_ELSEWHERE_H
#define DECODE_ELSEWHERE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define ELSEWHERE_SYSTEMS "transformers, vLLM, the OpenAI API, llama.cpp and text-generation-webui"

enum elsewhere_place {
    ELSEWHERE_CHAIN,  /* a step of a chain */
    ELSEWHERE_SEARCH, /* the text of a search */
    ELSEWHERE_SELECT, /* the text of a selection */
    ELSEWHERE_RULE,   /* a pool rule of an ensemble */
    ELSEWHERE_NONE,   /* said in words */
};

struct elsewhere {
    const char *name; /* theirs: lower case, '_' */
    enum elsewhere_place place;
    const char *here; /* "green(GAMMA, DELTA), or synthid"; of one of our own names, the name itself */
};

const struct elsewhere *elsewhere_words(size_t *n);
/* Bytes of here that can be typed, up to a comma outside brackets; 0 of ELSEWHERE_NONE. */
size_t elsewhere_typed(const struct elsewhere *e);
/* "a step of a chain", "a search", ...; "" of ELSEWHERE_NONE. */
const char *elsewhere_place_name(enum elsewhere_place place);
/* What a name is that is unknown where it stands: another system's word, whatever its case, dashes in front or for '_',
 * or one of our own transforms, searches and selections: found has it.  false: neither. */
bool elsewhere_find(const char *name, struct elsewhere *found);
bool elsewhere_ours(const struct elsewhere *found); /* one of our own names */
/* err_unknown() of a name that elsewhere_find() does not know; else "unknown WHAT 'seen'; here that is a search:
 * beam(WIDTH)".  Returns code. */
int elsewhere_unknown(enum err code, const char *what, const char *seen, const char *const names[], size_t n);

#endif

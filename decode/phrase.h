/* Phrases: what the lists of symbols in a chain's parameters hold.
 *
 *   17          one symbol by its id                17+4+9      symbols by their ids, in a row
 *   ' the'      text                                'text:17'   text that looks like ids
 * In a weighted list a number follows the last colon: 17:2.5, ' the:-1', 17+4:-inf.
 *
 * What a text means depends on the step.  Where symbols are forced it is *spelled*: by the longest symbol of the space
 * that fits, then the longest for what is left; this needs no tokenizer, and so is not always the spelling that the lm
 * prefers (give ids where that matters).  Where text is forbidden or biased it is *ended*: by every symbol whose bytes
 * complete it, however the text before it was spelled (decode/ending.h).  Specials have no text: give their ids. */
#ifndef DECODE_PHRASE_H
#define DECODE_PHRASE_H

#include "base/spec.h"
#include "base/transform.h"

#define PHRASE_MAX_TEXT 255 /* bytes of one text */

struct phrase {
    sym_t *ids; /* (n_ids,); n_ids is 0 for a text that was not spelled */
    size_t n_ids;
    const char *text; /* (n_text,) what was given, in the spec; NULL: ids */
    size_t n_text;
    double weight; /* of a weighted list; else 0 */
};

struct phrases {
    struct phrase *item; /* (n,) */
    size_t n;
};

/* p is zeroed; phrases_fini() in any case.  0 or ERR_USAGE. */
int phrases_read(struct phrases *p, const struct spec_value *list);
int phrases_read_weighted(struct phrases *p, const struct spec_value *list);
void phrases_fini(struct phrases *p);

/* Whether all ids are of the space: 0 or ERR_USAGE "symbol 300 is outside of the space's 0 .. 256". */
int phrases_check(const struct phrases *p, const struct space *space);

/* Spells the texts: 0 or ERR_USAGE "no symbol of the space spells '\x01'". */
int phrases_spell(struct phrases *p, const struct space *space);

/* Makes one symbol of every element: a text becomes the lowest symbol that has just these bytes.  0 or ERR_USAGE. */
int phrases_single(struct phrases *p, const struct space *space);

/* All symbols of the elements one after the other; *n of them, for free(); NULL while a text is not resolved. */
sym_t *phrases_join(const struct phrases *p, size_t *n);

#endif

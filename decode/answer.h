/* Answers: what of a text is voted on.  Rows of a table, by name:
 *
 *   text     all of it                    boxed    what the last \boxed{...} holds, braces balanced
 *   line     the last line with something on it
 *   number   the last number, "1,234.50" as 1234.5: equal numbers are one answer
 *   letter   the last letter A to Z that stands alone, as in "(B)" or "answer: C" */
#ifndef DECODE_ANSWER_H
#define DECODE_ANSWER_H

#include "base/text.h"

/* Appends the answer in its normal form: white space around it gone.  false: the text has none. */
typedef bool answer_find(const char *s, size_t n, struct text *out);

struct answer_type {
    const char *name, *meaning;
    answer_find *find;
};
const struct answer_type *answer_types(size_t *n);
const struct answer_type *answer_type(const char *name); /* NULL + ERR_USAGE */

#endif

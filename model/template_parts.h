/* A prompt taking shape: literal and data parts of a text, before it is tokenised.  Shared by template*.c alone.
 *
 * Parts point into the prompt, the vocabulary and the template's texts, which must outlive them. */
#ifndef MODEL_TEMPLATE_PARTS_H
#define MODEL_TEMPLATE_PARTS_H

#include "base/prompt.h"
#include "model/template_rows.h"
#include "model/vocab.h"

struct template_parts {
    const struct vocab *vocab;
    const struct prompt *prompt;
    const char *name; /* of the template, as it was asked for, for messages */
    const struct template_row *row;
    struct vocab_part *part; /* (n,) for free() */
    size_t n, cap;
    char *memory;         /* what an inline template's texts point into, for free() */
    bool has_bos;         /* {bos} was met */
    bool starts_with_bos; /* {bos?} was met and the tokenizer puts it in front */
};

/* Literal text with its places (template_rows.h) and {field} ones, whose texts are data; {{ and }} are braces.
 * 0; ERR_USAGE: a brace without its other, no such field; a mark of the row, bos or eos that the vocabulary lacks. */
int template_parts_literal(struct template_parts *p, const char *text);
void template_parts_data(struct template_parts *p, const char *text);
/* Takes white space from both ends of the parts [from, n) as one text: the characters of Python's str.strip(). */
void template_parts_trim(struct template_parts *p, size_t from);
/* ERR_USAGE that lists the fields of the prompt. */
int template_parts_no_field(const struct template_parts *p, const char *field);

/* The first place at or behind s: its '{', NULL when there is none; *n: the bytes of its name.  Braces that are doubled
 * are none.  ERR_USAGE in *rc where braces do not match. */
const char *template_parts_place(const char *s, size_t *n, int *rc);

#endif

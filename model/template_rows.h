/* The named templates: a family's published chat template as a row of data.
 *
 * Texts of a row are literal but for {bos}, {bos?} and {eos}: the beginning of the vocabulary; the same where its
 * tokenizer puts it in front of texts, else nothing; the token that ends a text.  Marks are the parts of the literal text
 * that must be single tokens.  What a system text becomes where the family has no place of its own is the row's rule,
 * stated in its meaning. */
#ifndef MODEL_TEMPLATE_ROWS_H
#define MODEL_TEMPLATE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#define TEMPLATE_MARKS 6

enum template_system {
    TEMPLATE_SYSTEM_NONE,  /* an error */
    TEMPLATE_SYSTEM_OWN,   /* a block of its own, in front of the turns */
    TEMPLATE_SYSTEM_FIRST, /* within the first turn of the user, before its text */
    TEMPLATE_SYSTEM_LAST,  /* within the last turn of the user, before its text */
};

struct template_turn {
    const char *before, *after;
    bool trims; /* the text loses white space at both ends (what Python's strip() takes) */
};

struct template_row {
    const char *name, *meaning, *source;
    const char *marks[TEMPLATE_MARKS + 1]; /* NULL after the last */
    const char *begin;
    enum template_system place;
    struct template_turn system; /* FIRST, LAST: trims: what user.trims takes, it takes of both texts together */
    const char *system_default;  /* where the prompt has none; NULL: then there is no system block */
    struct template_turn user, assistant;
    const char *thought; /* an answer of the history begins behind the last of these and its empty lines; NULL: none */
    const char
        *input; /* what stands between the user's text and the prompt's context behind it; NULL: the context stands
                            in front, with an empty line */
    const char *answer; /* in front of what is to be generated */
    bool alternates;    /* turns must alternate, the user's first */
    bool is_text;       /* the prompt's own field is `text`, and there is no place for turns */
};

const struct template_row *template_rows(size_t *n);

#endif

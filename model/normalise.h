/* Normalisers: what becomes of a text before it is cut into pieces.  A list of steps, as tokenizer.json names them.
 *
 * Unicode forms are those of Hugging Face tokenizers, whose tables know Unicode 9: younger characters are left alone
 * and hold no marks.  A step may lengthen a text (a rule of a charsmap, a replacement); beyond 64 times a text's
 * length and a megabyte the text is refused. */
#ifndef MODEL_NORMALISE_H
#define MODEL_NORMALISE_H

#include "base/text.h"
#include "model/charsmap.h"
#include "model/trie.h"

struct normalise;

enum normalise_form { NORMALISE_NFC, NORMALISE_NFD, NORMALISE_NFKC, NORMALISE_NFKD };

struct normalise *normalise_alloc(void);
void normalise_free(struct normalise *n); /* NULL is fine */

size_t normalise_count(const struct normalise *n); /* steps; 0: texts stay as they are */

/* Append a step.  0; ERR_DATA: more than 32 steps; a regex or a charsmap is refused. */
int normalise_add_form(struct normalise *n, const char *where, enum normalise_form form);
int normalise_add_lowercase(struct normalise *n, const char *where);     /* character by character */
int normalise_add_strip_accents(struct normalise *n, const char *where); /* leaves out marks */
int normalise_add_nmt(struct normalise *n, const char *where); /* leaves out controls; odd spaces become spaces */
int normalise_add_strip_left(struct normalise *n, const char *where); /* white space in front */
int normalise_add_strip_right(struct normalise *n, const char *where);
int normalise_add_prepend(struct normalise *n, const char *where, const char *text); /* before what is not empty */
int normalise_add_replace(struct normalise *n, const char *where, const char *what, const char *by);
int normalise_add_replace_regex(struct normalise *n, const char *where, const char *regex, const char *by);
int normalise_add_charsmap(struct normalise *n, const char *where, const void *blob, size_t n_blob);

/* SentencePiece's own normaliser: the charsmap, spaces, U+2581.  Texts that `own` begins with are copied as they are. */
struct normalise_spaces {
    const void *blob; /* a charsmap, or NULL */
    size_t n_blob;
    const struct trie *own; /* user-defined symbols, or NULL; must outlive n */
    bool adds_prefix;       /* a space in front */
    bool adds_suffix;       /* or behind */
    bool removes_extra;     /* spaces in front, behind, and all but one between */
    bool escapes;           /* a space becomes U+2581 */
};
int normalise_add_spaces(struct normalise *n, const char *where, const struct normalise_spaces *s);

/* The n bytes of valid UTF-8 at s as they become: *out (*n_out bytes), valid until the next call and while s is; one
 * thread at a time.  0; ERR_DATA. */
int normalise_apply(struct normalise *n, const char *s, size_t length, const char **out, size_t *n_out);

#endif

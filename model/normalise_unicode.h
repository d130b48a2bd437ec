/* Unicode's normal forms and what else is done to single characters; see model/normalise.h. */
#ifndef MODEL_NORMALISE_UNICODE_H
#define MODEL_NORMALISE_UNICODE_H

#include "model/normalise.h"

/* Append the n bytes of valid UTF-8 at s, changed.  0 or ERR_DATA. */
int normalise_unicode_form(struct text *to, const char *s, size_t n, enum normalise_form form);
int normalise_unicode_lowercase(struct text *to, const char *s, size_t n);
int normalise_unicode_strip_accents(struct text *to, const char *s, size_t n);
int normalise_unicode_nmt(struct text *to, const char *s, size_t n);

/* By Hugging Face's rule: an extended grapheme cluster of fewer than 6 bytes that a rule's text begins becomes what the
 * shortest rule gives, whole; else each of its characters does. */
int normalise_unicode_charsmap(struct text *to, const char *s, size_t n, const struct charsmap *map);

#endif

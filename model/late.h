/* Late characters: assigned by Unicode 15 and 16, which the regex engine of Hugging Face tokenizers knows and PCRE2's
 * tables (Unicode 14 in 10.42) do not.
 *
 * A text is shown to PCRE2 with each of them replaced by a stand-in: an older character of the same general category
 * and the same number of UTF-8 bytes, so that offsets stay.  U+180E is one too: PCRE2's \s has it, White_Space not. */
#ifndef MODEL_LATE_H
#define MODEL_LATE_H

#include "base/text.h"

/* The text with stand-ins: s itself when it has no late character, else *shadow's.  s is valid UTF-8. */
const char *late_shadow(const char *s, size_t n, struct text *shadow);

/* The general category of a late character, as utf8proc numbers them; -1: it is not late. */
int late_category(uint32_t codepoint);

#endif

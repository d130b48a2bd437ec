/* What a character is to the pre-tokenisers: the properties that Hugging Face tokenizers' engines ask for.
 *
 * Regexes there know Unicode 16 (utf8proc 15, and model/late.h beyond it); Digits asks Rust's library (Unicode 17),
 * Punctuation a table of Unicode 8.  Every answer was compared with theirs for all code points
 * (tests/fixtures/tokenizer/skew.py). */
#ifndef MODEL_UCHAR_H
#define MODEL_UCHAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum uchar_bit {
    UCHAR_LETTER = 1, /* \p{L} */
    UCHAR_NUMBER = 2, /* \p{N} */
    UCHAR_SPACE = 4,  /* White_Space, \s */
    UCHAR_MARK = 8,   /* \p{M} */
    UCHAR_PUNCT = 16, /* \p{P} */
    UCHAR_SYMBOL = 32 /* \p{S} */
};

struct uchar_range {
    uint32_t first, last;
};

/* Whether c is in one of n ranges, which are sorted. */
bool uchar_in(const struct uchar_range *r, size_t n, uint32_t c);
#define UCHAR_IN(ranges, c) uchar_in((ranges), sizeof(ranges) / sizeof *(ranges), (c))

extern const uint8_t uchar_ascii[128]; /* of enum uchar_bit */

/* The code point of the character of valid UTF-8 at s, and its length in bytes. */
uint32_t uchar_decode(const char *s, size_t *width);

/* The bits (enum uchar_bit) of the character at s[at] of n bytes of valid UTF-8; *width is its length in bytes. */
unsigned uchar_bits_at(const char *s, size_t n, size_t at, size_t *width);

bool uchar_is_space(uint32_t c);
bool uchar_is_numeric(uint32_t c); /* Digits */
bool uchar_is_punctuation(
    uint32_t c);                /* Punctuation: old \p{P}, and all of ASCII's that is printed and no letter, digit */
bool uchar_is_word(uint32_t c); /* \w of single_word */

#endif

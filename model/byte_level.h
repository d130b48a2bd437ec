/* The byte alphabet of GPT-2's tokeniser: every byte has a printable character, so that pieces are text.
 *
 * '!' .. '~', U+00A1 .. U+00AC and U+00AE .. U+00FF stand for the bytes of their own number; the 68 other bytes, in order, for
 * U+0100, U+0101, ... (the space is U+0120). */
#ifndef MODEL_BYTE_LEVEL_H
#define MODEL_BYTE_LEVEL_H

#include "base/text.h"

uint32_t byte_level_char(uint8_t byte);                /* the character of a byte, a code point */
void byte_level_add(struct text *piece, uint8_t byte); /* appends the character of a byte */

/* Appends the bytes that n bytes of piece stand for.  false, and nothing appended, when a character is not of the
 * alphabet (or not UTF-8). */
bool byte_level_bytes(struct text *bytes, const char *piece, size_t n);

#endif

/* Scanners of plain ASCII, letters, digits, white space but for line breaks, and what else is printed: one pass for what
 * several steps of a tokenizer do. */
#ifndef MODEL_PRETOKEN_SCAN_PLAIN_H
#define MODEL_PRETOKEN_SCAN_PLAIN_H

#include <stddef.h>

/* The end of the piece at from < n that DeepSeek's steps (letters, marks, line ends, ideographs, digits one by one) make:
 * a run of letters or of marks with the one space before it, a digit, or white space. */
size_t pretoken_scan_plain_deepseek(const char *s, size_t n, size_t from);

#endif

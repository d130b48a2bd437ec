/* Names and texts that come out of files, on their way to a terminal. */
#ifndef CLI_CLEAN_H
#define CLI_CLEAN_H

#include "base/text.h"

/* Prints s to stdout, with what could steer a terminal or turn text round as escapes: control characters (\x1b, \u0085),
 * direction marks (\u202e), bytes that are no UTF-8 (\xff). */
void clean_print(const char *s);
void clean_print_wide(const char *s, size_t columns); /* with spaces up to so many columns */

#endif

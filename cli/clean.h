/* Names and texts that come out of files, on their way to a terminal. */
#ifndef CLI_CLEAN_H
#define CLI_CLEAN_H

#include "base/text.h"
#include <jansson.h>

/* Prints s to stdout, with what could steer a terminal or turn text round as escapes: control characters (\x1b, \u0085),
 * direction marks (\u202e), bytes that are no UTF-8 (\xff). */
void clean_print(const char *s);

/* A JSON text of s, with U+FFFD for each byte that is no UTF-8: names of files may have any. */
json_t *clean_json(const char *s);

#endif

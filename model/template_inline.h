/* Templates that are written where a name could stand (grammar in model/template.h). */
#ifndef MODEL_TEMPLATE_INLINE_H
#define MODEL_TEMPLATE_INLINE_H

#include "model/template_rows.h"

/* Reads a text with sections into row, which points into *memory (for free(), also after failure).
 * 1: it has sections; 0: it has none, row is untouched; ERR_USAGE. */
int template_inline_read(const char *text, struct template_row *row, char **memory);

/* Whether the text is a template: 0 or ERR_USAGE. */
int template_inline_check(const char *text);

#endif

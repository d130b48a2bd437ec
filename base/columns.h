/* How wide texts are on a terminal, for tables with names in any script. */
#ifndef BASE_COLUMNS_H
#define BASE_COLUMNS_H

#include "base/text.h"

/* Of n bytes of UTF-8: East Asian wide characters and emoji have two columns, marks that stand over others none
 * (utf8proc_charwidth()); a byte that is no UTF-8 has one. */
size_t columns_count(const char *s, size_t n);

/* Spaces behind what t has from byte `from` on, up to so many columns; none where it is as wide. */
void columns_pad(struct text *t, size_t from, size_t columns);

#endif

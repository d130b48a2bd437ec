#include "base/columns.h"
#include <utf8proc.h>

size_t columns_count(const char *s, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        int length = text_utf8(s + i, n - i, &c);
        columns += length > 0 ? (size_t)utf8proc_charwidth((utf8proc_int32_t)c) : 1;
        i += length > 0 ? (size_t)length : 1;
    }
    return columns;
}

void columns_pad(struct text *t, size_t from, size_t columns)
{
    for (size_t n = columns_count(text_s(t) + from, t->len - from); n < columns; n++)
        text_add(t, " ");
}

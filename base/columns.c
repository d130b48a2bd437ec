#include "base/columns.h"

/* Ranges of codepoints, each with its columns; the others have one. */
static size_t columns_of(uint32_t c)
{
    static const struct {
        uint32_t from, to;
        size_t columns;
    } ranges[] = {
        { 0x300, 0x36f, 0 },     { 0x483, 0x489, 0 },     { 0x591, 0x5bd, 0 },     { 0x610, 0x61a, 0 },
        { 0x64b, 0x65f, 0 },     { 0x200b, 0x200f, 0 },   { 0x20d0, 0x20ff, 0 },   { 0x302a, 0x302d, 0 },
        { 0x3099, 0x309a, 0 },   { 0xfe00, 0xfe0f, 0 },   { 0xfe20, 0xfe2f, 0 },   { 0x1100, 0x115f, 2 },
        { 0x2e80, 0x303e, 2 },   { 0x3041, 0xa4cf, 2 },   { 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },
        { 0xfe30, 0xfe6f, 2 },   { 0xff00, 0xff60, 2 },   { 0xffe0, 0xffe6, 2 },   { 0x1f300, 0x1f64f, 2 },
        { 0x1f680, 0x1f6ff, 2 }, { 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return ranges[i].columns;
    return 1;
}

size_t columns_count(const char *s, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        int length = text_utf8(s + i, n - i, &c);
        columns += columns_of(c);
        i += length > 0 ? (size_t)length : 1;
    }
    return columns;
}

void columns_pad(struct text *t, size_t from, size_t columns)
{
    for (size_t n = columns_count(text_s(t) + from, t->len - from); n < columns; n++)
        text_add(t, " ");
}

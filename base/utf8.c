/* The UTF-8 part of base/text.h. */
#include "base/text.h"

/* Bytes a lead byte announces, the bits it carries, and the least codepoint it may encode (shorter forms and
 * surrogates are invalid: Unicode 15, table 3-7). */
static int lead(unsigned char c, uint32_t *bits, uint32_t *least)
{
    if (c < 0x80) {
        *bits = c;
        *least = 0;
        return 1;
    }
    if (c >= 0xc2 && c < 0xe0) {
        *bits = c & 0x1fu;
        *least = 0x80;
        return 2;
    }
    if (c >= 0xe0 && c < 0xf0) {
        *bits = c & 0x0fu;
        *least = 0x800;
        return 3;
    }
    if (c >= 0xf0 && c < 0xf5) {
        *bits = c & 0x07u;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

/* Whether the second byte can follow the first (rules out overlong forms, surrogates and > U+10FFFF early). */
static bool second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0: return second >= 0xa0;
    case 0xed: return second < 0xa0;
    case 0xf0: return second >= 0x90;
    case 0xf4: return second < 0x90;
    default: return true;
    }
}

int text_utf8(const char *s, size_t n, uint32_t *codepoint)
{
    uint32_t value, least;
    if (n == 0)
        return -1;
    int length = lead((unsigned char)s[0], &value, &least);
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= n)
            return -1;
        unsigned char c = (unsigned char)s[i];
        if ((c & 0xc0) != 0x80 || (i == 1 && !second_fits((unsigned char)s[0], c)))
            return 0;
        value = value << 6 | (c & 0x3fu);
    }
    if (length > 0 && codepoint)
        *codepoint = value;
    return length;
}

bool text_is_utf8(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        int length = text_utf8(s + i, n - i, NULL);
        if (length <= 0)
            return false;
        i += (size_t)length;
    }
    return true;
}

size_t text_utf8_ready(const char *s, size_t n)
{
    size_t from = n > 3 ? n - 3 : 0; /* an incomplete sequence has at most 3 bytes */
    for (size_t i = from; i < n; i++)
        if (((unsigned char)s[i] & 0xc0) == 0xc0 && text_utf8(s + i, n - i, NULL) < 0)
            return i;
    return n;
}

size_t text_utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; count++) {
        int length = text_utf8(s + i, n - i, NULL);
        i += length > 0 ? (size_t)length : 1;
    }
    return count;
}

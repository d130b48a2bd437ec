#include "cli/clean.h"
#include <stdio.h>
#include <string.h>

static bool steers(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void clean_add(struct text *t, const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        int width = text_utf8(s + i, n - i, &c);
        if (width <= 0)
            text_addf(t, "\\x%02x", (unsigned char)s[i]);
        else if (steers(c))
            text_addf(t, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
        else
            text_addn(t, s + i, (size_t)width);
        i += width > 0 ? (size_t)width : 1;
    }
}

void clean_print(const char *s)
{
    struct text t = { 0 };
    clean_add(&t, s);
    fputs(text_s(&t), stdout);
    text_free(&t);
}

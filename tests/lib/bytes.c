#include "tests/lib/bytes.h"
#include <string.h>

void bytes_u8(struct text *t, uint8_t x)
{
    text_addn(t, &x, sizeof x);
}

void bytes_u32(struct text *t, uint32_t x)
{
    text_addn(t, &x, sizeof x);
}

void bytes_u64(struct text *t, uint64_t x)
{
    text_addn(t, &x, sizeof x);
}

void bytes_f32(struct text *t, float x)
{
    text_addn(t, &x, sizeof x);
}

void bytes_zero(struct text *t, size_t n)
{
    while (n-- > 0)
        bytes_u8(t, 0);
}

void bytes_align(struct text *t, size_t alignment)
{
    bytes_zero(t, (alignment - t->len % alignment) % alignment);
}

void bytes_string(struct text *t, const char *s)
{
    bytes_u64(t, strlen(s));
    text_add(t, s);
}

void bytes_key(struct text *t, const char *key, uint32_t type)
{
    bytes_string(t, key);
    bytes_u32(t, type);
}

void bytes_key_string(struct text *t, const char *key, const char *s)
{
    bytes_key(t, key, 8);
    bytes_string(t, s);
}

void bytes_key_u32(struct text *t, const char *key, uint32_t x)
{
    bytes_key(t, key, 4);
    bytes_u32(t, x);
}

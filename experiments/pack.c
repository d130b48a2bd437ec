#include "experiments/pack.h"
#include <string.h>

void pack_u8(struct text *t, uint8_t x)
{
    text_addn(t, &x, 1);
}

static void pack_low(struct text *t, uint64_t x, size_t n)
{
    uint8_t b[8];
    for (size_t i = 0; i < n; i++)
        b[i] = (uint8_t)(x >> (8 * i));
    text_addn(t, b, n);
}

void pack_u32(struct text *t, uint32_t x)
{
    pack_low(t, x, 4);
}

void pack_u64(struct text *t, uint64_t x)
{
    pack_low(t, x, 8);
}

void pack_f32(struct text *t, float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    pack_u32(t, u);
}

void pack_f64(struct text *t, double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    pack_u64(t, u);
}

void pack_bytes(struct text *t, const void *s, size_t n)
{
    pack_u32(t, (uint32_t)n);
    text_addn(t, s, n);
}

struct unpack unpack_over(const void *s, size_t n)
{
    return (struct unpack){ .s = s, .n = n };
}

static uint64_t unpack_low(struct unpack *u, size_t n)
{
    if (u->bad || u->n - u->at < n) {
        u->bad = true;
        return 0;
    }
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++)
        x |= (uint64_t)u->s[u->at + i] << (8 * i);
    u->at += n;
    return x;
}

uint8_t unpack_u8(struct unpack *u)
{
    return (uint8_t)unpack_low(u, 1);
}

uint32_t unpack_u32(struct unpack *u)
{
    return (uint32_t)unpack_low(u, 4);
}

uint64_t unpack_u64(struct unpack *u)
{
    return unpack_low(u, 8);
}

float unpack_f32(struct unpack *u)
{
    uint32_t x = unpack_u32(u);
    float f;
    memcpy(&f, &x, sizeof f);
    return f;
}

double unpack_f64(struct unpack *u)
{
    uint64_t x = unpack_u64(u);
    double f;
    memcpy(&f, &x, sizeof f);
    return f;
}

const char *unpack_bytes(struct unpack *u, size_t *n)
{
    *n = unpack_count(u, 1);
    const char *s = u->bad ? "" : (const char *)u->s + u->at;
    u->at += *n;
    return s;
}

size_t unpack_count(struct unpack *u, size_t min_bytes)
{
    size_t n = unpack_u32(u);
    if (u->bad || n > (u->n - u->at) / min_bytes) {
        u->bad = true;
        return 0;
    }
    return n;
}

bool unpack_done(const struct unpack *u)
{
    return !u->bad && u->at == u->n;
}

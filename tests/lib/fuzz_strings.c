#include "tests/lib/fuzz_strings.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>

int fuzz_strings_open(struct fuzz_strings *f, const char *path)
{
    *f = (struct fuzz_strings){ 0 };
    TRY(text_read_file(&f->blob, path, 1u << 20));
    for (size_t at = 0; at + 2 <= f->blob.len;) {
        size_t n = (unsigned char)f->blob.s[at] | (size_t)(unsigned char)f->blob.s[at + 1] << 8;
        mem_grow(&f->from, &f->cap_from, f->n_parts + 1, sizeof *f->from);
        mem_grow(&f->len, &f->cap_len, f->n_parts + 1, sizeof *f->len);
        f->from[f->n_parts] = at + 2;
        f->len[f->n_parts++] = n;
        at += 2 + n;
    }
    return 0;
}

void fuzz_strings_close(struct fuzz_strings *f)
{
    text_free(&f->blob);
    free(f->from);
    free(f->len);
}

/* splitmix64 (Sebastiano Vigna). */
static size_t below(uint64_t *state, size_t n)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (size_t)((z ^ z >> 31) % n);
}

static void add_char(struct text *t, uint32_t c)
{
    uint8_t s[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n; i-- > 1; c >>= 6)
        s[i] = (uint8_t)(0x80 | (c & 0x3f));
    s[0] = (uint8_t)(lead[n] | c);
    text_addn(t, s, n);
}

void fuzz_strings_make(const struct fuzz_strings *f, uint64_t i, struct text *t)
{
    static const uint32_t ranges[][2] = {
        { 0x20, 0x7f },     { 0xa0, 0x800 },      { 0x800, 0xd800 },  { 0xe000, 0x10000 },  { 0x10000, 0x20000 },
        { 0x300, 0x370 },   { 0x1e000, 0x1f000 }, { 0x3000, 0x3400 }, { 0x10d00, 0x12000 }, { 0xfb00, 0xfff0 },
        { 0x1100, 0x1200 }, { 0xac00, 0xd7a4 },   { 0x2000, 0x2100 }, { 0x1c80, 0x2000 },
    };
    uint64_t state = i * 0x9e3779b97f4a7c15u;
    text_clear(t);
    for (size_t n = below(&state, 9); n > 0; n--) {
        if (below(&state, 6) > 0) {
            size_t part = below(&state, f->n_parts);
            text_addn(t, f->blob.s + f->from[part], f->len[part]);
            continue;
        }
        for (size_t k = 1 + below(&state, 3); k > 0; k--) {
            const uint32_t *range = ranges[below(&state, sizeof ranges / sizeof *ranges)];
            add_char(t, range[0] + (uint32_t)below(&state, range[1] - range[0]));
        }
    }
}

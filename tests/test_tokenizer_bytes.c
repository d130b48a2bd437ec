/* decode(encode(x)) = x for every byte-level family, over random valid UTF-8 of all lengths of characters and over every
 * code point there is; and a reader who shows text token by token never shows half a character. */
#include "base/err.h"
#include "model/vocab.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY CHORALE_HOME "/tests/fixtures/tokenizer/family/"

static const char *const families[] = { "gpt2", "llama3", "bloom", "deepseek", "deepseek3", "starcoder", "falcon" };
#define N_FAMILIES (sizeof families / sizeof *families)

static uint32_t below(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) * n >> 31);
}

static void add_char(struct text *t, uint32_t c)
{
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    char s[4] = { (char)c };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; n > 1 && i-- > 0; c >>= 6)
        s[i] = (char)(i > 0 ? 0x80 | (c & 0x3f) : lead[n] | c);
    text_addn(t, s, n);
}

static bool is_surrogate(uint32_t c)
{
    return c >= 0xd800 && c <= 0xdfff;
}

/* Of each length as many, and the first and the last of each. */
static uint32_t random_char(uint64_t *state)
{
    static const uint32_t ends[] = { 0,        1,      0x7f,   0x80,   0x7ff,   0x800,   0xd7ff,  0xe000,
                                     0xfdd0,   0xfffd, 0xfffe, 0xffff, 0x10000, 0x1fffe, 0xe0001, 0x10fffe,
                                     0x10ffff, ' ',    '\n',   '\'',   's',     '1',     0x3000,  0x4f60 };
    static const uint32_t from[] = { 0, 0x80, 0x800, 0x10000, 0x4e00 },
                          to[] = { 0x80, 0x800, 0x10000, 0x110000, 0xa000 };
    if (below(state, 3) == 0)
        return ends[below(state, sizeof ends / sizeof *ends)];
    uint32_t band = below(state, 5), c = from[band] + below(state, to[band] - from[band]);
    return is_surrogate(c) ? 0xfffd : c;
}

static void comes_back(struct vocab *v, const char *family, const struct text *t, size_t i)
{
    struct symbols ids = { 0 };
    struct text back = { 0 }, stream = { 0 };
    bool whole = true;
    check(vocab_encode(v, text_s(t), t->len, &ids) == 0, "%s: %s", family, err_text());
    vocab_decode(v, ids.s, ids.n, &back);
    check(back.len == t->len && memcmp(text_s(&back), text_s(t), t->len) == 0, "%s: text %zu of %zu bytes comes back",
          family, i, t->len);
    size_t shown = 0;
    for (size_t k = 0; k < ids.n; k++) {
        size_t n, ready;
        const uint8_t *bytes = space_text(vocab_space(v), ids.s[k], &n);
        text_addn(&stream, bytes, n);
        ready = text_utf8_ready(text_s(&stream), stream.len);
        for (size_t at = shown; whole && at < ready;) {
            int length = text_utf8(stream.s + at, ready - at, NULL);
            whole = length > 0;
            at += length > 0 ? (size_t)length : 1;
        }
        whole = whole && ready >= shown;
        shown = ready;
    }
    check(whole && shown == t->len, "%s: text %zu shows whole characters, and all", family, i);
    free(ids.s);
    text_free(&back);
    text_free(&stream);
}

static void one_family(const char *family)
{
    struct text path = { 0 }, t = { 0 };
    uint64_t state = 1;
    text_addf(&path, FAMILY "%s.json", family);
    struct vocab *v = vocab_open_json(text_s(&path), NULL, 0);
    check(v != NULL, "%s", err_text());
    size_t n = getenv("CHORALE_LONG") ? 20000 : 1000;
    for (size_t i = 0; v && i < n; i++) {
        text_clear(&t);
        for (uint32_t k = below(&state, 60); k > 0; k--)
            add_char(&t, random_char(&state));
        comes_back(v, family, &t, i);
    }
    text_clear(&t);
    for (uint32_t c = 0; v && c < 0x110000; c++) { /* in texts of 4096 */
        if (!is_surrogate(c))
            add_char(&t, c);
        if (c % 4096 != 4095)
            continue;
        if (t.len > 0 && (c < 0x20000 || c >= 0x10f000 || getenv("CHORALE_LONG")))
            comes_back(v, family, &t, n + c / 4096);
        text_clear(&t);
    }
    vocab_free(v);
    text_free(&path);
    text_free(&t);
}

int main(void)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        one_family(families[i]);
    return check_done("tokenizer_bytes");
}

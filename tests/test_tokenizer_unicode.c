/* Normalisers and classes of characters: for every code point (of normalisers every eighth by default, all with
 * CHORALE_LONG) what Hugging Face tokenizers has, and regexes and
 * scanners that agree with each other on strings of all kinds. */
#include "base/err.h"
#include "base/hash.h"
#include "model/normalise.h"
#include "model/pretoken_match.h"
#include "model/pretoken_scan.h"
#include "model/uchar.h"
#include "tests/lib/check.h"
#include "tests/lib/fuzz_strings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/tokenizer/"

static size_t encode_char(uint32_t c, char s[4])
{
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        s[i] = (char)(0x80 | (c & 0x3f));
    s[0] = (char)(lead[n] | c);
    return n;
}

static const char *digest_of(const struct text *lines, const char *name)
{
    static char digest[65];
    char line[32];
    snprintf(line, sizeof line, "%s ", name);
    const char *at = strstr(text_s(lines), line);
    snprintf(digest, sizeof digest, "%.64s", at ? at + strlen(line) : "");
    return digest;
}

static void check_digest(const struct text *lines, const char *name, const struct text *all)
{
    char hex[65];
    hash_sha256(text_s(all), all->len, hex);
    check(strcmp(hex, digest_of(lines, name)) == 0, "%s: every character is as in Hugging Face tokenizers", name);
}

static void add_normal(struct normalise *n, const char *s, size_t length, struct text *all)
{
    const char *out;
    size_t n_out;
    if (normalise_apply(n, s, length, &out, &n_out) < 0)
        check(false, "%s", err_text());
    text_addn(all, out, n_out);
    text_addn(all, "", 1);
}

/* The code points of one remainder by 8. */
static void one_eighth(const struct text *lines, const char *name, struct normalise *n, uint32_t remainder)
{
    struct text all = { 0 };
    char line[32];
    for (uint32_t c = remainder; c < 0x110000; c += 8) {
        char s[16] = "a";
        if (c == 0 || (c >= 0xd800 && c < 0xe000))
            continue;
        size_t width = encode_char(c, s + 1);
        add_normal(n, s + 1, width, &all);
        memcpy(s + 1 + width, "\xcc\x81", 2);
        add_normal(n, s, width + 3, &all);
    }
    snprintf(line, sizeof line, "%s%u", name, remainder);
    check_digest(lines, line, &all);
    text_free(&all);
}

static void one_normaliser(const struct text *lines, const char *name, struct normalise *n)
{
    for (uint32_t remainder = 0; remainder < (getenv("CHORALE_LONG") ? 8 : 1); remainder++)
        one_eighth(lines, name, n, remainder);
    normalise_free(n);
}

static void normalisers(const struct text *lines)
{
    static const char *const forms[] = { "nfc", "nfd", "nfkc", "nfkd" };
    static const struct {
        const char *name;
        int (*add)(struct normalise *n, const char *where);
    } others[] = { { "lowercase", normalise_add_lowercase },
                   { "accents", normalise_add_strip_accents },
                   { "nmt", normalise_add_nmt } };
    for (size_t i = 0; i < 4; i++) {
        struct normalise *n = normalise_alloc();
        normalise_add_form(n, "test", (enum normalise_form)i);
        one_normaliser(lines, forms[i], n);
    }
    for (size_t i = 0; i < 3; i++) {
        struct normalise *n = normalise_alloc();
        others[i].add(n, "test");
        one_normaliser(lines, others[i].name, n);
    }
}

static void classes(const struct text *lines)
{
    static const struct {
        const char *name;
        bool (*is)(uint32_t);
    } all[] = { { "numeric", uchar_is_numeric },
                { "punctuation", uchar_is_punctuation },
                { "word", uchar_is_word },
                { "space", uchar_is_space } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct text bits = { 0 };
        for (uint32_t c = 1; c < 0x110000; c += c == 0xd7ff ? 0x801 : 1)
            text_addn(&bits, &(char){ all[i].is(c) }, 1);
        check_digest(lines, all[i].name, &bits);
        text_free(&bits);
    }
}

/* Whether a scanner and PCRE2 cut a text alike.  (Texts without late characters, which PCRE2 does not know.) */
static bool agree(const struct matcher *a, const struct matcher *b, struct regex_work *w, const struct text *t)
{
    struct span x = { 0, 0 }, y = { 0, 0 };
    regex_work_start(w, t->len);
    for (size_t at = 0; at < t->len; at = x.to) {
        int more = a->next(a, w, text_s(t), t->len, at, &x);
        if (b->next(b, w, text_s(t), t->len, at, &y) != more || (more > 0 && (x.from != y.from || x.to != y.to)))
            return false;
        if (more <= 0)
            break;
    }
    return true;
}

static void keep_old(struct text *t)
{
    struct text old = { 0 };
    for (size_t i = 0, width; i < t->len; i += width) {
        int length = text_utf8(t->s + i, t->len - i, NULL);
        width = length > 0 ? (size_t)length : 1;
        if (length > 0 && width < 4 && !(width == 3 && (unsigned char)t->s[i] < 0xe3) &&
            memcmp(t->s + i, "\xea", 1) != 0)
            text_addn(&old, t->s + i, width);
    }
    text_clear(t);
    text_addn(t, text_s(&old), old.len);
    text_free(&old);
}

static void scanners(void)
{
    static const char *const regexes[] = { pretoken_gpt2,         SCAN_LLAMA3,         SCAN_QWEN2,
                                           SCAN_THREE_DIGITS,     SCAN_BREAKS,         SCAN_LINE_END,
                                           SCAN_DEEPSEEK_LETTERS, SCAN_DEEPSEEK_MARKS, SCAN_DEEPSEEK_HAN };
    struct fuzz_strings strings;
    struct regex_work *w = regex_work_alloc();
    struct text t = { 0 };
    check(fuzz_strings_open(&strings, FIXTURES "family/parts.bin") == 0, "%s", err_text());
    for (size_t k = 0; k < sizeof regexes / sizeof *regexes; k++) {
        struct matcher scan = { 0 }, pcre = { 0 };
        check(matcher_regex(&scan, "test", regexes[k]) == 0 && scan.scanner, "%s has a scanner", regexes[k]);
        check(matcher_pcre(&pcre, "test", regexes[k]) == 0, "%s", err_text());
        size_t wrong = 0;
        for (uint64_t i = 0; i < 4000; i++) {
            fuzz_strings_make(&strings, 1000000 + i, &t);
            keep_old(&t);
            wrong += !agree(&scan, &pcre, w, &t);
        }
        check(wrong == 0, "%s: %zu of 4000 strings are cut otherwise by its scanner", regexes[k], wrong);
        matcher_fini(&scan);
        matcher_fini(&pcre);
    }
    fuzz_strings_close(&strings);
    regex_work_free(w);
    text_free(&t);
}

int main(void)
{
    struct text lines = { 0 };
    check(text_read_file(&lines, FIXTURES "unicode.txt", 1u << 16) == 0, "%s", err_text());
    normalisers(&lines);
    classes(&lines);
    scanners();
    text_free(&lines);
    return check_done("tokenizer_unicode");
}

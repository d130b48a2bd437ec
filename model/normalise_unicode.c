#include "model/normalise_unicode.h"
#include "base/err.h"
#include "model/uchar.h"
#include <stdlib.h>
#include <utf8proc.h>

/* Characters that decompose, compose or are ordered in Unicode 15 and not in Unicode 9.  Printed by
 * tests/fixtures/tokenizer/skew.py. */
static bool is_young(uint32_t c)
{
    static const struct uchar_range young[] = {
        // clang-format off
        { 0x07fd, 0x07fd }, { 0x0898, 0x089f }, { 0x08ca, 0x08d3 }, { 0x09fe, 0x09fe }, { 0x0c3c, 0x0c3c },
        { 0x0d3b, 0x0d3c }, { 0x0eba, 0x0eba }, { 0x1715, 0x1715 }, { 0x1abf, 0x1ace }, { 0x1df6, 0x1dfa },
        { 0x32ff, 0x32ff }, { 0xa7f2, 0xa7f4 }, { 0xa82c, 0xa82c }, { 0xab69, 0xab69 }, { 0x10781, 0x10785 },
        { 0x10787, 0x107b0 }, { 0x107b2, 0x107ba }, { 0x10d24, 0x10d27 }, { 0x10eab, 0x10eac }, { 0x10efd, 0x10eff },
        { 0x10f46, 0x10f50 }, { 0x10f82, 0x10f85 }, { 0x11070, 0x11070 }, { 0x1133b, 0x1133b }, { 0x1145e, 0x1145e },
        { 0x11839, 0x1183a }, { 0x11930, 0x11930 }, { 0x11935, 0x11935 }, { 0x11938, 0x11938 }, { 0x1193d, 0x1193e },
        { 0x11943, 0x11943 }, { 0x119e0, 0x119e0 }, { 0x11a34, 0x11a34 }, { 0x11a47, 0x11a47 }, { 0x11a99, 0x11a99 },
        { 0x11d42, 0x11d42 }, { 0x11d44, 0x11d45 }, { 0x11d97, 0x11d97 }, { 0x11f41, 0x11f42 }, { 0x16ff0, 0x16ff1 },
        { 0x1e030, 0x1e06d }, { 0x1e08f, 0x1e08f }, { 0x1e130, 0x1e136 }, { 0x1e2ae, 0x1e2ae }, { 0x1e2ec, 0x1e2ef },
        { 0x1e4ec, 0x1e4ef }, { 0x1f16c, 0x1f16c }, { 0x1fbf0, 0x1fbf9 },
        // clang-format on
    };
    return c >= 0x7fd && UCHAR_IN(young, c);
}

/* Whether c stays as it is, whatever stands beside it: no form changes it, and it is no mark that might join c's left
 * neighbour.  (It may itself be joined by a mark behind it.)  Not complete: the common ones. */
static bool is_inert(uint32_t c, enum normalise_form form)
{
    if (c < 0x80 || (c >= 0x3400 && c <= 0x9fff))
        return true;
    bool composes = form == NORMALISE_NFC;
    return composes && (c < 0x300 || (c >= 0x2010 && c <= 0x2027) || (c >= 0x3000 && c <= 0x3029) ||
                        (c >= 0x3030 && c <= 0x3098) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xff00 && c <= 0xffef));
}

/* [from, to) without young characters. */
static int map(struct text *to, const char *s, size_t n, enum normalise_form form)
{
    static const unsigned options[] = {
        [NORMALISE_NFC] = UTF8PROC_COMPOSE,
        [NORMALISE_NFD] = UTF8PROC_DECOMPOSE,
        [NORMALISE_NFKC] = UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
        [NORMALISE_NFKD] = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
    };
    uint8_t *out;
    utf8proc_ssize_t length = utf8proc_map((const uint8_t *)s, (utf8proc_ssize_t)n, &out,
                                           (utf8proc_option_t)(UTF8PROC_STABLE | options[form]));
    if (length < 0)
        return err_set(ERR_DATA, "a text cannot be normalised: %s", utf8proc_errmsg(length));
    text_addn(to, out, (size_t)length);
    free(out);
    return 0;
}

/* The same with young ones, which stay. */
static int map_parts(struct text *to, const char *s, size_t n, enum normalise_form form)
{
    size_t done = 0, width;
    for (size_t at = 0; at < n; at += width) {
        uint32_t c = 0;
        width = (size_t)text_utf8(s + at, n - at, &c);
        if (!is_young(c))
            continue;
        if (at > done)
            TRY(map(to, s + done, at - done, form));
        text_addn(to, s + at, width);
        done = at + width;
    }
    return n > done ? map(to, s + done, n - done, form) : 0;
}

/* Runs of inert characters are copied; what is not inert is mapped together with the character before it. */
int normalise_unicode_form(struct text *to, const char *s, size_t n, enum normalise_form form)
{
    size_t done = 0, last = 0, at = 0;
    while (at < n) {
        size_t width;
        uint32_t c = uchar_decode(s + at, &width);
        if (is_inert(c, form)) {
            last = at;
            at += width;
            continue;
        }
        size_t from = last; /* at most at, at least done */
        text_addn(to, s + done, from - done);
        do {
            at += width;
            c = at < n ? uchar_decode(s + at, &width) : 0;
        } while (at < n && !is_inert(c, form));
        TRY(map_parts(to, s + from, at - from, form));
        done = last = at;
    }
    text_addn(to, s + done, n - done);
    return 0;
}

static void add_char(struct text *to, uint32_t c)
{
    uint8_t s[4];
    text_addn(to, s, (size_t)utf8proc_encode_char((utf8proc_int32_t)c, s));
}

/* As Rust's library of Unicode 17 does it, where utf8proc has something else. */
static uint32_t lower(uint32_t c)
{
    static const struct {
        uint32_t from, to, by;
    } others[] = {
        { 0x1c89, 0x1c89, 0x1c8a },    { 0xa7cb, 0xa7cb, 0x264 },  { 0xa7cc, 0xa7cc, 0xa7cd },
        { 0xa7ce, 0xa7ce, 0xa7cf },    { 0xa7d2, 0xa7d2, 0xa7d3 }, { 0xa7d4, 0xa7d4, 0xa7d5 },
        { 0xa7da, 0xa7da, 0xa7db },    { 0xa7dc, 0xa7dc, 0x19b },  { 0x10d50, 0x10d65, 0x10d70 },
        { 0x16ea0, 0x16eb8, 0x16ebb },
    };
    for (size_t i = 0; c >= 0x1c89 && i < sizeof others / sizeof *others; i++)
        if (c >= others[i].from && c <= others[i].to)
            return others[i].by + (c - others[i].from);
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
}

int normalise_unicode_lowercase(struct text *to, const char *s, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c = 0;
        at += (size_t)text_utf8(s + at, n - at, &c);
        if (c == 0x130)
            text_add(to, "i\xcc\x87");
        else
            add_char(to, lower(c));
    }
    return 0;
}

/* The marks of Unicode 9; printed by skew.py. */
static bool is_accent(uint32_t c)
{
    static const struct uchar_range younger[] = {
        // clang-format off
        { 0x07fd, 0x07fd }, { 0x0898, 0x089f }, { 0x08ca, 0x08d3 }, { 0x09fe, 0x09fe }, { 0x0afa, 0x0aff },
        { 0x0b55, 0x0b55 }, { 0x0c04, 0x0c04 }, { 0x0c3c, 0x0c3c }, { 0x0cf3, 0x0cf3 }, { 0x0d00, 0x0d00 },
        { 0x0d3b, 0x0d3c }, { 0x0d81, 0x0d81 }, { 0x0eba, 0x0eba }, { 0x0ece, 0x0ece }, { 0x1715, 0x1715 },
        { 0x180f, 0x180f }, { 0x1abf, 0x1ace }, { 0x1cf7, 0x1cf7 }, { 0x1df6, 0x1dfa }, { 0xa82c, 0xa82c },
        { 0xa8ff, 0xa8ff }, { 0x10d24, 0x10d27 }, { 0x10eab, 0x10eac }, { 0x10efd, 0x10eff }, { 0x10f46, 0x10f50 },
        { 0x10f82, 0x10f85 }, { 0x11070, 0x11070 }, { 0x11073, 0x11074 }, { 0x110c2, 0x110c2 }, { 0x11145, 0x11146 },
        { 0x111c9, 0x111c9 }, { 0x111ce, 0x111cf }, { 0x11241, 0x11241 }, { 0x1133b, 0x1133b }, { 0x1145e, 0x1145e },
        { 0x1182c, 0x1183a }, { 0x11930, 0x11935 }, { 0x11937, 0x11938 }, { 0x1193b, 0x1193e }, { 0x11940, 0x11940 },
        { 0x11942, 0x11943 }, { 0x119d1, 0x119d7 }, { 0x119da, 0x119e0 }, { 0x119e4, 0x119e4 }, { 0x11a01, 0x11a0a },
        { 0x11a33, 0x11a39 }, { 0x11a3b, 0x11a3e }, { 0x11a47, 0x11a47 }, { 0x11a51, 0x11a5b }, { 0x11a8a, 0x11a99 },
        { 0x11d31, 0x11d36 }, { 0x11d3a, 0x11d3a }, { 0x11d3c, 0x11d3d }, { 0x11d3f, 0x11d45 }, { 0x11d47, 0x11d47 },
        { 0x11d8a, 0x11d8e }, { 0x11d90, 0x11d91 }, { 0x11d93, 0x11d97 }, { 0x11ef3, 0x11ef6 }, { 0x11f00, 0x11f01 },
        { 0x11f03, 0x11f03 }, { 0x11f34, 0x11f3a }, { 0x11f3e, 0x11f42 }, { 0x13440, 0x13440 }, { 0x13447, 0x13455 },
        { 0x16f4f, 0x16f4f }, { 0x16f7f, 0x16f87 }, { 0x16fe4, 0x16fe4 }, { 0x16ff0, 0x16ff1 }, { 0x1cf00, 0x1cf2d },
        { 0x1cf30, 0x1cf46 }, { 0x1e08f, 0x1e08f }, { 0x1e130, 0x1e136 }, { 0x1e2ae, 0x1e2ae }, { 0x1e2ec, 0x1e2ef },
        { 0x1e4ec, 0x1e4ef },
        // clang-format on
    };
    if (c < 0x300)
        return false;
    int of = (int)utf8proc_category((utf8proc_int32_t)c);
    bool mark = of == UTF8PROC_CATEGORY_MN || of == UTF8PROC_CATEGORY_MC || of == UTF8PROC_CATEGORY_ME;
    return (mark && !UCHAR_IN(younger, c)) || c == 0x1cf2 || c == 0x1cf3;
}

int normalise_unicode_strip_accents(struct text *to, const char *s, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c = 0;
        size_t width = (size_t)text_utf8(s + at, n - at, &c);
        if (!is_accent(c))
            text_addn(to, s + at, width);
        at += width;
    }
    return 0;
}

static bool is_dropped(uint32_t c)
{
    return (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f;
}

static bool becomes_space(uint32_t c)
{
    return c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 || (c >= 0x200b && c <= 0x200f) || c == 0x2028 ||
           c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd;
}

int normalise_unicode_nmt(struct text *to, const char *s, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c = 0;
        size_t width = (size_t)text_utf8(s + at, n - at, &c);
        if (becomes_space(c))
            text_add(to, " ");
        else if (!is_dropped(c))
            text_addn(to, s + at, width);
        at += width;
    }
    return 0;
}

static void add_cluster(struct text *to, const char *s, size_t n, const struct charsmap *map_of)
{
    const char *by;
    size_t n_by;
    if (n < 6 && charsmap_shortest(map_of, s, n, &by, &n_by)) {
        text_addn(to, by, n_by);
        return;
    }
    for (size_t at = 0; at < n;) {
        size_t width = (size_t)text_utf8(s + at, n - at, NULL);
        if (charsmap_shortest(map_of, s + at, width, &by, &n_by))
            text_addn(to, by, n_by);
        else
            text_addn(to, s + at, width);
        at += width;
    }
}

int normalise_unicode_charsmap(struct text *to, const char *s, size_t n, const struct charsmap *map_of)
{
    utf8proc_int32_t state = 0;
    uint32_t before = 0;
    size_t from = 0;
    for (size_t at = 0; at < n;) {
        uint32_t c = 0;
        size_t width = (size_t)text_utf8(s + at, n - at, &c);
        if (at > 0 && utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c, &state)) {
            add_cluster(to, s + from, at - from, map_of);
            from = at;
        }
        before = c;
        at += width;
    }
    add_cluster(to, s + from, n - from, map_of);
    return 0;
}

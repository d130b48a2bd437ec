#include "model/uchar.h"
#include "model/late.h"
#include <assert.h>
#include <utf8proc.h>

bool uchar_in(const struct uchar_range *r, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > r[middle].last)
            low = middle + 1;
        else if (c < r[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

/* Most characters of a Chinese text: no other test is worth its time. */
static bool is_ideograph(uint32_t c)
{
    return c >= 0x4e00 && c <= 0x9fff;
}

static int category(uint32_t c)
{
    int of = (int)utf8proc_category((utf8proc_int32_t)c);
    int late = of == UTF8PROC_CATEGORY_CN ? late_category(c) : -1;
    return late >= 0 ? late : of;
}

bool uchar_is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) ||
           (c >= 0x85 && (c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
                          c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000));
}

static unsigned bits_of_category(int of)
{
    static const uint8_t of_category[] = {
        [UTF8PROC_CATEGORY_CN] = 0,
        [UTF8PROC_CATEGORY_LU] = UCHAR_LETTER,
        [UTF8PROC_CATEGORY_LL] = UCHAR_LETTER,
        [UTF8PROC_CATEGORY_LT] = UCHAR_LETTER,
        [UTF8PROC_CATEGORY_LM] = UCHAR_LETTER,
        [UTF8PROC_CATEGORY_LO] = UCHAR_LETTER,
        [UTF8PROC_CATEGORY_MN] = UCHAR_MARK,
        [UTF8PROC_CATEGORY_MC] = UCHAR_MARK,
        [UTF8PROC_CATEGORY_ME] = UCHAR_MARK,
        [UTF8PROC_CATEGORY_ND] = UCHAR_NUMBER,
        [UTF8PROC_CATEGORY_NL] = UCHAR_NUMBER,
        [UTF8PROC_CATEGORY_NO] = UCHAR_NUMBER,
        [UTF8PROC_CATEGORY_PC] = UCHAR_PUNCT,
        [UTF8PROC_CATEGORY_PD] = UCHAR_PUNCT,
        [UTF8PROC_CATEGORY_PS] = UCHAR_PUNCT,
        [UTF8PROC_CATEGORY_PE] = UCHAR_PUNCT,
        [UTF8PROC_CATEGORY_PI] = UCHAR_PUNCT,
        [UTF8PROC_CATEGORY_PF] = UCHAR_PUNCT,
        [UTF8PROC_CATEGORY_PO] = UCHAR_PUNCT,
        [UTF8PROC_CATEGORY_SM] = UCHAR_SYMBOL,
        [UTF8PROC_CATEGORY_SC] = UCHAR_SYMBOL,
        [UTF8PROC_CATEGORY_SK] = UCHAR_SYMBOL,
        [UTF8PROC_CATEGORY_SO] = UCHAR_SYMBOL,
    };
    return of >= 0 && (size_t)of < sizeof of_category ? of_category[of] : 0;
}

static unsigned bits(uint32_t c)
{
    if (is_ideograph(c))
        return UCHAR_LETTER;
    return bits_of_category(category(c)) | (uchar_is_space(c) ? UCHAR_SPACE : 0u);
}

#define L UCHAR_LETTER
#define N UCHAR_NUMBER
#define W UCHAR_SPACE
#define P UCHAR_PUNCT
#define S UCHAR_SYMBOL
const uint8_t uchar_ascii[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, W, W, W, W, W, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* controls */
    W, P, P, P, S, P, P, P, P, P, P, S, P, P, P, P, N, N, N, N, N, N, N, N, N, N, P, P, S, S, S, P, /* space to ? */
    P, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, P, P, P, S, P, /* @ to _ */
    S, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, P, S, P, S, 0, /* ` to DEL */
};
#undef L
#undef N
#undef W
#undef P
#undef S

uint32_t uchar_decode(const char *s, size_t *width)
{
    const unsigned char *b = (const unsigned char *)s;
    *width = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    switch (*width) {
    case 1: return b[0];
    case 2: return (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
    case 3: return (b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
    default: return (b[0] & 7u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
    }
}

unsigned uchar_bits_at(const char *s, size_t n, size_t at, size_t *width)
{
    unsigned char first = (unsigned char)s[at];
    assert(at < n);
    *width = 1;
    return first < 0x80 ? uchar_ascii[first] : bits(uchar_decode(s + at, width));
}

bool uchar_is_numeric(uint32_t c)
{
    static const struct uchar_range later[] = { { 0x11de0, 0x11de9 }, { 0x16ff4, 0x16ff6 } };
    if (c < 0x80)
        return c >= '0' && c <= '9';
    return bits(c) & UCHAR_NUMBER || UCHAR_IN(later, c);
}

bool uchar_is_punctuation(uint32_t c)
{
    static const struct uchar_range only_there[] = { { 0x166d, 0x166d }, { 0x111c9, 0x111c9 } };
    static const struct uchar_range not_there[] = {
        // clang-format off
        { 0x61d, 0x61d }, { 0x9fd, 0x9fd }, { 0xa76, 0xa76 }, { 0xc77, 0xc77 }, { 0xc84, 0xc84 }, { 0x1b7d, 0x1b7e },
        { 0x2e43, 0x2e4f }, { 0x2e52, 0x2e5d }, { 0x10ead, 0x10ead }, { 0x10f55, 0x10f59 }, { 0x10f86, 0x10f89 },
        { 0x1144b, 0x1144f }, { 0x1145a, 0x1145b }, { 0x1145d, 0x1145d }, { 0x11660, 0x1166c }, { 0x116b9, 0x116b9 },
        { 0x1183b, 0x1183b }, { 0x11944, 0x11946 }, { 0x119e2, 0x119e2 }, { 0x11a3f, 0x11a46 }, { 0x11a9a, 0x11a9c },
        { 0x11a9e, 0x11aa2 }, { 0x11b00, 0x11b09 }, { 0x11c41, 0x11c45 }, { 0x11c70, 0x11c71 }, { 0x11ef7, 0x11ef8 },
        { 0x11f43, 0x11f4f }, { 0x11fff, 0x11fff }, { 0x12ff1, 0x12ff2 }, { 0x16e97, 0x16e9a }, { 0x16fe2, 0x16fe2 },
        { 0x1e95e, 0x1e95f },
        // clang-format on
    };
    if (c < 0x80)
        return uchar_ascii[c] & (UCHAR_PUNCT | UCHAR_SYMBOL);
    if (is_ideograph(c))
        return false;
    bool is = bits_of_category((int)utf8proc_category((utf8proc_int32_t)c)) & UCHAR_PUNCT;
    return (is && !UCHAR_IN(not_there, c)) || UCHAR_IN(only_there, c);
}

bool uchar_is_word(uint32_t c)
{
    /* Join_Control, and what is Alphabetic but no letter, mark or number */
    static const struct uchar_range others[] = {
        { 0x200c, 0x200d }, { 0x24b6, 0x24e9 }, { 0x1f130, 0x1f149 }, { 0x1f150, 0x1f169 }, { 0x1f170, 0x1f189 }
    };
    int of = category(c);
    return bits_of_category(of) & (UCHAR_LETTER | UCHAR_MARK) || of == UTF8PROC_CATEGORY_ND ||
           of == UTF8PROC_CATEGORY_NL || of == UTF8PROC_CATEGORY_PC || UCHAR_IN(others, c);
}

/* Scanners of DeepSeek's first tokenizer: runs of characters out of fixed sets. */
#include "model/pretoken_scan_runs.h"
#include "model/uchar.h"

static const struct uchar_range letters[] = {
    // clang-format off
    { 0x41, 0x5a }, { 0x61, 0x7a }, { 0xb5, 0xb5 }, { 0xc0, 0xd6 }, { 0xd8, 0xf6 }, { 0xf8, 0x1ba }, { 0x1bc, 0x1bf },
    { 0x1c4, 0x293 }, { 0x295, 0x2af }, { 0x370, 0x373 }, { 0x376, 0x377 }, { 0x37b, 0x37d }, { 0x37f, 0x37f },
    { 0x386, 0x386 }, { 0x388, 0x38a }, { 0x38c, 0x38c }, { 0x38e, 0x3a1 }, { 0x3a3, 0x3f5 }, { 0x3f7, 0x481 },
    { 0x48a, 0x52f }, { 0x531, 0x556 }, { 0x10a0, 0x10c5 }, { 0x13a0, 0x13f5 }, { 0x13f8, 0x13fd },
    { 0x1c90, 0x1cba }, { 0x1cbd, 0x1cbf }, { 0x1d00, 0x1d2b }, { 0x1d6b, 0x1d77 }, { 0x1d79, 0x1d9a },
    { 0x1e00, 0x1f15 }, { 0x1f18, 0x1f1d }, { 0x1f20, 0x1f45 }, { 0x1f48, 0x1f4d }, { 0x1f50, 0x1f57 },
    { 0x1f59, 0x1f59 }, { 0x1f5b, 0x1f5b }, { 0x1f5d, 0x1f5d }, { 0x1f5f, 0x1f7d }, { 0x1f80, 0x1fb4 },
    { 0x1fb6, 0x1fbc }, { 0x1fbe, 0x1fbe }, { 0x1fc2, 0x1fc4 }, { 0x1fc6, 0x1fcc }, { 0x1fd0, 0x1fd3 },
    { 0x1fd6, 0x1fdb }, { 0x1fe0, 0x1fec }, { 0x1ff2, 0x1ff4 }, { 0x1ff6, 0x1ffc }, { 0x2102, 0x2102 },
    { 0x2107, 0x2107 }, { 0x210a, 0x2113 }, { 0x2115, 0x2115 }, { 0x2119, 0x211d }, { 0x2124, 0x2124 },
    { 0x2126, 0x2126 }, { 0x2128, 0x2128 }, { 0x212a, 0x212d }, { 0x212f, 0x2134 }, { 0x2139, 0x2139 },
    { 0x213c, 0x213f }, { 0x2145, 0x2149 }, { 0x214e, 0x214e }, { 0x2183, 0x2184 }, { 0x2c00, 0x2c7b },
    { 0x2c7e, 0x2ce4 }, { 0x2ceb, 0x2cee }, { 0x2cf2, 0x2cf3 }, { 0xa640, 0xa66d }, { 0xa680, 0xa69b },
    { 0xa722, 0xa76f }, { 0xa771, 0xa787 }, { 0xa78b, 0xa78e }, { 0xab70, 0xabbf }, { 0xfb00, 0xfb06 },
    { 0xfb13, 0xfb17 }, { 0xff21, 0xff3a }, { 0xff41, 0xff5a }, { 0x10400, 0x1044f }, { 0x104b0, 0x104d3 },
    { 0x104d8, 0x104fb }, { 0x10c80, 0x10cb2 }, { 0x10cc0, 0x10cf2 }, { 0x118a0, 0x118df }, { 0x1e900, 0x1e943 },
    // clang-format on
};

static const struct uchar_range marks[] = {
    // clang-format off
    { 0x21, 0x2f }, { 0x3a, 0x7e }, { 0x2018, 0x201f }, { 0x3000, 0x3002 }, { 0xff01, 0xff0f }, { 0xff1a, 0xff5e },
    // clang-format on
};

static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    return !(c >= 0x3000 && c < 0xa640) && UCHAR_IN(letters, c);
}

static bool is_mark(uint32_t c)
{
    if (c < 0x80)
        return c >= '!' && c <= '~' && !(c >= '0' && c <= '9');
    bool far = c > 0x3002 && c < 0xff01; /* most characters of a Chinese text */
    return !far && UCHAR_IN(marks, c);
}

static bool is_han(uint32_t c)
{
    return (c >= 0x800 && c <= 0x9fa5) || (c >= 0xac00 && c <= 0xd7ff);
}

/* A set, and whether the ideographs U+5000 .. U+8FFF, most of a Chinese text, are in it. */
struct set {
    bool (*is)(uint32_t);
    bool has_ideographs;
};

static bool is_at(const struct set *set, const char *s, size_t *width)
{
    unsigned char lead = (unsigned char)*s;
    if (lead >= 0xe5 && lead <= 0xe8) {
        *width = 3;
        return set->has_ideographs;
    }
    return set->is(uchar_decode(s, width));
}

/* The next run of characters of a set. */
static bool next_run(const char *s, size_t n, size_t from, const struct set *set, struct span *found)
{
    size_t width;
    for (size_t at = from; at < n; at += width) {
        if (!is_at(set, s + at, &width))
            continue;
        found->from = at;
        while (at < n && is_at(set, s + at, &width))
            at += width;
        found->to = at;
        return true;
    }
    return false;
}

/* White space before the run, one character at most, belongs to it, unless it is behind another match. */
static void take_space(const char *s, size_t n, size_t from, struct span *found)
{
    size_t before = found->from, width;
    if (before == from)
        return;
    do
        before--;
    while (before > from && ((unsigned char)s[before] & 0xc0) == 0x80);
    if (uchar_bits_at(s, n, before, &width) & UCHAR_SPACE)
        found->from = before;
}

bool pretoken_scan_runs_letters(const char *s, size_t n, size_t from, struct span *found)
{
    if (!next_run(s, n, from, &(struct set){ is_letter, false }, found))
        return false;
    take_space(s, n, from, found);
    return true;
}

/* U+3000 is white space and a mark: a run may begin with white space that it would take anyway. */
bool pretoken_scan_runs_marks(const char *s, size_t n, size_t from, struct span *found)
{
    if (!next_run(s, n, from, &(struct set){ is_mark, false }, found))
        return false;
    take_space(s, n, from, found);
    return true;
}

bool pretoken_scan_runs_han(const char *s, size_t n, size_t from, struct span *found)
{
    while (from < n && (unsigned char)s[from] < 0xe0) /* the set begins at U+0800, where characters have 3 bytes */
        from++;
    return next_run(s, n, from, &(struct set){ is_han, true }, found);
}

/* \s+$: of a run of white space, as much as ends at the end of the text or before its last line feed. */
bool pretoken_scan_runs_line_end(const char *s, size_t n, size_t from, struct span *found)
{
    for (size_t at = from, width = 1; at < n; at += width) {
        if (s[at] > ' ') { /* printed ASCII */
            width = 1;
            continue;
        }
        if (!(uchar_bits_at(s, n, at, &width) & UCHAR_SPACE))
            continue;
        size_t end = at, feed = 0;
        for (; end < n && uchar_bits_at(s, n, end, &width) & UCHAR_SPACE; end += width)
            feed = s[end] == '\n' && end > at ? end : feed;
        *found = (struct span){ at, end == n ? n : feed };
        if (end == n || feed > 0)
            return true;
        at = end;
        width = 0;
    }
    return false;
}

#include "model/late.h"
#include <string.h>
#include <utf8proc.h>

enum late { LU, LL, LM, LO, ND, NO, P, M, S, CF };

/* Of 3 bytes (below U+10000) and of 4 bytes; general categories Lu Ll Lm Lo Nd No Po Mn So Cf. */
static const char *const stand_ins[][2] = {
    [LU] = { "\xea\x99\x80", "\xf0\x90\x90\x80" }, /* U+A640 U+10400 */
    [LL] = { "\xea\x99\x81", "\xf0\x90\x90\xa8" }, /* U+A641 U+10428 */
    [LM] = { "\xea\x9c\x97", "\xf0\x96\xad\x80" }, /* U+A717 U+16B40 */
    [LO] = { "\xea\x93\x90", "\xf0\x90\x8a\x80" }, /* U+A4D0 U+10280 */
    [ND] = { "\xe0\xa5\xa6", "\xf0\x9d\x9f\x8e" }, /* U+0966 U+1D7CE */
    [NO] = { "\xe2\x91\xa0", "\xf0\x90\x84\x87" }, /* U+2460 U+10107 */
    [P] = { "\xe3\x80\x81", "\xf0\x90\x84\x80" },  /* U+3001 U+10100 */
    [M] = { "\xe3\x80\xaa", "\xf0\x90\x87\xbd" },  /* U+302A U+101FD */
    [S] = { "\xe2\x8c\x80", "\xf0\x9f\x8c\x80" },  /* U+2300 U+1F300 */
    [CF] = { "\xe2\x80\x8b", NULL },               /* U+200B */
};

/* Printed by tests/fixtures/tokenizer/late.py from tokenizers 0.23 against Unicode 14; sorted. */
static const struct range {
    uint32_t first, last;
    enum late kind;
} ranges[] = {
    // clang-format off
    { 0x0897, 0x0897, M }, { 0x0cf3, 0x0cf3, M }, { 0x0ece, 0x0ece, M }, { 0x180e, 0x180e, CF },
    { 0x1b4e, 0x1b4f, P }, { 0x1b7f, 0x1b7f, P }, { 0x1c89, 0x1c89, LU }, { 0x1c8a, 0x1c8a, LL },
    { 0x2427, 0x2429, S }, { 0x2ffc, 0x2fff, S }, { 0x31e4, 0x31e5, S }, { 0x31ef, 0x31ef, S },
    { 0xa7cb, 0xa7cc, LU }, { 0xa7cd, 0xa7cd, LL }, { 0xa7da, 0xa7da, LU }, { 0xa7db, 0xa7db, LL },
    { 0xa7dc, 0xa7dc, LU }, { 0x105c0, 0x105f3, LO }, { 0x10d40, 0x10d49, ND }, { 0x10d4a, 0x10d4d, LO },
    { 0x10d4e, 0x10d4e, LM }, { 0x10d4f, 0x10d4f, LO }, { 0x10d50, 0x10d65, LU }, { 0x10d69, 0x10d6d, M },
    { 0x10d6e, 0x10d6e, P }, { 0x10d6f, 0x10d6f, LM }, { 0x10d70, 0x10d85, LL }, { 0x10d8e, 0x10d8f, S },
    { 0x10ec2, 0x10ec4, LO }, { 0x10efc, 0x10eff, M }, { 0x1123f, 0x11240, LO }, { 0x11241, 0x11241, M },
    { 0x11380, 0x11389, LO }, { 0x1138b, 0x1138b, LO }, { 0x1138e, 0x1138e, LO }, { 0x11390, 0x113b5, LO },
    { 0x113b7, 0x113b7, LO }, { 0x113b8, 0x113c0, M }, { 0x113c2, 0x113c2, M }, { 0x113c5, 0x113c5, M },
    { 0x113c7, 0x113ca, M }, { 0x113cc, 0x113d0, M }, { 0x113d1, 0x113d1, LO }, { 0x113d2, 0x113d2, M },
    { 0x113d3, 0x113d3, LO }, { 0x113d4, 0x113d5, P }, { 0x113d7, 0x113d8, P }, { 0x113e1, 0x113e2, M },
    { 0x116d0, 0x116e3, ND }, { 0x11b00, 0x11b09, P }, { 0x11bc0, 0x11be0, LO }, { 0x11be1, 0x11be1, P },
    { 0x11bf0, 0x11bf9, ND }, { 0x11f00, 0x11f01, M }, { 0x11f02, 0x11f02, LO }, { 0x11f03, 0x11f03, M },
    { 0x11f04, 0x11f10, LO }, { 0x11f12, 0x11f33, LO }, { 0x11f34, 0x11f3a, M }, { 0x11f3e, 0x11f42, M },
    { 0x11f43, 0x11f4f, P }, { 0x11f50, 0x11f59, ND }, { 0x11f5a, 0x11f5a, M }, { 0x1342f, 0x1342f, LO },
    { 0x13440, 0x13440, M }, { 0x13441, 0x13446, LO }, { 0x13447, 0x13455, M }, { 0x13460, 0x143fa, LO },
    { 0x16100, 0x1611d, LO }, { 0x1611e, 0x1612f, M }, { 0x16130, 0x16139, ND }, { 0x16d40, 0x16d42, LM },
    { 0x16d43, 0x16d6a, LO }, { 0x16d6b, 0x16d6c, LM }, { 0x16d6d, 0x16d6f, P }, { 0x16d70, 0x16d79, ND },
    { 0x18cff, 0x18cff, LO }, { 0x1b132, 0x1b132, LO }, { 0x1b155, 0x1b155, LO }, { 0x1cc00, 0x1ccef, S },
    { 0x1ccf0, 0x1ccf9, ND }, { 0x1cd00, 0x1ceb3, S }, { 0x1d2c0, 0x1d2d3, NO }, { 0x1df25, 0x1df2a, LL },
    { 0x1e030, 0x1e06d, LM }, { 0x1e08f, 0x1e08f, M }, { 0x1e4d0, 0x1e4ea, LO }, { 0x1e4eb, 0x1e4eb, LM },
    { 0x1e4ec, 0x1e4ef, M }, { 0x1e4f0, 0x1e4f9, ND }, { 0x1e5d0, 0x1e5ed, LO }, { 0x1e5ee, 0x1e5ef, M },
    { 0x1e5f0, 0x1e5f0, LO }, { 0x1e5f1, 0x1e5fa, ND }, { 0x1e5ff, 0x1e5ff, P }, { 0x1f6dc, 0x1f6dc, S },
    { 0x1f774, 0x1f776, S }, { 0x1f77b, 0x1f77f, S }, { 0x1f7d9, 0x1f7d9, S }, { 0x1f8b2, 0x1f8bb, S },
    { 0x1f8c0, 0x1f8c1, S }, { 0x1fa75, 0x1fa77, S }, { 0x1fa87, 0x1fa89, S }, { 0x1fa8f, 0x1fa8f, S },
    { 0x1faad, 0x1faaf, S }, { 0x1fabb, 0x1fabf, S }, { 0x1fac6, 0x1fac6, S }, { 0x1face, 0x1facf, S },
    { 0x1fada, 0x1fadc, S }, { 0x1fadf, 0x1fadf, S }, { 0x1fae8, 0x1fae9, S }, { 0x1faf7, 0x1faf8, S },
    { 0x1fbcb, 0x1fbef, S }, { 0x2b739, 0x2b739, LO }, { 0x2ebf0, 0x2ee5d, LO }, { 0x31350, 0x323af, LO },
    // clang-format on
};

/* The range of a code point; NULL: it is not late. */
static const struct range *find(uint32_t codepoint)
{
    size_t low = 0, high = sizeof ranges / sizeof *ranges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (codepoint > ranges[middle].last)
            low = middle + 1;
        else if (codepoint < ranges[middle].first)
            high = middle;
        else
            return &ranges[middle];
    }
    return NULL;
}

static const char *stand_in(uint32_t codepoint)
{
    const struct range *r = find(codepoint);
    return r ? stand_ins[r->kind][codepoint >= 0x10000] : NULL;
}

int late_category(uint32_t codepoint)
{
    static const int categories[] = {
        [LU] = UTF8PROC_CATEGORY_LU, [LL] = UTF8PROC_CATEGORY_LL, [LM] = UTF8PROC_CATEGORY_LM,
        [LO] = UTF8PROC_CATEGORY_LO, [ND] = UTF8PROC_CATEGORY_ND, [NO] = UTF8PROC_CATEGORY_NO,
        [P] = UTF8PROC_CATEGORY_PO,  [M] = UTF8PROC_CATEGORY_MN,  [S] = UTF8PROC_CATEGORY_SO,
        [CF] = UTF8PROC_CATEGORY_CF,
    };
    const struct range *r = find(codepoint);
    return r ? categories[r->kind] : -1;
}

const char *late_shadow(const char *s, size_t n, struct text *shadow)
{
    bool found = false;
    for (size_t i = 0; i < n;) {
        uint32_t codepoint = 0;
        if ((unsigned char)s[i] < 0xe0) { /* all late characters have 3 bytes or more */
            i++;
            continue;
        }
        size_t length = (size_t)text_utf8(s + i, n - i, &codepoint);
        const char *other = stand_in(codepoint);
        if (other && !found) {
            text_clear(shadow);
            text_addn(shadow, s, n);
            found = true;
        }
        if (other)
            memcpy(shadow->s + i, other, length);
        i += length;
    }
    return found ? shadow->s : s;
}

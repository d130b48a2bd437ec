#include "model/pretoken_scan.h"
#include "model/pretoken_match.h"
#include "model/pretoken_scan_runs.h"
#include "model/uchar.h"
#include <string.h>

#define WORD (UCHAR_LETTER | UCHAR_NUMBER)

/* uchar_bits_at(), where most characters are told by their first byte. */
static unsigned bits_at(const char *s, size_t n, size_t at, size_t *width)
{
    unsigned char lead = (unsigned char)s[at];
    if (lead < 0x80) {
        *width = 1;
        return uchar_ascii[lead];
    }
    if (lead >= 0xe5 && lead <= 0xe9) { /* ideographs, U+5000 .. U+9FFF */
        *width = 3;
        return UCHAR_LETTER;
    }
    return uchar_bits_at(s, n, at, width);
}

/* The end of the run, from `at`, of characters that have one of the bits. */
static size_t run_with(const char *s, size_t n, size_t at, unsigned bits)
{
    size_t width;
    while (at < n && bits_at(s, n, at, &width) & bits)
        at += width;
    return at;
}

/* The same for characters that have none of them. */
static size_t run_without(const char *s, size_t n, size_t at, unsigned bits)
{
    size_t width;
    while (at < n && !(bits_at(s, n, at, &width) & bits))
        at += width;
    return at;
}

/* \s+(?!\S)|\s+ at white space: all of it at the end of the text, else all but the last character, but at least one. */
static size_t spaces(const char *s, size_t n, size_t from)
{
    size_t at = from, last = from, width;
    while (at < n && bits_at(s, n, at, &width) & UCHAR_SPACE) {
        last = at;
        at += width;
    }
    return at == n || last == from ? at : last;
}

/* 's 't 're 've 'm 'll 'd at an apostrophe; 0: none of them. */
static size_t contraction(const char *s, size_t n, size_t from)
{
    char a = from + 1 < n ? s[from + 1] : 0, b = from + 2 < n ? s[from + 2] : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return from + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return from + 3;
    return 0;
}

/* The same whatever the case; U+017F is an s then. */
static size_t contraction_any(const char *s, size_t n, size_t from)
{
    char folded[3] = { '\'', 0, 0 };
    if (from + 2 < n && memcmp(s + from + 1, "\xc5\xbf", 2) == 0)
        return from + 3;
    for (size_t i = 1; i < 3 && from + i < n; i++) {
        char c = s[from + i];
        folded[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    size_t end = contraction(folded, 3, 0);
    return end > 0 && from + end <= n ? from + end : 0;
}

static size_t gpt2(const char *s, size_t n, size_t from)
{
    size_t width, at = from;
    if (s[from] == '\'' && contraction(s, n, from) > 0)
        return contraction(s, n, from);
    unsigned bits = bits_at(s, n, from, &width);
    if (bits & UCHAR_SPACE) {
        if (s[from] != ' ' || from + 1 == n)
            return spaces(s, n, from);
        at = from + 1;
        bits = bits_at(s, n, at, &width);
        if (bits & UCHAR_SPACE)
            return spaces(s, n, from);
    }
    at += width;
    if (bits & UCHAR_LETTER)
        return run_with(s, n, at, UCHAR_LETTER);
    if (bits & UCHAR_NUMBER)
        return run_with(s, n, at, UCHAR_NUMBER);
    return run_without(s, n, at, UCHAR_SPACE | WORD);
}

static bool is_break(char c)
{
    return c == '\r' || c == '\n';
}

/* White space for the last three branches of Llama 3: up to and with the last line break of the run, if it has one. */
static size_t spaces_to_break(const char *s, size_t n, size_t from)
{
    size_t at = from, found = 0, width;
    while (at < n && bits_at(s, n, at, &width) & UCHAR_SPACE) {
        found = is_break(s[at]) ? at + 1 : found;
        at += width;
    }
    return found ? found : spaces(s, n, from);
}

static size_t marks_and_breaks(const char *s, size_t n, size_t from)
{
    size_t at = run_without(s, n, from, UCHAR_SPACE | WORD);
    while (at < n && is_break(s[at]))
        at++;
    return at;
}

static size_t modern(const char *s, size_t n, size_t from, size_t max_digits)
{
    size_t width, next_width, end;
    if (s[from] == '\'' && (end = contraction_any(s, n, from)) > 0)
        return end;
    unsigned bits = bits_at(s, n, from, &width);
    if (bits & UCHAR_LETTER)
        return run_with(s, n, from + width, UCHAR_LETTER);
    if (bits & UCHAR_NUMBER) {
        end = from + width;
        for (size_t i = 1; i < max_digits && end < n && bits_at(s, n, end, &width) & UCHAR_NUMBER; i++)
            end += width;
        return end;
    }
    unsigned next = from + width < n ? bits_at(s, n, from + width, &next_width) : UCHAR_SPACE;
    if (next & UCHAR_LETTER && !is_break(s[from]))
        return run_with(s, n, from + width, UCHAR_LETTER);
    if (!(bits & UCHAR_SPACE) || (s[from] == ' ' && !(next & (UCHAR_SPACE | WORD))))
        return marks_and_breaks(s, n, from + width);
    return spaces_to_break(s, n, from);
}

static size_t llama3(const char *s, size_t n, size_t from)
{
    return modern(s, n, from, 3);
}

static size_t qwen2(const char *s, size_t n, size_t from)
{
    return modern(s, n, from, 1);
}

static bool is_bloom_word(const char *s, size_t n, size_t at, size_t *width)
{
    static const char *const others[] = { "\xe2\x80\xa6", "\xe3\x80\x82", "\xef\xbc\x8c", "\xe3\x80\x81",
                                          "\xe0\xa5\xa4", "\xdb\x94",     "\xd8\x8c" };
    if (bits_at(s, n, at, width) & UCHAR_SPACE)
        return false;
    if (*width == 1)
        return !strchr("(|.,!?)", s[at]) || !s[at];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i]) == *width && memcmp(s + at, others[i], *width) == 0)
            return false;
    return true;
}

static bool bloom(const char *s, size_t n, size_t from, struct span *found)
{
    size_t width;
    for (size_t at = from; at < n; at += width) {
        if (!is_bloom_word(s, n, at, &width))
            continue;
        found->from = at > from && s[at - 1] == ' ' ? at - 1 : at;
        while (at < n && is_bloom_word(s, n, at, &width))
            at += width;
        found->to = at;
        return true;
    }
    return false;
}

static bool three_digits(const char *s, size_t n, size_t from, struct span *found)
{
    size_t run = 0;
    for (size_t at = from; at < n; at++) {
        run = s[at] >= '0' && s[at] <= '9' ? run + 1 : 0;
        if (run == 3) {
            *found = (struct span){ at - 2, at + 1 };
            return true;
        }
    }
    return false;
}

static bool breaks(const char *s, size_t n, size_t from, struct span *found)
{
    for (size_t at = from; at < n; at++)
        if (is_break(s[at])) {
            *found = (struct span){ at, at + 1 };
            return true;
        }
    return false;
}

const struct scanner *pretoken_scan_find(const char *regex)
{
    static const struct scanner scanners[] = {
        { .regex = pretoken_gpt2, .end = gpt2 },
        { .regex = SCAN_LLAMA3, .end = llama3 },
        { .regex = SCAN_QWEN2, .end = qwen2 },
        { .regex = SCAN_BLOOM, .next = bloom },
        { .regex = SCAN_THREE_DIGITS, .next = three_digits, .wants = BYTE_NUMBER, .is_bytewise = true },
        { .regex = SCAN_BREAKS, .next = breaks, .wants = BYTE_BREAK },
        { .regex = "[\\r\\n]", .next = breaks, .wants = BYTE_BREAK },
        { .regex = SCAN_LINE_END, .next = pretoken_scan_runs_line_end, .wants = BYTE_SPACE | BYTE_BREAK | BYTE_WIDE },
        { .regex = SCAN_DEEPSEEK_LETTERS, .next = pretoken_scan_runs_letters, .wants = BYTE_LETTER | BYTE_WIDE },
        { .regex = SCAN_DEEPSEEK_MARKS,
          .next = pretoken_scan_runs_marks,
          .wants = BYTE_LETTER | BYTE_MARK | BYTE_WIDE },
        { .regex = SCAN_DEEPSEEK_HAN, .next = pretoken_scan_runs_han, .wants = BYTE_WIDE },
    };
    for (size_t i = 0; i < sizeof scanners / sizeof *scanners; i++)
        if (strcmp(scanners[i].regex, regex) == 0)
            return &scanners[i];
    return NULL;
}

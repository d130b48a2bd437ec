#include "decode/answer.h"
#include "base/err.h"
#include <string.h>

#define MOST_DIGITS 64 /* of a number that is read as one */

/* ASCII only, whatever the locale. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool add_trimmed(struct text *out, const char *s, size_t n)
{
    while (n > 0 && is_space(s[n - 1]))
        n--;
    while (n > 0 && is_space(*s)) {
        s++;
        n--;
    }
    text_addn(out, s, n);
    return n > 0;
}

static bool find_text(const char *s, size_t n, struct text *out)
{
    return add_trimmed(out, s, n);
}

static bool find_line(const char *s, size_t n, struct text *out)
{
    while (n > 0 && is_space(s[n - 1]))
        n--;
    size_t from = n;
    while (from > 0 && s[from - 1] != '\n')
        from--;
    return add_trimmed(out, s + from, n - from);
}

static bool find_boxed(const char *s, size_t n, struct text *out)
{
    static const char mark[] = "\\boxed{";
    size_t length = sizeof mark - 1;
    for (size_t at = n >= length ? n - length + 1 : 0; at-- > 0;) {
        if (memcmp(s + at, mark, length) != 0)
            continue;
        size_t from = at + length, depth = 1, end = from;
        for (; end < n && depth > 0; end++)
            depth += (s[end] == '{') - (size_t)(s[end] == '}');
        if (depth == 0)
            return add_trimmed(out, s + from, end - 1 - from);
    }
    return false;
}

/* The digits of s[from, n) with their point; commas between digits are left out. */
static size_t read_digits(const char *s, size_t n, size_t from, char digits[MOST_DIGITS + 2], size_t *n_digits)
{
    bool point = false;
    size_t at = from;
    for (; at < n && *n_digits < MOST_DIGITS; at++) {
        bool between = at > from && at + 1 < n && is_digit(s[at - 1]) && is_digit(s[at + 1]);
        if (is_digit(s[at]))
            digits[(*n_digits)++] = s[at];
        else if (s[at] == '.' && !point && between)
            digits[(*n_digits)++] = s[at];
        else if (s[at] != ',' || !between || point)
            break;
        point |= s[at] == '.';
    }
    return at;
}

static bool find_number(const char *s, size_t n, struct text *out)
{
    char digits[MOST_DIGITS + 2];
    double value = 0;
    bool found = false;
    for (size_t at = 0; at < n; at++) {
        if (!is_digit(s[at]) || (at > 0 && is_word(s[at - 1])))
            continue;
        bool negative = at > 0 && s[at - 1] == '-' && (at == 1 || !is_word(s[at - 2]));
        size_t length = 0;
        digits[length++] = negative ? '-' : '0';
        at = read_digits(s, n, at, digits, &length);
        digits[length] = '\0';
        found |= text_real(digits, &value);
    }
    if (found)
        text_add_real(out, value + 0.0); /* -0 is 0 */
    return found;
}

static bool find_letter(const char *s, size_t n, struct text *out)
{
    for (size_t at = n; at-- > 0;) {
        bool alone = (at == 0 || !is_word(s[at - 1])) && (at + 1 == n || !is_word(s[at + 1]));
        bool apostrophe = (at > 0 && s[at - 1] == '\'') || (at + 1 < n && s[at + 1] == '\'');
        if (s[at] >= 'A' && s[at] <= 'Z' && alone && !apostrophe) {
            text_addn(out, s + at, 1);
            return true;
        }
    }
    return false;
}

static const struct answer_type types[] = {
    { "text", "all of the text", find_text },
    { "line", "the last line", find_line },
    { "number", "the last number", find_number },
    { "boxed", "what the last \\boxed{} holds", find_boxed },
    { "letter", "the last capital that stands alone", find_letter },
};

const struct answer_type *answer_types(size_t *n)
{
    *n = sizeof types / sizeof *types;
    return types;
}

const struct answer_type *answer_type(const char *name)
{
    enum { N = sizeof types / sizeof *types };
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
        names[i] = types[i].name;
    }
    err_unknown(ERR_USAGE, "answer", name, names, N);
    return NULL;
}

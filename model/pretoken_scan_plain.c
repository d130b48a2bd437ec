#include "model/pretoken_scan_plain.h"
#include <stdbool.h>

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c <= ' '; /* of plain ASCII */
}

size_t pretoken_scan_plain_deepseek(const char *s, size_t n, size_t from)
{
    size_t at = from;
    while (at < n && is_space(s[at]))
        at++;
    bool begins_run = at < n && !is_digit(s[at]);
    if (at > from + begins_run)
        return at - begins_run;
    if (at == from && is_digit(s[at]))
        return at + 1;
    if (at < n && is_letter(s[at])) {
        while (at < n && is_letter(s[at]))
            at++;
    } else {
        while (at < n && !is_space(s[at]) && !is_digit(s[at]) && !is_letter(s[at]))
            at++;
    }
    return at;
}

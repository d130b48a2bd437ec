#include "decode/stop.h"
#include "base/err.h"
#include <string.h>

int stop_valid(const struct stop *s)
{
    for (size_t i = 0; i < s->n_strings; i++)
        if (!s->strings[i] || !s->strings[i][0])
            return err_set(ERR_USAGE, "stop string %zu is empty, want at least one character", i + 1);
    return 0;
}

static void cut(struct hyp *h, size_t n)
{
    if (n < h->text.len) {
        h->text.len = n;
        h->text.s[n] = '\0';
    }
}

/* The earliest beginning of a stop string that ends exactly at byte `end`; end itself when none does. */
static size_t begin_of_match(const struct stop *s, const struct text *t, size_t end)
{
    size_t begin = end;
    for (size_t i = 0; i < s->n_strings; i++) {
        size_t n = strlen(s->strings[i]);
        if (n <= end && end - n < begin && memcmp(t->s + end - n, s->strings[i], n) == 0)
            begin = end - n;
    }
    return begin;
}

/* Whether a stop string ends in the bytes (from, to]; then *begin is where the text has to end. */
static bool find_string(const struct stop *s, const struct text *t, size_t from, size_t to, size_t *begin)
{
    for (size_t end = from + 1; end <= to; end++) {
        *begin = begin_of_match(s, t, end);
        if (*begin < end)
            return true;
    }
    return false;
}

/* Where the first `chars` characters end; SIZE_MAX when the text has fewer whole ones. */
static size_t end_of_chars(const struct text *t, uint32_t chars)
{
    size_t n = text_utf8_ready(text_s(t), t->len), at = 0;
    for (uint32_t seen = 0; seen < chars; seen++) {
        if (at >= n)
            return SIZE_MAX;
        int length = text_utf8(t->s + at, n - at, NULL);
        at += length > 0 ? (size_t)length : 1;
    }
    return at;
}

/* The byte at which a limit is reached; SIZE_MAX when none is. */
static size_t limit_of(const struct stop *s, const struct hyp *h)
{
    size_t at = SIZE_MAX;
    if (s->max_symbols > 0 && h->n_steps >= s->max_symbols)
        at = h->text.len;
    if (s->max_bytes > 0 && h->text.len >= s->max_bytes)
        at = s->max_bytes;
    if (s->max_chars > 0 && h->text.len >= s->max_chars) {
        size_t end = end_of_chars(&h->text, s->max_chars);
        at = end < at ? end : at;
    }
    return at;
}

void stop_check(const struct stop *s, const struct space *space, struct hyp *h)
{
    if (h->n_steps == 0 || h->end != HYP_OPEN)
        return;
    sym_t last = h->steps[h->n_steps - 1].symbol;
    if (space_is_end(space, last)) {
        h->end = HYP_SYMBOL;
        return;
    }
    size_t added, begin, limit = limit_of(s, h);
    space_text(space, last, &added);
    if (find_string(s, &h->text, h->text.len - added, limit < h->text.len ? limit : h->text.len, &begin)) {
        h->end = HYP_STRING;
        cut(h, begin);
    } else if (limit < SIZE_MAX) {
        cut(h, limit);
        stop_limit(h);
    }
}

void stop_limit(struct hyp *h)
{
    cut(h, text_utf8_ready(text_s(&h->text), h->text.len));
    h->end = HYP_LIMIT;
}

/* Whether a stop string could begin at byte `from` and go on beyond the text. */
static bool may_begin(const struct stop *s, const struct text *t, size_t from)
{
    for (size_t i = 0; i < s->n_strings; i++)
        if (strlen(s->strings[i]) > t->len - from && memcmp(t->s + from, s->strings[i], t->len - from) == 0)
            return true;
    return false;
}

size_t stop_ready(const struct stop *s, const struct hyp *h)
{
    size_t len = h->text.len, longest = 0;
    if (h->end != HYP_OPEN)
        return len;
    for (size_t i = 0; i < s->n_strings; i++) {
        size_t n = strlen(s->strings[i]);
        longest = n > longest ? n : longest;
    }
    size_t from = longest > 0 && len >= longest ? len - longest + 1 : 0;
    while (longest > 0 && from < len && !may_begin(s, &h->text, from))
        from++;
    return text_utf8_ready(text_s(&h->text), longest > 0 ? from : len);
}

#include "ensemble/bytes_splits.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

/* Beyond single characters: contractions, runs of spaces, digits in groups, ends of lines, other alphabets. */
static const char *const probes[] = {
    "",
    " a",
    "  ",
    " \n",
    " 1",
    " !",
    " '",
    "  a",
    "\n\n",
    "\n a",
    "\na",
    "\r\n",
    "\n \n",
    "\t\t",
    "\ta",
    "11",
    "111",
    "1a",
    "'s",
    "'t",
    "'re",
    "'ve",
    "'m",
    "'ll",
    "'d",
    "'a",
    "re",
    "ve",
    "ll",
    "RE",
    "VE",
    "LL",
    "s ",
    "t ",
    "m ",
    "d ",
    "e ",
    "l ",
    "\xc3\xa9",
    "\xc2\xa0",
    "\xe4\xb8\xad",
    "!\n",
    ".\n",
    ". ",
    "\xe3\x80\x80",
    "\xcc\x81",
    "\xe2\x80\xa6",
    "\xd9\xa1",
    "\xf0\x9f\x98\x80",
    "\xe3\x80\x82",
    "\xe2\x80\x99s",
};

void bytes_splits_init(struct bytes_splits *s, const struct vocab *v)
{
    *s = (struct bytes_splits){ .is_uncut = vocab_view_is_uncut(v) };
    mem_grow(&s->cut, &s->cap_cuts, 1, sizeof *s->cut);
    mem_grow(&s->found.cut, &s->found.cap, 1, sizeof *s->found.cut);
}

void bytes_splits_fini(struct bytes_splits *s)
{
    free(s->way);
    free(s->cut);
    free(s->found.cut);
    text_free(&s->work);
}

size_t bytes_splits_partial(const uint8_t *text, size_t n)
{
    size_t back = 0;
    while (back < 3 && back < n && (text[n - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == n)
        return 0;
    uint8_t lead = text[n - 1 - back];
    size_t wants = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return back + 1 < wants ? back + 1 : 0;
}

bool bytes_splits_allows(const uint8_t *text, size_t n, uint8_t next)
{
    size_t partial = bytes_splits_partial(text, n);
    if (partial == 0)
        return next < 0x80 || (next >= 0xc2 && next <= 0xf4);
    uint8_t lead = text[n - partial], low = 0x80, high = 0xbf;
    if (partial == 1) {
        low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    }
    return next >= low && next <= high;
}

static bool same_cuts(const struct vocab_cut a[], const struct vocab_cut b[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].to != b[i].to || a[i].id != b[i].id)
            return false;
    return true;
}

static struct bytes_way *find_way(struct bytes_splits *s, size_t n, bool is_closed)
{
    for (size_t i = 0; i < s->n; i++) {
        struct bytes_way *w = &s->way[i];
        if (w->n == n && w->is_closed == is_closed && same_cuts(s->cut + w->first, s->found.cut, n))
            return w;
    }
    mem_grow(&s->way, &s->cap, s->n + 1, sizeof *s->way);
    mem_grow(&s->cut, &s->cap_cuts, s->n_cuts + n, sizeof *s->cut);
    struct bytes_way *w = &s->way[s->n++];
    *w = (struct bytes_way){ .first = s->n_cuts, .n = n, .is_closed = is_closed };
    for (size_t i = 0; i < n; i++)
        s->cut[s->n_cuts++] = s->found.cut[i];
    return w;
}

/* Cuts s->work, whose first n bytes are the text's; next: the byte behind them, or -1.  A way in which an added token lies
 * across the end is none: until it is complete, the text is cut otherwise. */
static int probe(struct bytes_splits *s, struct vocab *v, size_t n, int next)
{
    size_t kept = 0;
    TRY(vocab_view_cuts(v, text_s(&s->work), s->work.len, &s->found));
    while (kept < s->found.n && s->found.cut[kept].to <= n)
        kept++;
    if (kept < s->found.n && s->found.cut[kept].id >= 0 && (kept == 0 ? 0 : s->found.cut[kept - 1].to) < n)
        return 0;
    bool is_closed = kept > 0 && s->found.cut[kept - 1].to == n;
    struct bytes_way *w = find_way(s, kept, is_closed);
    w->is_final |= next < 0;
    w->is_open |= next >= 0;
    if (next >= 0 && is_closed)
        s->may_cut[next] = true;
    return 0;
}

static int probe_with(struct bytes_splits *s, struct vocab *v, size_t n, const char *more)
{
    size_t m = strlen(more);
    s->work.len = n;
    text_addn(&s->work, more, m);
    return probe(s, v, n, m > 0 ? (unsigned char)*more : -1);
}

/* The ways of a text that ends within a character: all completions by one byte, samples of those by more. */
static int probe_partial(struct bytes_splits *s, struct vocab *v, size_t n, const uint8_t *text)
{
    static const uint8_t samples[] = { 0x80, 0x81, 0x99, 0xa0, 0xa8, 0xb5, 0xbf };
    size_t partial = bytes_splits_partial(text, n);
    uint8_t lead = text[n - partial];
    size_t wants = (lead >= 0xf0 ? 4u : lead >= 0xe0 ? 3u : 2u) - partial, n_last = wants > 1 ? sizeof samples : 1;
    for (unsigned c = 0x80; c < 0xc0; c++) {
        if (!bytes_splits_allows(text, n, (uint8_t)c))
            continue;
        for (size_t k = 0; k < n_last; k++) {
            char more[4] = { (char)c };
            for (size_t i = 1; i < wants; i++)
                more[i] = (char)samples[(k + i - 1) % sizeof samples];
            TRY(probe_with(s, v, n, more));
        }
    }
    return 0;
}

static bool begins_text(const uint8_t *text, size_t n)
{
    size_t partial = bytes_splits_partial(text, n);
    for (size_t i = 0; i + partial < n;) {
        int length = text_utf8((const char *)text + i, n - partial - i, NULL);
        if (length <= 0)
            return false;
        i += (size_t)length;
    }
    for (size_t i = n - partial; i < n; i++)
        if (!bytes_splits_allows(text, i, text[i]))
            return false;
    return true;
}

/* One piece, which may be a token as it stands where nothing follows. */
static void uncut(struct bytes_splits *s, const struct vocab *v, size_t n, bool ends)
{
    s->found.n = 0;
    struct bytes_way *w = find_way(s, 0, false);
    w->is_open = true;
    w->is_final = ends && !vocab_view_has_wholes(v);
    if (!ends || w->is_final)
        return;
    mem_grow(&s->found.cut, &s->found.cap, 1, sizeof *s->found.cut);
    s->found.cut[0] = (struct vocab_cut){ n, -1 };
    find_way(s, 1, true)->is_final = true;
}

int bytes_splits_find(struct bytes_splits *s, struct vocab *v, const uint8_t *text, size_t n)
{
    s->n = s->n_cuts = 0;
    memset(s->may_cut, 0, sizeof s->may_cut);
    if (!begins_text(text, n))
        return 0;
    size_t partial = bytes_splits_partial(text, n);
    if (s->is_uncut) {
        uncut(s, v, n, partial == 0);
        return 0;
    }
    text_clear(&s->work);
    text_addn(&s->work, text, n);
    if (partial > 0)
        return probe_partial(s, v, n, text);
    memset(s->may_cut + 0x80, true, 0x80);
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
        TRY(probe_with(s, v, n, probes[i]));
    for (char c = 1; c > 0 && c < 0x7f; c++)
        TRY(probe_with(s, v, n, (char[]){ c, 0 }));
    s->may_cut[0] = true;
    return 0;
}

#include "plots/svg.h"
#include <ctype.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

struct scan {
    const char *s, *end, *at;
    struct {
        const char *name;
        size_t n;
    } open[MAX_DEPTH];
    size_t depth;
    bool rooted; /* the root element was seen */
    struct text *why;
};

static bool wrong(struct scan *x, const char *what, const char *name, size_t n)
{
    text_addf(x->why, "byte %zu: %s '%.*s'", (size_t)(x->at - x->s), what, (int)(n < 40 ? n : 40), name);
    return false;
}

static bool is_element(const char *name, size_t n)
{
    static const char *const known[] = { "svg",    "title",       "desc",    "g",       "rect", "defs",
                                         "circle", "path",        "polygon", "filter",  "text", "tspan",
                                         "use",    "feComposite", "feFlood", "pattern", "line", "polyline" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == n && memcmp(known[i], name, n) == 0)
            return true;
    return false;
}

static size_t name_length(const struct scan *x)
{
    size_t n = 0;
    while (x->at + n < x->end && (isalnum((unsigned char)x->at[n]) || strchr("_:-", x->at[n])) && x->at[n])
        n++;
    return n;
}

/* Up to and past the text `end`. */
static bool skip_past(struct scan *x, const char *end)
{
    const char *found = memmem(x->at, (size_t)(x->end - x->at), end, strlen(end));
    if (!found)
        return wrong(x, "no end of", x->at, 9);
    x->at = found + strlen(end);
    return true;
}

static void skip_spaces(struct scan *x)
{
    while (x->at < x->end && strchr(" \t\r\n", *x->at) && *x->at)
        x->at++;
}

static bool entity(struct scan *x)
{
    static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&apos;" };
    size_t left = (size_t)(x->end - x->at), n = 2;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (left >= strlen(known[i]) && memcmp(x->at, known[i], strlen(known[i])) == 0) {
            x->at += strlen(known[i]);
            return true;
        }
    bool hex = left > 3 && x->at[2] == 'x';
    n += hex;
    while (n < left && n < 10 && (hex ? isxdigit((unsigned char)x->at[n]) : isdigit((unsigned char)x->at[n])))
        n++;
    if (left < 4 || x->at[1] != '#' || n == (hex ? 3u : 2u) || n >= left || x->at[n] != ';')
        return wrong(x, "entity", x->at, left);
    x->at += n + 1;
    return true;
}

/* One character of text or of a value. */
static bool character(struct scan *x)
{
    unsigned char c = (unsigned char)*x->at;
    uint32_t codepoint;
    if (c == '&')
        return entity(x);
    int n = text_utf8(x->at, (size_t)(x->end - x->at), &codepoint);
    if (n <= 0 || (c < 0x20 && !strchr("\t\r\n", c)) || c == 0 || codepoint == 0xfffe || codepoint == 0xffff)
        return wrong(x, "character that XML does not have, before", x->at + 1, 0);
    x->at += n;
    return true;
}

static bool attribute(struct scan *x)
{
    size_t n = name_length(x);
    const char *name = x->at;
    if (n == 0 || (n > 1 && tolower((unsigned char)name[0]) == 'o' && tolower((unsigned char)name[1]) == 'n'))
        return wrong(x, "attribute", name, n);
    bool link = (n == 4 || n == 10) && memcmp(name + n - 4, "href", 4) == 0;
    x->at += n;
    skip_spaces(x);
    if (x->at >= x->end || *x->at != '=')
        return wrong(x, "attribute without a value", name, n);
    x->at++;
    skip_spaces(x);
    if (x->at >= x->end || (*x->at != '"' && *x->at != '\''))
        return wrong(x, "attribute without quotes", name, n);
    char quote = *x->at++;
    if (link && (x->at >= x->end || *x->at != '#'))
        return wrong(x, "reference out of the figure", x->at, (size_t)(x->end - x->at));
    while (x->at < x->end && *x->at != quote)
        if (*x->at == '<' || !character(x))
            return x->why->len > 0 ? false : wrong(x, "'<' in the value of", name, n);
    if (x->at >= x->end)
        return wrong(x, "no end of the value of", name, n);
    x->at++;
    return true;
}

static bool closing_tag(struct scan *x)
{
    x->at += 2;
    size_t n = name_length(x);
    if (x->depth == 0 || x->open[x->depth - 1].n != n || memcmp(x->open[x->depth - 1].name, x->at, n) != 0)
        return wrong(x, "closing of", x->at, n);
    x->depth--;
    return skip_past(x, ">");
}

static bool opening_tag(struct scan *x)
{
    x->at++;
    size_t n = name_length(x);
    const char *name = x->at;
    if (!is_element(name, n) || (x->depth == 0 && (x->rooted || strncmp(name, "svg", 3) != 0)))
        return wrong(x, "element", name, n);
    x->rooted = true;
    x->at += n;
    for (skip_spaces(x); x->at < x->end && *x->at != '>' && *x->at != '/'; skip_spaces(x))
        if (!attribute(x))
            return false;
    if (x->end - x->at >= 2 && x->at[0] == '/' && x->at[1] == '>') {
        x->at += 2;
        return true;
    }
    if (x->at >= x->end || *x->at != '>' || x->depth == MAX_DEPTH)
        return wrong(x, "no end of element", name, n);
    x->at++;
    x->open[x->depth].name = name;
    x->open[x->depth++].n = n;
    return true;
}

static bool markup(struct scan *x)
{
    size_t left = (size_t)(x->end - x->at);
    if (left >= 4 && memcmp(x->at, "<!--", 4) == 0)
        return skip_past(x, "-->");
    if (left >= 5 && memcmp(x->at, "<?xml", 5) == 0 && x->at == x->s)
        return skip_past(x, "?>");
    if (left >= 9 && memcmp(x->at, "<!DOCTYPE", 9) == 0 && !x->rooted)
        return skip_past(x, ">");
    return left >= 2 && x->at[1] == '/' ? closing_tag(x) : opening_tag(x);
}

const char *svg_check(const char *s, size_t n, struct text *why)
{
    struct scan x = { .s = s, .end = s + n, .at = s, .why = why };
    bool ok = true;
    while (x.at < x.end && ok) {
        if (*x.at == '<')
            ok = markup(&x);
        else if (x.end - x.at >= 3 && memcmp(x.at, "]]>", 3) == 0)
            ok = wrong(&x, "text", x.at, 3);
        else if (x.depth == 0 && !strchr(" \t\r\n", *x.at))
            ok = wrong(&x, "text outside the figure:", x.at, (size_t)(x.end - x.at));
        else
            ok = character(&x);
    }
    if (ok && (x.depth > 0 || !x.rooted))
        wrong(&x, "the figure has no end", "", 0);
    return why->len > 0 ? text_s(why) : NULL;
}

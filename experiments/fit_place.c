#include "experiments/fit_place.h"
#include "base/err.h"
#include <string.h>

static const char place[] = "fit";
enum { N = sizeof place - 1 };

static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether the word at s is a value: behind '=', '(' or ',', before what ends a value. */
static bool is_place(const char *chain, const char *s)
{
    const char *before = s, *after = s + N;
    while (before > chain && blank(before[-1]))
        before--;
    while (blank(*after))
        after++;
    return before > chain && strchr("=(,", before[-1]) && strchr("),|", *after); /* strchr finds the end too */
}

static const char *find(const char *from, const char *chain)
{
    const char *s = from;
    while ((s = strstr(s, place)) && !is_place(chain, s))
        s += N;
    return s;
}

int fit_place_check(const char *chain)
{
    const char *first = find(chain, chain);
    if (!first)
        return err_set(ERR_USAGE, "chain '%s' has no value 'fit', as in temperature=fit", chain);
    return find(first + N, chain) ? err_set(ERR_USAGE, "chain '%s' has more than one value 'fit'", chain) : 0;
}

void fit_place_put(const char *chain, const char *value, struct text *out)
{
    const char *s = find(chain, chain);
    if (!s) {
        text_add(out, chain);
        return;
    }
    text_addn(out, chain, (size_t)(s - chain));
    text_add(out, value);
    text_add(out, s + N);
}

static void add_numbers(struct text *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        text_add(out, i > 0 ? ", " : "");
        text_add_real(out, json_number_value(json_array_get(list, i)));
    }
}

static void add_value(const json_t *result, struct text *out)
{
    const json_t *mass = json_object_get(result, "mass");
    if (!mass) {
        text_add_real(out, json_number_value(json_object_get(result, "value")));
        return;
    }
    if (json_array_size(json_object_get(result, "edges")) > 0) {
        text_add(out, "entropy=[");
        add_numbers(out, json_object_get(result, "edges"));
        text_add(out, "], ");
    }
    text_add(out, "mass=[");
    add_numbers(out, mass);
    text_add(out, "]");
}

void fit_place_fill(const char *chain, const json_t *result, struct text *out)
{
    struct text value = { 0 };
    add_value(result, &value);
    fit_place_put(chain, text_s(&value), out);
    text_free(&value);
}

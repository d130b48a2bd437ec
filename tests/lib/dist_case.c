#include "tests/lib/dist_case.h"
#include "base/text.h"
#include "tests/lib/check.h"
#include <string.h>

/* One engine a line: lines share nothing. */
json_t *dist_case_ask(const char *label, const char *line)
{
    struct text out = { 0 };
    struct dist *dist = dist_alloc();
    int code = dist_line(dist, line, strlen(line), &out);
    json_t *o = doc_read(label, text_s(&out), out.len);
    check(code == 0 && o, "%s: %s", label, text_s(&out));
    text_free(&out);
    dist_free(dist);
    if (code == 0)
        return o;
    json_decref(o);
    return NULL;
}

json_t *dist_case_parts(const char *label, const char *values, const char *chain, const char *more)
{
    struct text line = { 0 };
    text_addf(&line, "{\"id\":\"%s\",%s,\"chain\":\"%s\"%s%s}", label, values, chain, *more ? "," : "", more);
    json_t *o = dist_case_ask(label, text_s(&line));
    text_free(&line);
    return o;
}

void dist_case_compare(const struct dist_case cases[], size_t n, const char *member, double tolerance)
{
    for (size_t i = 0; i < n; i++) {
        const struct dist_case *c = &cases[i];
        json_t *o = dist_case_parts(c->label, c->values, c->chain, c->more), *m;
        size_t v;
        json_array_foreach(json_object_get(o, member), v, m)
        {
            double got = json_is_null(m) ? MASKED : json_number_value(m);
            check_near(got, c->want[v], tolerance, "%s: %s[%zu]", c->label, member, v);
        }
        check(json_array_size(json_object_get(o, member)) > 1, "%s: %s is there", c->label, member);
        json_decref(o);
    }
}

double dist_case_number(const json_t *o, const char *list, size_t i)
{
    const json_t *m = json_array_get(json_object_get(o, list), i);
    return json_is_null(m) ? MASKED : json_number_value(m);
}

void dist_case_kept(const char *label, const char *values, const char *chain, int want)
{
    json_t *o = dist_case_parts(label, values, chain, "");
    int got = (int)json_integer_value(json_object_get(o, "kept"));
    check(got == want, "%s: %s keeps %d, want %d", label, chain, got, want);
    json_decref(o);
}

void dist_case_greedy(const char *label, const char *values, const char *chain, const char *history, sym_t want)
{
    struct text greedy = { 0 }, more = { 0 };
    text_addf(&greedy, "%s%stemperature=0", chain, *chain ? " | " : "");
    text_addf(&more, "\"history\":%s,\"draw\":1", history);
    json_t *o = dist_case_parts(label, values, text_s(&greedy), text_s(&more));
    check(dist_case_number(o, "drawn", 0) == want, "%s: %s gives %g, want %u", label, chain,
          dist_case_number(o, "drawn", 0), want);
    json_decref(o);
    text_free(&greedy);
    text_free(&more);
}

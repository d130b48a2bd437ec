/* decode/transform*: what each transform of one row leaves, against numpy in float64 and Hugging Face's processors
 * (tests/fixtures/decode/shapes.py made the cases), through `dist`. */
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"
#include <string.h>

static json_t *answer(const json_t *row, const char *chain)
{
    struct text line = { 0 };
    text_add(&line, "{\"logits\":");
    doc_canonical(&line, row);
    text_addf(&line, ",\"chain\":\"%s\"}", chain);
    json_t *o = dist_case_ask(chain, text_s(&line));
    text_free(&line);
    return o;
}

static void check_kept(const char *chain, size_t at, const json_t *o, const json_t *keep)
{
    size_t n = json_array_size(json_object_get(o, "logits")), next = 0;
    for (size_t v = 0; v < n; v++) {
        bool kept = dist_case_number(o, "logits", v) > MASKED;
        bool want = next < json_array_size(keep) && json_integer_value(json_array_get(keep, next)) == (json_int_t)v;
        next += want;
        check(kept == want, "%s of row %zu: symbol %zu is %s", chain, at, v, want ? "kept" : "masked");
    }
}

static void check_probs(const char *chain, size_t at, const json_t *o, const json_t *probs)
{
    for (size_t v = 0; v < json_array_size(probs); v++) {
        double want = json_number_value(json_array_get(probs, v));
        check_near(dist_case_number(o, "probs", v), want, 2e-7 + 3e-6 * want, "%s of row %zu: p(%zu)", chain, at, v);
    }
}

int main(void)
{
    json_t *all = doc_read_file(CHORALE_HOME "/tests/fixtures/decode/shapes.json", 1 << 20);
    const json_t *rows = json_object_get(all, "rows"), *cases = json_object_get(all, "cases"), *c;
    size_t i;
    check(json_array_size(rows) >= 20 && json_array_size(cases) > 1000, "the fixture is whole");
    json_array_foreach(cases, i, c)
    {
        const char *chain = json_string_value(json_object_get(c, "chain"));
        size_t at = (size_t)json_integer_value(json_object_get(c, "row"));
        json_t *o = answer(json_array_get(rows, at), chain);
        if (json_object_get(c, "keep"))
            check_kept(chain, at, o, json_object_get(c, "keep"));
        else
            check_probs(chain, at, o, json_object_get(c, "probs"));
        json_decref(o);
    }
    json_decref(all);
    return check_done("shapes_reference");
}

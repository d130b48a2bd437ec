#include "tests/lib/template_cases.h"
#include "base/doc.h"
#include "base/err.h"
#include "model/template.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/template/"

enum { MAX_TURNS = 16 };

static json_t *read_file(const char *name)
{
    struct text path = { 0 };
    text_addf(&path, FIXTURES "%s.json", name);
    json_t *doc = doc_read_file(path.s, 1u << 20);
    check(doc != NULL, "%s", err_text());
    text_free(&path);
    return doc;
}

static const char *string_at(const json_t *a, size_t i)
{
    return json_string_value(json_array_get(a, i));
}

static void compare(const char *name, size_t i, const struct symbols *got, const json_t *want)
{
    size_t n = json_array_size(want), k = 0;
    while (k < got->n && k < n && got->s[k] == (sym_t)json_integer_value(json_array_get(want, k)))
        k++;
    check(k == n && got->n == n, "%s, case %zu: %zu ids, want %zu; they part at %zu (%d)", name, i, got->n, n, k,
          k < got->n ? (int)got->s[k] : -1);
}

/* The conversation as turns alone, and with its last as a field. */
static void run_case(struct vocab *v, const json_t *t, const json_t *talk, size_t i)
{
    struct prompt_turn turns[MAX_TURNS];
    const char *name = json_string_value(json_object_get(t, "name"));
    const json_t *want = json_array_get(json_object_get(t, "ids"), i);
    size_t n = json_array_size(talk);
    check(n > 0 && n <= MAX_TURNS, "%zu turns", n);
    for (size_t k = 0; k < n; k++)
        turns[k] = (struct prompt_turn){ string_at(json_array_get(talk, k), 0), string_at(json_array_get(talk, k), 1) };
    for (size_t last = 0; last < 2; last++) {
        struct prompt_field field = { "instruction", turns[n - 1].text };
        struct prompt p = {
            .fields = &field, .n_fields = last, .turns = turns, .n_turns = n - last, .template_name = name
        };
        struct symbols got = { 0 };
        int rc = template_render(v, NULL, &p, &got);
        if (json_is_null(want))
            check(rc == ERR_USAGE, "%s, case %zu: transformers refuses it; this gives %d", name, i, rc);
        else if (rc < 0)
            check(false, "%s, case %zu: %s", name, i, err_text());
        else
            compare(name, i, &got, want);
        free(got.s);
    }
}

static struct vocab *open_vocab(const json_t *t)
{
    struct text path = { 0 };
    sym_t end = (sym_t)json_integer_value(json_object_get(t, "eos"));
    text_addf(&path, FIXTURES "%s", json_string_value(json_object_get(t, "tokenizer")));
    struct vocab *v = vocab_open_json(path.s, &end, 1);
    if (v && json_is_integer(json_object_get(t, "bos")))
        vocab_set_bos(v, (sym_t)json_integer_value(json_object_get(t, "bos")));
    text_free(&path);
    return v;
}

bool template_cases_run(const char *fixture)
{
    json_t *doc = read_file(fixture), *t, *talk;
    const json_t *cases = json_object_get(doc, "cases");
    size_t i, k;
    bool known = doc != NULL;
    json_array_foreach(json_object_get(doc, "templates"), i, t)
    {
        const char *name = json_string_value(json_object_get(t, "name"));
        const char *row = template_known(json_string_value(json_object_get(t, "jinja")));
        struct vocab *v = open_vocab(t);
        check(row && strcmp(row, name) == 0, "the Jinja text of %s is known as %s", name, row ? row : "nothing");
        known &= v != NULL;
        if (!v)
            break;
        json_array_foreach(cases, k, talk)
        {
            run_case(v, t, talk, k);
        }
        vocab_free(v);
    }
    json_decref(doc);
    return known;
}

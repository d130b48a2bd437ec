#include "base/doc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int too_deep(const json_t *o, int depth)
{
    const char *key;
    json_t *member;
    size_t i;
    if (depth > DOC_DEPTH)
        return 1;
    if (json_is_object(o))
        json_object_foreach((json_t *)(uintptr_t)o, key, member)
        {
            if (too_deep(member, depth + 1))
                return 1;
        }
    if (json_is_array(o))
        json_array_foreach(o, i, member)
        {
            if (too_deep(member, depth + 1))
                return 1;
        }
    return 0;
}

/* An upper bound of the values in a text: each but the first follows one of these.  A value may take a hundred times the
 * bytes that name it, so they are counted before any is made. */
static size_t count_values(const char *s, size_t n)
{
    size_t count = 1;
    bool inside = false;
    for (size_t i = 0; i < n; i++) {
        if (inside && s[i] == '\\')
            i++;
        else if (s[i] == '"')
            inside = !inside;
        else if (!inside)
            count += s[i] == ',' || s[i] == '[' || s[i] == '{';
    }
    return count;
}

json_t *doc_read(const char *where, const char *s, size_t n)
{
    json_error_t e;
    if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
        err_set(ERR_DATA, "%s:1:1: begins with a byte order mark, want plain UTF-8", where);
        return NULL;
    }
    if (n > DOC_VALUES && count_values(s, n) > DOC_VALUES) {
        err_set(ERR_DATA, "%s: more than %d values", where, DOC_VALUES);
        return NULL;
    }
    json_t *o = json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!o) {
        err_set(ERR_DATA, "%s:%d:%d: %s", where, e.line, e.column, e.text);
        return NULL;
    }
    if (too_deep(o, 0)) {
        json_decref(o);
        err_set(ERR_DATA, "%s: nested deeper than %d levels", where, DOC_DEPTH);
        return NULL;
    }
    return o;
}

json_t *doc_read_file(const char *path, size_t max_bytes)
{
    struct text t = { 0 };
    json_t *o = NULL;
    if (text_read_followed(&t, path, max_bytes) == 0)
        o = doc_read(path, text_s(&t), t.len);
    text_free(&t);
    return o;
}

static const char *kind_of(const json_t *o)
{
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null"
    };
    return kinds[json_typeof(o)];
}

static int missing(const char *where, const char *key)
{
    return err_set(ERR_DATA, "%s: '%s' is missing", where, key);
}

static int wrong(const char *where, const char *key, const json_t *o, const char *want)
{
    return err_set(ERR_DATA, "%s: '%s' is %s, want %s", where, key, kind_of(o), want);
}

/* NULL for an absent or null member. */
static json_t *member(const json_t *o, const char *key)
{
    json_t *m = json_object_get(o, key);
    return m && !json_is_null(m) ? m : NULL;
}

int doc_maybe_real(const json_t *o, const char *where, const char *key, double *x)
{
    const json_t *m = member(o, key);
    if (m && !json_is_number(m))
        return wrong(where, key, m, "a number");
    if (m)
        *x = json_number_value(m);
    return 0;
}

int doc_maybe_int(const json_t *o, const char *where, const char *key, int64_t *x)
{
    const json_t *m = member(o, key);
    if (m && !json_is_integer(m))
        return wrong(where, key, m, "an integer");
    if (m)
        *x = json_integer_value(m);
    return 0;
}

int doc_maybe_string(const json_t *o, const char *where, const char *key, const char **s)
{
    const json_t *m = member(o, key);
    if (m && !json_is_string(m))
        return wrong(where, key, m, "a string");
    if (m)
        *s = json_string_value(m);
    return 0;
}

int doc_maybe_bool(const json_t *o, const char *where, const char *key, bool *x)
{
    const json_t *m = member(o, key);
    if (m && !json_is_boolean(m))
        return wrong(where, key, m, "true or false");
    if (m)
        *x = json_is_true(m);
    return 0;
}

int doc_real(const json_t *o, const char *where, const char *key, double *x)
{
    return member(o, key) ? doc_maybe_real(o, where, key, x) : missing(where, key);
}

int doc_int(const json_t *o, const char *where, const char *key, int64_t *x)
{
    return member(o, key) ? doc_maybe_int(o, where, key, x) : missing(where, key);
}

int doc_string(const json_t *o, const char *where, const char *key, const char **s)
{
    return member(o, key) ? doc_maybe_string(o, where, key, s) : missing(where, key);
}

int doc_array(const json_t *o, const char *where, const char *key, json_t **a)
{
    json_t *m = member(o, key);
    if (!m)
        return missing(where, key);
    if (!json_is_array(m))
        return wrong(where, key, m, "an array");
    *a = m;
    return 0;
}

int doc_object(const json_t *o, const char *where, const char *key, json_t **object)
{
    json_t *m = member(o, key);
    if (!m)
        return missing(where, key);
    if (!json_is_object(m))
        return wrong(where, key, m, "an object");
    *object = m;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void new_line(struct text *t, int indent)
{
    if (indent < 0)
        return;
    text_add(t, "\n");
    for (int i = 0; i < indent; i++)
        text_add(t, "  ");
}

static void write_value(struct text *t, const json_t *o, int indent);

static void write_object(struct text *t, const json_t *o, int indent)
{
    size_t n = json_object_size(o), i = 0;
    const char **keys = mem_alloc(n, sizeof *keys), *key;
    json_t *m;
    int inside = indent < 0 ? indent : indent + 1;
    json_object_foreach((json_t *)(uintptr_t)o, key, m)
    {
        keys[i++] = key;
    }
    qsort(keys, n, sizeof *keys, by_name);
    text_add(t, "{");
    for (i = 0; i < n; i++) {
        text_add(t, i > 0 ? "," : "");
        new_line(t, inside);
        text_add_json(t, keys[i], strlen(keys[i]));
        text_add(t, indent < 0 ? ":" : ": ");
        write_value(t, json_object_get(o, keys[i]), inside);
    }
    if (n > 0)
        new_line(t, indent);
    text_add(t, "}");
    free(keys);
}

static void write_array(struct text *t, const json_t *o, int indent)
{
    size_t i;
    json_t *m;
    int inside = indent < 0 ? indent : indent + 1;
    text_add(t, "[");
    json_array_foreach(o, i, m)
    {
        text_add(t, i > 0 ? "," : "");
        if (json_is_object(m) || json_is_array(m))
            new_line(t, inside);
        else if (i > 0 && indent >= 0)
            text_add(t, " ");
        write_value(t, m, inside);
    }
    if (json_array_size(o) > 0 && (json_is_object(json_array_get(o, 0)) || json_is_array(json_array_get(o, 0))))
        new_line(t, indent);
    text_add(t, "]");
}

/* "-0" would read as the integer 0. */
static void write_real(struct text *t, double x)
{
    text_add_real(t, x);
    if (x == 0 && signbit(x))
        text_add(t, ".0");
}

static void write_value(struct text *t, const json_t *o, int indent)
{
    switch (json_typeof(o)) {
    case JSON_OBJECT: write_object(t, o, indent); break;
    case JSON_ARRAY: write_array(t, o, indent); break;
    case JSON_STRING: text_add_json(t, json_string_value(o), json_string_length(o)); break;
    case JSON_INTEGER: text_addf(t, "%lld", (long long)json_integer_value(o)); break;
    case JSON_REAL: write_real(t, json_real_value(o)); break;
    case JSON_TRUE: text_add(t, "true"); break;
    case JSON_FALSE: text_add(t, "false"); break;
    case JSON_NULL: text_add(t, "null"); break;
    }
}

void doc_copy(json_t *to, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);
    if (v)
        json_object_set(to, key, v);
}

json_t *doc_places(const json_t *list, const char *key)
{
    json_t *places = json_object(), *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        const char *s = json_string_value(json_object_get(o, key));
        if (s && !json_object_get(places, s))
            json_object_set_new(places, s, json_integer((json_int_t)i));
    }
    return places;
}

size_t doc_place(const json_t *places, const char *s)
{
    const json_t *place = s ? json_object_get(places, s) : NULL;
    return place ? (size_t)json_integer_value(place) : SIZE_MAX;
}

int doc_known(const json_t *o, const char *where, const char *what, const char *const names[], size_t n)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        size_t i = 0;
        while (i < n && strcmp(names[i], key) != 0)
            i++;
        if (i == n)
            return err_add(err_unknown(ERR_DATA, what, key, names, n), "%s", where);
    }
    return 0;
}

json_t *doc_text(const char *s)
{
    struct text t = { 0 };
    for (size_t i = 0, n = strlen(s); i < n;) {
        int length = text_utf8(s + i, n - i, NULL);
        text_addn(&t, length > 0 ? s + i : "\xef\xbf\xbd", length > 0 ? (size_t)length : 3);
        i += length > 0 ? (size_t)length : 1;
    }
    json_t *o = json_stringn(text_s(&t), t.len);
    text_free(&t);
    return o;
}

void doc_canonical(struct text *t, const json_t *o)
{
    write_value(t, o, -1);
}

void doc_pretty(struct text *t, const json_t *o)
{
    write_value(t, o, 0);
    text_add(t, "\n");
}

void doc_hash(const json_t *o, char hex[65])
{
    struct text t = { 0 };
    doc_canonical(&t, o);
    hash_sha256(text_s(&t), t.len, hex);
    text_free(&t);
}

#include "model/json_members.h"
#include "base/err.h"
#include <string.h>

int json_members_bound(const char *where, const char *s, size_t n, size_t max_bytes)
{
    if (n > max_bytes)
        return err_set(ERR_DATA, "%s: %zu bytes of JSON, want at most %zu", where, n, max_bytes);
    size_t values = 0; /* each but the first comes behind one of these; those within strings are counted too */
    for (size_t i = 0; i < n; i++)
        values += (s[i] == ',') | (s[i] == '[') | (s[i] == '{');
    if (values > JSON_VALUES_MAX)
        return err_set(ERR_DATA, "%s: up to %zu values of JSON, want at most %u", where, values, JSON_VALUES_MAX);
    return 0;
}

json_t *json_members_read(const char *where, const char *s, size_t n, size_t max_bytes)
{
    return json_members_bound(where, s, n, max_bytes) == 0 ? doc_read(where, s, n) : NULL;
}

static int unexpected(const struct json_members *m, const char *want)
{
    return err_set(ERR_DATA, "%s: byte %zu of the JSON: want %s", m->where, m->at, want);
}

static void skip_spaces(struct json_members *m)
{
    while (m->at < m->n && memchr(" \t\n\r", m->s[m->at], 4))
        m->at++;
}

static bool next_is(struct json_members *m, char c)
{
    skip_spaces(m);
    if (m->at == m->n || m->s[m->at] != c)
        return false;
    m->at++;
    return true;
}

/* From behind a string's first quote to behind its last; false: it does not end. */
static bool skip_string(struct json_members *m)
{
    while (m->at < m->n && m->s[m->at] != '"')
        m->at += m->s[m->at] == '\\' ? 2 : 1;
    m->at++;
    return m->at <= m->n;
}

static int read_key(struct json_members *m)
{
    if (!next_is(m, '"'))
        return unexpected(m, "the name of a member");
    size_t from = m->at - 1;
    json_t *key = skip_string(m) ? doc_read(m->where, m->s + from, m->at - from) : NULL;
    if (!json_is_string(key)) {
        m->at = from;
        return unexpected(m, "the name of a member");
    }
    text_clear(&m->key);
    text_add(&m->key, json_string_value(key));
    json_decref(key);
    return next_is(m, ':') ? 0 : unexpected(m, "':'");
}

/* Over one value: to its closing bracket, or to what may follow a number or word.  Whoever parses it finds the rest. */
static bool skip_value(struct json_members *m)
{
    size_t depth = 0;
    while (m->at < m->n) {
        char c = m->s[m->at];
        if (depth == 0 && (c == ',' || c == '}'))
            return true;
        m->at++;
        if (c == '"' && !skip_string(m))
            return false;
        depth += c == '{' || c == '[';
        if (depth > 0 && (c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

int json_members_next(struct json_members *m, const char **value, size_t *n_value)
{
    bool first = m->at == 0;
    if (first && !next_is(m, '{'))
        return unexpected(m, "'{'");
    if (next_is(m, '}')) {
        skip_spaces(m);
        return m->at == m->n ? 0 : unexpected(m, "nothing behind the object");
    }
    if (!first && !next_is(m, ','))
        return unexpected(m, "',' or '}'");
    if (read_key(m) < 0)
        return ERR_DATA;
    skip_spaces(m);
    size_t from = m->at;
    if (!skip_value(m) || m->at == from)
        return unexpected(m, "a value");
    *value = m->s + from;
    *n_value = m->at - from;
    return 1;
}

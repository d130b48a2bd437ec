#include "evalsets/tag.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "evalsets/item.h"
#include <stdlib.h>
#include <string.h>

#define OPENING "<task:"

struct reader {
    const char *where, *text; /* text: where columns are counted from */
    const char *s, *limit;    /* at limit the text counts as ended */
    char *to;                 /* the next free byte of the tag's memory */
};

static char peek(const struct reader *r)
{
    return r->s < r->limit ? *r->s : '\0';
}

static int fail(const struct reader *r, const char *want)
{
    size_t column = text_utf8_count(r->text, (size_t)(r->s - r->text)) + 1;
    if (!peek(r) && *r->s)
        return err_set(ERR_DATA, "%s: task tag: no end within %d bytes", r->where, TAG_BYTES);
    if (!peek(r))
        return err_set(ERR_DATA, "%s: task tag, column %zu: it ends, want %s", r->where, column, want);
    int n = text_utf8(r->s, strlen(r->s), NULL);
    return err_set(ERR_DATA, "%s: task tag, column %zu: '%.*s', want %s", r->where, column, n > 0 ? n : 1, r->s, want);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_inner(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Ends the string that is being written and gives it. */
static const char *end_string(struct reader *r, char *start)
{
    *r->to++ = '\0';
    return start;
}

static int read_name(struct reader *r, const char *what, const char **name)
{
    char *start = r->to;
    if (!is_letter(peek(r)))
        return fail(r, what);
    while (is_inner(peek(r)))
        *r->to++ = *r->s++;
    *name = end_string(r, start);
    return 0;
}

static int read_quoted(struct reader *r)
{
    for (r->s++; peek(r) != '"'; *r->to++ = *r->s++) {
        if (peek(r) == '\\') {
            r->s++;
            if (peek(r) != '"' && peek(r) != '\\')
                return fail(r, "'\"' or '\\' behind '\\'");
        }
        if (!peek(r))
            return fail(r, "a closing '\"'");
    }
    r->s++;
    return 0;
}

static int read_value(struct reader *r, const char **value)
{
    char *start = r->to;
    if (peek(r) == '"')
        TRY(read_quoted(r));
    else
        while (peek(r) && !strchr(" \t\n\r\"<>=", *r->s))
            *r->to++ = *r->s++;
    if (r->to == start && r->s[-1] != '"')
        return fail(r, "a value");
    *value = end_string(r, start);
    return 0;
}

static int check_argument(const struct reader *r, const struct tag *t, const char *name)
{
    bool taken = strcmp(name, "task") == 0 || strcmp(name, "turns") == 0;
    for (size_t i = 0; i < ITEM_FIELDS; i++)
        taken |= strcmp(name, item_fields[i]) == 0;
    if (taken)
        return err_set(ERR_DATA, "%s: task tag: the argument '%s' has the name of a field of items", r->where, name);
    for (size_t i = 0; i < t->n_args; i++)
        if (strcmp(name, t->args[i].name) == 0)
            return err_set(ERR_DATA, "%s: task tag: the argument '%s' comes twice", r->where, name);
    return t->n_args < TAG_ARGUMENTS
               ? 0
               : err_set(ERR_DATA, "%s: task tag: more than %d arguments", r->where, TAG_ARGUMENTS);
}

static int read_argument(struct reader *r, struct tag *t)
{
    struct prompt_field arg;
    TRY(read_name(r, "an argument or '>'", &arg.name));
    if (peek(r) != '=')
        return fail(r, "'='");
    TRY(check_argument(r, t, arg.name)); /* of a whole name: at the limit it is cut */
    r->s++;
    TRY(read_value(r, &arg.text));
    t->args[t->n_args++] = arg;
    return 0;
}

/* name { blank argument } { blank }, up to `end`. */
static int read_inside(struct reader *r, struct tag *t, char end)
{
    TRY(read_name(r, "the name of a task", &t->task));
    while (is_blank(peek(r))) {
        while (is_blank(peek(r)))
            r->s++;
        if (peek(r) != end)
            TRY(read_argument(r, t));
    }
    return peek(r) == end && (end || !*r->s) ? 0 : fail(r, end ? "a blank or '>'" : "a blank or the end");
}

/* Every string that is written had a separator behind it in the text, but for the last. */
static int read_all(struct reader *r, struct tag *t, char end)
{
    size_t n = strlen(r->s), most = TAG_BYTES;
    r->limit = r->s + (n < most ? n : most);
    *t = (struct tag){ .memory = mem_alloc((size_t)(r->limit - r->s) + 2, 1) };
    r->to = t->memory;
    int rc = read_inside(r, t, end);
    if (rc < 0)
        tag_fini(t);
    return rc;
}

/* Behind the '>': what belongs to the tag.  Gives the rest. */
static int read_behind(struct reader *r, const char **rest)
{
    r->s += 1 + strspn(r->s + 1, " \t");
    r->limit = r->s + strlen(r->s);
    if (strncmp(r->s, OPENING, strlen(OPENING)) == 0)
        return fail(r, "text: a prompt has one tag");
    r->s += r->s[0] == '\r' && r->s[1] == '\n' ? 2 : *r->s == '\n';
    *rest = r->s;
    return 1;
}

int tag_read(const char *where, const char *text, struct tag *t, const char **rest)
{
    size_t blanks = strspn(text, " \t");
    struct reader r = { .where = where, .text = text, .s = text + blanks };
    *t = (struct tag){ 0 };
    *rest = text;
    if (strncmp(r.s, OPENING, strlen(OPENING)) != 0)
        return 0;
    r.s += strlen(OPENING);
    TRY(read_all(&r, t, '>'));
    int rc = read_behind(&r, rest);
    if (rc < 0)
        tag_fini(t);
    return rc;
}

int tag_read_inside(const char *where, const char *text, struct tag *t)
{
    struct reader r = { .where = where, .text = text, .s = text };
    TRY(read_all(&r, t, '\0'));
    return 1;
}

void tag_fini(struct tag *t)
{
    free(t->memory);
    *t = (struct tag){ 0 };
}

/* The field that is the prompt of an item: its instruction, or its text. */
static size_t asked_in(const struct prompt *p)
{
    size_t at = p->n_fields;
    for (size_t i = 0; i < p->n_fields; i++)
        if (strcmp(p->fields[i].name, "instruction") == 0 ||
            (at == p->n_fields && strcmp(p->fields[i].name, "text") == 0))
            at = i;
    return at;
}

static int read_item(const char *where, const struct item *item, struct tag *t, const char **rest)
{
    size_t at = asked_in(&item->prompt);
    *rest = NULL;
    int rc = at < item->prompt.n_fields ? tag_read(where, item->prompt.fields[at].text, t, rest) : 0;
    if (rc < 0 || !item->task)
        return rc;
    if (rc > 0) {
        err_set(ERR_DATA, "%s: two task tags, '%s' in the text and the field '%s'", where, t->task, item->task);
        tag_fini(t);
        return ERR_DATA;
    }
    return tag_read_inside(where, item->task, t);
}

int tag_item(const char *where, const struct item *item, struct tag_prompt *out)
{
    const char *rest;
    *out = (struct tag_prompt){ .prompt = item->prompt };
    if (item->kind == ITEM_TEXT)
        return 0;
    int rc = read_item(where, item, &out->tag, &rest);
    if (rc <= 0)
        return rc;
    size_t n = item->prompt.n_fields, at = asked_in(&item->prompt);
    if (item->kind == ITEM_GENERATE && at < n && !*rest) {
        tag_prompt_fini(out);
        return err_set(ERR_DATA, "%s: task tag: nothing follows it", where);
    }
    out->fields = mem_alloc(n + 1 + out->tag.n_args, sizeof *out->fields);
    for (size_t i = 0; i < n; i++)
        out->fields[i] = item->prompt.fields[i];
    if (at < n)
        out->fields[at].text = rest;
    out->fields[n++] = (struct prompt_field){ "task", out->tag.task };
    for (size_t i = 0; i < out->tag.n_args; i++)
        out->fields[n++] = out->tag.args[i];
    out->prompt.fields = out->fields;
    out->prompt.n_fields = n;
    return 0;
}

void tag_prompt_fini(struct tag_prompt *p)
{
    tag_fini(&p->tag);
    free(p->fields);
    *p = (struct tag_prompt){ 0 };
}

/* Parsing of specs.  Binding and canonical text are in base/spec_bind.c.
 *
 * All memory of one spec hangs in one list, so that freeing is a walk and half-parsed specs need no care. */
#include "base/spec.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

#define SPEC_MAX_STEPS 64
#define SPEC_MAX_ARGS  16
#define SPEC_MAX_LIST  4096
#define SPEC_QUOTE     80 /* bytes quoted on either side of a mistake */

struct block {
    struct block *next;
    void *p;
};

struct parser {
    const char *what, *text, *at;
    struct spec *spec;
    bool failed;
};

static void *own(struct spec *s, void *p)
{
    struct block *b = mem_alloc(1, sizeof *b);
    b->next = s->memory;
    b->p = p;
    s->memory = b;
    return p;
}

/* Of a long text what stands around the place is quoted, so that the reason is not cut off the message. */
static void fail(struct parser *p, const char *why)
{
    size_t column = (size_t)(p->at - p->text), n = strlen(p->text);
    size_t from = n > 2 * SPEC_QUOTE && column > SPEC_QUOTE ? column - SPEC_QUOTE : 0;
    size_t end = n - from > 2 * SPEC_QUOTE ? from + 2 * SPEC_QUOTE : n;
    while (from > 0 && ((unsigned char)p->text[from] & 0xc0) == 0x80)
        from++; /* whole characters */
    int shown = (int)text_utf8_ready(p->text + from, end - from);
    if (!p->failed)
        err_set(ERR_USAGE, "%s '%s%.*s%s': column %zu: %s", p->what, from > 0 ? "..." : "", shown, p->text + from,
                end < n ? "..." : "", column + 1, why);
    p->failed = true;
}

/* Of any locale. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct parser *p)
{
    while (*p->at && is_space(*p->at))
        p->at++;
}

/* Whether the next character is c; if so, goes past it. */
static bool take(struct parser *p, char c)
{
    skip_space(p);
    if (p->failed || *p->at != c)
        return false;
    p->at++;
    return true;
}

static bool word_char(char c)
{
    return c && !is_space(c) && !strchr("|=,()[]'", c);
}

static const char *word(struct parser *p, const char *missing)
{
    skip_space(p);
    const char *from = p->at;
    while (word_char(*p->at))
        p->at++;
    if (p->at == from) {
        fail(p, missing);
        return "";
    }
    char *s = mem_copy(from, (size_t)(p->at - from) + 1);
    s[p->at - from] = '\0';
    return own(p->spec, s);
}

/* 'text', where '' stands for one quote. */
static const char *quoted(struct parser *p)
{
    struct text t = { 0 };
    p->at++;
    while (*p->at && (p->at[0] != '\'' || p->at[1] == '\'')) {
        text_addn(&t, p->at, 1);
        p->at += p->at[0] == '\'' ? 2 : 1;
    }
    if (*p->at != '\'')
        fail(p, "the quote is not closed");
    else
        p->at++;
    char *s = mem_string(text_s(&t));
    text_free(&t);
    return own(p->spec, s);
}

static const char *scalar(struct parser *p)
{
    skip_space(p);
    return *p->at == '\'' ? quoted(p) : word(p, "a value is missing");
}

static void list(struct parser *p, struct spec_value *v)
{
    const char *items[SPEC_MAX_LIST];
    size_t n = 0;
    if (!take(p, ']')) {
        do {
            if (n == SPEC_MAX_LIST) {
                fail(p, "the list has more than 4096 values");
                return;
            }
            items[n++] = scalar(p);
        } while (take(p, ','));
        if (!p->failed && !take(p, ']'))
            fail(p, *p->at == ':' && p->at[-1] == '\'' ? "want the number within the quotes, ' the:-1'"
                                                       : "want ',' or ']'");
    }
    v->list = own(p->spec, mem_copy(items, n * sizeof *items));
    v->n_list = n;
}

static struct spec_arg value(struct parser *p)
{
    struct spec_arg a = { 0 };
    if (take(p, '[')) {
        list(p, &a.value);
        return a;
    }
    skip_space(p);
    bool is_quoted = *p->at == '\'';
    a.value.text = scalar(p);
    a.is_number = !is_quoted && text_real(a.value.text, &a.value.number);
    return a;
}

static struct spec_arg argument(struct parser *p)
{
    skip_space(p);
    const char *from = p->at;
    if (word_char(*from) && !is_digit(*from) && *from != '-') {
        const char *key = word(p, "");
        if (take(p, '=')) {
            struct spec_arg a = value(p);
            a.key = key;
            return a;
        }
        p->at = from;
    }
    return value(p);
}

static void step(struct parser *p, struct spec_step *s)
{
    struct spec_arg args[SPEC_MAX_ARGS];
    skip_space(p);
    s->column = (size_t)(p->at - p->text) + 1;
    s->name = word(p, "a name is missing");
    if (take(p, '=')) {
        args[s->n_args++] = value(p);
    } else if (take(p, '(') && !take(p, ')')) {
        do {
            if (s->n_args == SPEC_MAX_ARGS) {
                fail(p, "more than 16 arguments");
                return;
            }
            args[s->n_args++] = argument(p);
        } while (take(p, ','));
        if (!p->failed && !take(p, ')'))
            fail(p, "want ',' or ')'");
    }
    s->args = own(p->spec, mem_copy(args, s->n_args * sizeof *args));
}

struct spec *spec_parse(const char *what, const char *text)
{
    struct spec *s = mem_alloc(1, sizeof *s);
    struct parser p = { .what = what, .text = text, .at = text, .spec = s };
    s->steps = own(s, mem_alloc(SPEC_MAX_STEPS, sizeof *s->steps));
    skip_space(&p);
    while (*p.at && !p.failed) {
        if (s->n_steps == SPEC_MAX_STEPS) {
            fail(&p, "more than 64 steps");
            break;
        }
        step(&p, &s->steps[s->n_steps++]);
        skip_space(&p);
        if (p.failed || !*p.at)
            break;
        if (!take(&p, '|'))
            fail(&p, "want '|' between steps");
        skip_space(&p);
        if (!p.failed && !*p.at)
            fail(&p, "a step is missing after '|'");
    }
    if (!p.failed)
        return s;
    spec_free(s);
    return NULL;
}

void spec_free(struct spec *s)
{
    if (!s)
        return;
    for (struct block *b = s->memory; b;) {
        struct block *next = b->next;
        free(b->p);
        free(b);
        b = next;
    }
    free(s);
}

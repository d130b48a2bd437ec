#include "model/template_parts.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

static void add(struct template_parts *p, const char *text, size_t n, bool is_data)
{
    mem_grow(&p->part, &p->cap, p->n + 1, sizeof *p->part);
    p->part[p->n++] = (struct vocab_part){ .text = text, .n = n, .is_data = is_data };
}

void template_parts_data(struct template_parts *p, const char *text)
{
    add(p, text, strlen(text), true);
}

int template_parts_no_field(const struct template_parts *p, const char *field)
{
    struct text has = { 0 };
    for (size_t i = 0; i < p->prompt->n_fields; i++)
        text_addf(&has, "%s%s", i > 0 ? ", " : "", p->prompt->fields[i].name);
    err_set(ERR_USAGE, "template '%s': the prompt has no field '%s'; it has: %s", p->name, field,
            has.len > 0 ? has.s : "none");
    text_free(&has);
    return ERR_USAGE;
}

static int check_token(const struct template_parts *p, const char *piece)
{
    if (vocab_find_added(p->vocab, piece) >= 0)
        return 0;
    struct text quoted = { 0 };
    text_add_json(&quoted, piece, strlen(piece));
    err_set(ERR_USAGE, "template '%s': its mark %s is no single token of this vocabulary: choose another template",
            p->name, text_s(&quoted));
    text_free(&quoted);
    return ERR_USAGE;
}

static int add_token(struct template_parts *p, const char *piece, const char *what)
{
    if (!piece)
        return err_set(ERR_USAGE, "template '%s' needs a token that %s a text, and the vocabulary names none", p->name,
                       what);
    TRY(check_token(p, piece));
    add(p, piece, strlen(piece), false);
    return 0;
}

static int add_bos(struct template_parts *p)
{
    int64_t bos = vocab_bos(p->vocab);
    p->has_bos = true;
    return add_token(p, bos >= 0 ? vocab_piece(p->vocab, (sym_t)bos) : NULL, "begins");
}

/* As the tokenizer does it: in front of the text, not a part of it. */
static int add_own_bos(struct template_parts *p)
{
    p->starts_with_bos = vocab_adds_bos(p->vocab);
    return 0;
}

static int add_eos(struct template_parts *p)
{
    int64_t eos = vocab_eos(p->vocab);
    return add_token(p, eos >= 0 ? vocab_piece(p->vocab, (sym_t)eos) : NULL, "ends");
}

static const struct {
    const char *name;
    int (*add)(struct template_parts *p);
} tokens[] = { { "bos", add_bos }, { "bos?", add_own_bos }, { "eos", add_eos } };

static bool is(const char *name, const char *s, size_t n)
{
    return strlen(name) == n && memcmp(name, s, n) == 0;
}

static int add_place(struct template_parts *p, const char *s, size_t n)
{
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        if (is(tokens[i].name, s, n))
            return tokens[i].add(p);
    for (size_t i = 0; i < p->prompt->n_fields; i++)
        if (is(p->prompt->fields[i].name, s, n)) {
            template_parts_data(p, p->prompt->fields[i].text);
            return 0;
        }
    char *field = mem_copy(s, n + 1); /* its last byte becomes the NUL */
    field[n] = '\0';
    template_parts_no_field(p, field);
    free(field);
    return ERR_USAGE;
}

const char *template_parts_place(const char *s, size_t *n, int *rc)
{
    *rc = 0;
    for (s += strcspn(s, "{}"); *s; s += strcspn(s, "{}")) {
        const char *end = strchr(s, '}');
        if (s[0] == s[1]) {
            s += 2;
            continue;
        }
        if (*s == '}' || !end)
            *rc = err_set(ERR_USAGE, *s == '}' ? "a '}' has no '{'" : "a '{' has no '}'");
        *n = *rc == 0 ? (size_t)(end - s) - 1 : 0;
        return *rc == 0 ? s : NULL;
    }
    return NULL;
}

/* Literal bytes in which doubled braces stand for one. */
static void add_bytes(struct template_parts *p, const char *s, size_t n)
{
    for (size_t from = 0, i = 0; i < n; i++)
        if (s[i] == '{' || s[i] == '}') {
            add(p, s + from, i + 1 - from, false);
            from = ++i + 1;
        } else if (i + 1 == n) {
            add(p, s + from, n - from, false);
        }
}

static int check_marks(const struct template_parts *p, const char *text)
{
    for (size_t i = 0; p->row && p->row->marks[i]; i++)
        if (strstr(text, p->row->marks[i]))
            TRY(check_token(p, p->row->marks[i]));
    return 0;
}

int template_parts_literal(struct template_parts *p, const char *text)
{
    int rc;
    size_t n;
    TRY(check_marks(p, text));
    for (const char *s = text, *place;; s = place + n + 2) {
        place = template_parts_place(s, &n, &rc);
        if (rc < 0)
            return err_add(rc, "template '%s'", p->name);
        add_bytes(p, s, place ? (size_t)(place - s) : strlen(s));
        if (!place)
            return 0;
        TRY(add_place(p, place + 1, n));
    }
}

/* The characters for which Python's str.isspace() is true. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

struct extent {
    size_t from, to; /* from the first character that is no space to behind the last; both n when all are */
};

static struct extent extent_of(const struct vocab_part *part)
{
    struct extent e = { part->n, part->n };
    for (size_t i = 0; i < part->n;) {
        uint32_t c = 0xfffd;
        int length = text_utf8(part->text + i, part->n - i, &c);
        size_t k = length > 0 ? (size_t)length : 1;
        if (length <= 0 || !is_space(c)) {
            e.from = e.from < part->n ? e.from : i;
            e.to = i + k;
        }
        i += k;
    }
    return e;
}

void template_parts_trim(struct template_parts *p, size_t from)
{
    for (size_t i = from; i < p->n; i++) {
        struct vocab_part *part = &p->part[i];
        size_t start = extent_of(part).from;
        part->text += start;
        part->n -= start;
        if (part->n > 0)
            break;
    }
    for (size_t i = p->n; i-- > from;) {
        struct vocab_part *part = &p->part[i];
        struct extent e = extent_of(part);
        part->n = e.from == part->n ? 0 : e.to;
        if (part->n > 0)
            break;
    }
}

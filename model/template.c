#include "model/template.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

/* A prompt taking shape.  Parts point into the prompt, the vocabulary, and constants. */
struct rendering {
    const struct vocab *vocab;
    const struct prompt *prompt;
    const char *name; /* of the template, for messages */
    struct vocab_part *part;
    size_t n, cap;
};

static void add(struct rendering *r, const char *text, size_t n, bool is_data)
{
    mem_grow(&r->part, &r->cap, r->n + 1, sizeof *r->part);
    r->part[r->n++] = (struct vocab_part){ .text = text, .n = n, .is_data = is_data };
}

static void add_literal(struct rendering *r, const char *text)
{
    add(r, text, strlen(text), false);
}

static void add_data(struct rendering *r, const char *text)
{
    add(r, text, strlen(text), true);
}

static int no_field(const struct rendering *r, const char *field)
{
    struct text has = { 0 };
    for (size_t i = 0; i < r->prompt->n_fields; i++)
        text_addf(&has, "%s%s", i > 0 ? ", " : "", r->prompt->fields[i].name);
    err_set(ERR_USAGE, "template '%s': the prompt has no field '%s'; it has: %s", r->name, field,
            has.len > 0 ? has.s : "none");
    text_free(&has);
    return ERR_USAGE;
}

/* The prompt's own field, or else its other one, with the context in front. */
static int add_body(struct rendering *r, const char *own, const char *other)
{
    const char *context = prompt_field(r->prompt, "context"), *text = prompt_field(r->prompt, own);
    if (!text)
        text = prompt_field(r->prompt, other);
    if (!text)
        return no_field(r, own);
    if (context) {
        add_data(r, context);
        add_literal(r, "\n\n");
    }
    add_data(r, text);
    return 0;
}

static int no_turns(const struct rendering *r)
{
    if (r->prompt->n_turns == 0)
        return 0;
    return err_set(ERR_USAGE, "template '%s' has no place for the %zu earlier turns of the prompt", r->name,
                   r->prompt->n_turns);
}

static int render_plain(struct rendering *r)
{
    TRY(no_turns(r));
    return add_body(r, "text", "instruction");
}

/* The token that ends a text, as the template writes it: the first end that is no role mark; "" when there is none. */
static const char *end_piece(const struct vocab *v)
{
    const struct space *s = vocab_space(v);
    for (size_t i = 0; i < s->n_ends; i++) {
        const char *piece = vocab_piece(v, s->ends[i]);
        if (strcmp(piece, VOCAB_MARK_INSTRUCTION) != 0 && strcmp(piece, VOCAB_MARK_RESPONSE) != 0)
            return piece;
    }
    return "";
}

static int add_turn(struct rendering *r, const struct prompt_turn *t)
{
    bool answer = strcmp(t->role, "assistant") == 0;
    if (!answer && strcmp(t->role, "user") != 0)
        return err_set(ERR_USAGE, "template '%s' has no place for a turn of '%s'; want user or assistant", r->name,
                       t->role);
    add_literal(r, answer ? VOCAB_MARK_RESPONSE : VOCAB_MARK_INSTRUCTION);
    add_data(r, t->text);
    if (answer)
        add_literal(r, end_piece(r->vocab));
    return 0;
}

static int render_tiger(struct rendering *r)
{
    for (size_t i = 0; i < r->prompt->n_turns; i++)
        TRY(add_turn(r, &r->prompt->turns[i]));
    add_literal(r, VOCAB_MARK_INSTRUCTION);
    TRY(add_body(r, "instruction", "text"));
    add_literal(r, VOCAB_MARK_RESPONSE);
    return 0;
}

static int render_auto(struct rendering *r)
{
    bool tiger = vocab_has_marks(r->vocab) && prompt_field(r->prompt, "instruction");
    return tiger ? render_tiger(r) : render_plain(r);
}

/* One {place} at s; *after is behind it. */
static int add_place(struct rendering *r, const char *s, const char **after)
{
    const char *end = strchr(s, '}');
    if (!end)
        return err_set(ERR_USAGE, "template '%s': a '{' has no '}'", r->name);
    for (size_t i = 0; i < r->prompt->n_fields; i++) {
        const struct prompt_field *f = &r->prompt->fields[i];
        if (strlen(f->name) == (size_t)(end - s - 1) && memcmp(f->name, s + 1, strlen(f->name)) == 0) {
            add_data(r, f->text);
            *after = end + 1;
            return 0;
        }
    }
    char *field = mem_copy(s + 1, (size_t)(end - s)); /* its last byte becomes the NUL */
    field[end - s - 1] = '\0';
    no_field(r, field);
    free(field);
    return ERR_USAGE;
}

/* The name is the template. */
static int render_inline(struct rendering *r)
{
    TRY(no_turns(r));
    for (const char *s = r->name; *s;) {
        size_t n = strcspn(s, "{}");
        add(r, s, n, false);
        s += n;
        if (!*s)
            break;
        if (s[0] == s[1]) {
            add(r, s, 1, false);
            s += 2;
        } else if (*s == '}') {
            return err_set(ERR_USAGE, "template '%s': a '}' has no '{'", r->name);
        } else {
            TRY(add_place(r, s, &s));
        }
    }
    return 0;
}

static const char *const names[] = { "auto", "plain", "tiger" };

static int (*const renderers[])(struct rendering *r) = { render_auto, render_plain, render_tiger };

#define N_NAMES (sizeof names / sizeof *names)

const char *const *template_names(size_t *n)
{
    *n = N_NAMES;
    return names;
}

static int render(struct rendering *r)
{
    if (strchr(r->name, '{'))
        return render_inline(r);
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(r->name, names[i]) == 0)
            return renderers[i](r);
    return err_unknown(ERR_USAGE, "template", r->name, names, N_NAMES);
}

int template_render(struct vocab *v, const char *template_name, const struct prompt *p, struct symbols *out)
{
    struct rendering r = { .vocab = v, .prompt = p, .name = template_name ? template_name : "auto" };
    size_t before = out->n;
    int rc = render(&r);
    if (rc == 0 && vocab_adds_bos(v))
        symbols_add(out, &(sym_t){ (sym_t)vocab_bos(v) }, 1);
    if (rc == 0)
        rc = vocab_encode_parts(v, r.part, r.n, out);
    if (rc < 0)
        out->n = before;
    free(r.part);
    return rc;
}

#include "model/template.h"
#include "base/err.h"
#include "base/text.h"
#include "model/template_inline.h"
#include "model/template_parts.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What the user says last: a field of the prompt, or nothing where the turns end with the user's. */
static const char *body_of(const struct template_parts *p)
{
    const char *instruction = prompt_field(p->prompt, "instruction"), *text = prompt_field(p->prompt, "text");
    if (p->row->is_text)
        return text ? text : instruction;
    return instruction ? instruction : text;
}

static int add_body(struct template_parts *p, const char *body)
{
    const char *context = prompt_field(p->prompt, "context");
    if (context && !p->row->input) {
        template_parts_data(p, context);
        TRY(template_parts_literal(p, "\n\n"));
    }
    template_parts_data(p, body);
    if (context && p->row->input) {
        TRY(template_parts_literal(p, p->row->input));
        template_parts_data(p, context);
    }
    return 0;
}

/* A turn of the user: its text, or where that is NULL the prompt's last.  system: what is folded into it, NULL: nothing. */
static int add_user(struct template_parts *p, const char *text, const char *system)
{
    const struct template_row *w = p->row;
    TRY(template_parts_literal(p, w->user.before));
    size_t whole = p->n;
    if (system) {
        TRY(template_parts_literal(p, w->system.before));
        template_parts_data(p, system);
        TRY(template_parts_literal(p, w->system.after));
    }
    size_t own = p->n;
    if (text)
        template_parts_data(p, text);
    else
        TRY(add_body(p, body_of(p)));
    if (w->user.trims)
        template_parts_trim(p, w->system.trims ? whole : own);
    return template_parts_literal(p, w->user.after);
}

static int add_block(struct template_parts *p, const struct template_turn *turn, const char *text)
{
    TRY(template_parts_literal(p, turn->before));
    size_t own = p->n;
    template_parts_data(p, text);
    if (turn->trims)
        template_parts_trim(p, own);
    return template_parts_literal(p, turn->after);
}

static const char *without_thought(const struct template_row *w, const char *text)
{
    const char *last = NULL;
    for (const char *at = text; w->thought && (at = strstr(at, w->thought));)
        last = at += strlen(w->thought);
    return last ? last + strspn(last, "\n") : text;
}

/* The conversation: which turns are the user's, and what of it is the system's. */
struct talk {
    const char *system;             /* NULL: none */
    const struct prompt_turn *turn; /* (n,) without the system's */
    size_t n, n_users;              /* n_users: with the prompt's own text */
    bool has_body;
};

static int check_role(const struct template_parts *p, const struct prompt_turn *t, size_t i, const char *before)
{
    bool answer = strcmp(t->role, "assistant") == 0;
    if (strcmp(t->role, "system") == 0)
        return err_set(ERR_USAGE, "template '%s': turn %zu is the system's; want it first, and once", p->name, i);
    if ((!answer && strcmp(t->role, "user") != 0) || (answer && !p->row->assistant.before))
        return err_set(ERR_USAGE, "template '%s' has no place for a turn of '%s'; want %s", p->name, t->role,
                       p->row->assistant.before ? "user or assistant" : "user");
    if (p->row->alternates && strcmp(t->role, before) == 0)
        return err_set(ERR_USAGE, "template '%s': turn %zu is the %s's again; its turns alternate, the user's first",
                       p->name, i, t->role);
    return 0;
}

static int read_turns(const struct template_parts *p, struct talk *t)
{
    const char *before = "assistant";
    for (size_t i = 0; i < t->n; i++) {
        TRY(check_role(p, &t->turn[i], (size_t)(t->turn - p->prompt->turns) + i + 1, before));
        before = t->turn[i].role;
        t->n_users += strcmp(before, "user") == 0;
    }
    if (!t->has_body && strcmp(before, "user") != 0)
        return template_parts_no_field(p, p->row->is_text ? "text" : "instruction");
    if (t->has_body && p->row->alternates && strcmp(before, "user") == 0)
        return err_set(ERR_USAGE,
                       "template '%s': the last of the %zu turns is the user's, and the prompt too; its turns "
                       "alternate",
                       p->name, p->prompt->n_turns);
    t->n_users += t->has_body;
    return 0;
}

static int read_talk(const struct template_parts *p, struct talk *t)
{
    const struct prompt *q = p->prompt;
    bool turn = q->n_turns > 0 && strcmp(q->turns[0].role, "system") == 0;
    const char *said = prompt_field(q, "system");
    *t = (struct talk){ .system = turn ? q->turns[0].text : said,
                        .turn = turn ? q->turns + 1 : q->turns,
                        .n = q->n_turns - turn,
                        .has_body = body_of(p) != NULL };
    if (turn && said)
        return err_set(ERR_USAGE, "template '%s': the prompt has two system texts, a field and a turn", p->name);
    if (t->system && p->row->place == TEMPLATE_SYSTEM_NONE)
        return err_set(ERR_USAGE, "template '%s' has no place for a system text", p->name);
    if (p->row->is_text && t->n > 0)
        return err_set(ERR_USAGE, "template '%s' has no place for the %zu earlier turns of the prompt", p->name, t->n);
    return read_turns(p, t);
}

/* What is folded into turn k of the user's. */
static const char *folded(const struct template_parts *p, const struct talk *t, size_t k)
{
    enum template_system place = p->row->place;
    bool here = (place == TEMPLATE_SYSTEM_FIRST && k == 0) || (place == TEMPLATE_SYSTEM_LAST && k + 1 == t->n_users);
    return here ? t->system : NULL;
}

static int render_row(struct template_parts *p)
{
    const struct template_row *w = p->row;
    struct talk t;
    size_t k = 0;
    TRY(read_talk(p, &t));
    TRY(template_parts_literal(p, w->begin));
    const char *system = t.system ? t.system : w->system_default;
    if (w->place == TEMPLATE_SYSTEM_OWN && system)
        TRY(add_block(p, &w->system, system));
    for (size_t i = 0; i < t.n; i++)
        if (strcmp(t.turn[i].role, "user") == 0) {
            TRY(add_user(p, t.turn[i].text, folded(p, &t, k)));
            k++;
        } else {
            TRY(add_block(p, &w->assistant, without_thought(w, t.turn[i].text)));
        }
    if (t.has_body)
        TRY(add_user(p, NULL, folded(p, &t, k)));
    return template_parts_literal(p, w->answer);
}

/* The name is the template. */
static int render_text(struct template_parts *p)
{
    struct template_row row;
    int rc = template_inline_read(p->name, &row, &p->memory);
    if (rc < 0)
        return err_add(rc, "template '%s'", p->name);
    if (rc > 0) {
        p->row = &row;
        rc = render_row(p);
        p->row = NULL;
        return rc;
    }
    if (p->prompt->n_turns > 0)
        return err_set(ERR_USAGE, "template '%s' has no place for the %zu earlier turns of the prompt", p->name,
                       p->prompt->n_turns);
    return template_parts_literal(p, p->name);
}

static int render_inline(struct template_parts *p)
{
    TRY(render_text(p));
    p->starts_with_bos |= !p->has_bos && vocab_adds_bos(p->vocab);
    return 0;
}

/* names */

#define N_ALIASES      2
#define TEMPLATE_NAMES 64

static const struct {
    const char *name, *row;
} aliases[N_ALIASES] = { { "plain", "raw" }, { "tiger", "tigerbot-web" } };

static const struct template_row *row_find(const char *name)
{
    size_t n;
    const struct template_row *rows = template_rows(&n);
    for (size_t i = 0; i < N_ALIASES; i++)
        if (strcmp(name, aliases[i].name) == 0)
            name = aliases[i].row;
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, rows[i].name) == 0)
            return &rows[i];
    return NULL;
}

/* For messages: "auto" and the rows.  The number of them. */
static size_t name_all(const char *names[TEMPLATE_NAMES])
{
    size_t n;
    const struct template_row *rows = template_rows(&n);
    assert(n < TEMPLATE_NAMES);
    names[0] = "auto";
    for (size_t i = 0; i < n; i++)
        names[i + 1] = rows[i].name;
    return n + 1;
}

int template_check(const char *template_name)
{
    const char *names[TEMPLATE_NAMES];
    if (strchr(template_name, '{'))
        return template_inline_check(template_name);
    return strcmp(template_name, "auto") == 0 || row_find(template_name)
               ? 0
               : err_unknown(ERR_USAGE, "template", template_name, names, name_all(names));
}

static int ask(const char *why)
{
    const char *names[TEMPLATE_NAMES];
    struct text all = { 0 };
    size_t n = name_all(names);
    for (size_t i = 1; i < n; i++)
        text_addf(&all, "%s%s", i > 1 ? ", " : "", names[i]);
    err_set(ERR_USAGE, "%s: name one (--template NAME, or template = in a script) of: %s", why, text_s(&all));
    text_free(&all);
    return ERR_USAGE;
}

/* The row for a prompt that names none. */
static int choose(const struct template_parts *p, const char *chat_template, const char **name)
{
    const struct prompt *q = p->prompt;
    bool chat = q->n_turns > 0 || prompt_field(q, "system") || prompt_field(q, "instruction");
    bool alone = q->n_turns == 0 && !prompt_field(q, "system");
    *name = "raw";
    if (!chat)
        return 0;
    if (chat_template && *chat_template) {
        *name = template_known(chat_template);
        return *name ? 0 : ask("the checkpoint's chat template is not one of those that are known");
    }
    if (vocab_has_marks(p->vocab))
        *name = "tigerbot-web";
    else if (!alone)
        return ask("the checkpoint has no chat template, which turns and a system text need");
    return 0;
}

static int render(struct template_parts *p, const char *chat_template)
{
    const char *name = p->name;
    if (strchr(name, '{'))
        return render_inline(p);
    if (strcmp(name, "auto") == 0)
        TRY(choose(p, chat_template, &name));
    TRY(template_check(name));
    p->row = row_find(name);
    return render_row(p);
}

static void add_control(const struct vocab *v, const char *piece, struct symbols *control)
{
    int64_t id = vocab_find_added(v, piece);
    if (id >= 0)
        symbols_add(control, &(sym_t){ (sym_t)id }, 1);
}

/* The tokens that no text of a prompt may become, besides the special ones. */
static void find_control(const struct vocab *v, struct symbols *control)
{
    size_t n;
    const struct template_row *rows = template_rows(&n);
    symbols_add(control, vocab_space(v)->ends, vocab_space(v)->n_ends);
    if (vocab_bos(v) >= 0)
        symbols_add(control, &(sym_t){ (sym_t)vocab_bos(v) }, 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; rows[i].marks[k]; k++)
            add_control(v, rows[i].marks[k], control);
}

int template_render(struct vocab *v, const char *chat_template, const struct prompt *p, struct symbols *out)
{
    const char *name = p->template_name ? p->template_name : "auto";
    struct template_parts parts = { .vocab = v, .prompt = p, .name = name };
    struct symbols control = { 0 };
    size_t before = out->n;
    int rc = render(&parts, chat_template);
    if (rc == 0 && parts.starts_with_bos)
        symbols_add(out, &(sym_t){ (sym_t)vocab_bos(v) }, 1);
    find_control(v, &control);
    if (rc == 0)
        rc = vocab_encode_guarded(v, &(struct vocab_text){ parts.part, parts.n }, &control, out);
    if (rc < 0)
        out->n = before;
    free(control.s);
    free(parts.part);
    free(parts.memory);
    return rc;
}

/* list templates: what each row makes of a prompt; --json gives the rows themselves. */
#include "cli/list_templates.h"
#include "base/doc.h"
#include "cli/console.h"
#include "model/template_rows.h"
#include <stdio.h>
#include <string.h>

static const char *const places[] = {
    [TEMPLATE_SYSTEM_NONE] = "none",
    [TEMPLATE_SYSTEM_OWN] = "a block of its own",
    [TEMPLATE_SYSTEM_FIRST] = "in the user's first turn",
    [TEMPLATE_SYSTEM_LAST] = "in the user's last turn",
};

static void print_text(const char *what, const char *s)
{
    struct text t = { 0 };
    text_add_json(&t, s, strlen(s));
    printf("      %-16s %s\n", what, text_s(&t));
    text_free(&t);
}

static void print_marks(const struct template_row *w)
{
    struct text t = { 0 };
    for (size_t i = 0; w->marks[i]; i++) {
        text_add(&t, i > 0 ? " " : "");
        text_add_json(&t, w->marks[i], strlen(w->marks[i]));
    }
    printf("      %-16s %s\n", "marks", t.len > 0 ? t.s : "none: its marks are text");
    text_free(&t);
}

static void print_row(const struct args *a, const struct template_row *w)
{
    printf("%s%-20s%s %s\n", console_colour(CONSOLE_BOLD), w->name, console_colour(CONSOLE_PLAIN), w->meaning);
    if (w->is_text)
        return;
    printf("      %-16s %s\n", "system", places[w->place]);
    if (w->system_default && *w->system_default)
        print_text("system default", w->system_default);
    printf("      %-16s %s\n", "turns", w->alternates ? "alternate, the user's first" : "in any order");
    print_marks(w);
    if (!a->verbose)
        return;
    print_text("begin", w->begin);
    print_text("user", w->user.before);
    print_text("", w->user.after);
    print_text("assistant", w->assistant.before);
    print_text("", w->assistant.after);
    print_text("answer", w->answer);
    printf("      %-16s %s\n", "source", w->source);
}

static void add_param(json_t *params, const char *name, const char *meaning)
{
    json_array_append_new(params, json_pack("{s:s, s:s, s:s, s:b}", "name", name, "meaning", meaning, "kind", "text",
                                            "required", strcmp(meaning, "the user's last text") == 0));
}

/* The parts of a prompt that the row has places for. */
static json_t *params_doc(const struct template_row *w)
{
    json_t *params = json_array();
    add_param(params, w->is_text ? "text" : "instruction", "the user's last text");
    add_param(params, "context", w->input ? "behind it" : "in front of it, with an empty line");
    if (w->place != TEMPLATE_SYSTEM_NONE)
        add_param(params, "system", places[w->place]);
    if (!w->is_text)
        add_param(params, "turns", "what was said before");
    return params;
}

static json_t *turn_doc(const struct template_turn *t)
{
    return t->before ? json_pack("{s:s, s:s, s:b}", "before", t->before, "after", t->after, "trims", t->trims)
                     : json_null();
}

static void print_json(const struct template_row *w)
{
    struct text t = { 0 };
    json_t *marks = json_array();
    for (size_t i = 0; w->marks[i]; i++)
        json_array_append_new(marks, json_string(w->marks[i]));
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:o, s:s, s:s?, s:o, s:s, s:o, s:o, s:o, s:s, s:b, s:b}", "name", w->name, "meaning",
                  w->meaning, "source", w->source, "params", params_doc(w), "system_place", places[w->place],
                  "system_default", w->system_default, "marks", marks, "begin", w->begin, "system",
                  turn_doc(&w->system), "user", turn_doc(&w->user), "assistant", turn_doc(&w->assistant), "answer",
                  w->answer, "turns", !w->is_text, "alternates", w->alternates);
    doc_canonical(&t, o);
    puts(text_s(&t));
    text_free(&t);
    json_decref(o);
}

int list_templates(const struct args *a)
{
    size_t n;
    const struct template_row *rows = template_rows(&n);
    for (size_t i = 0; i < n; i++)
        if (a->json)
            print_json(&rows[i]);
        else
            print_row(a, &rows[i]);
    if (!a->json && !a->quiet)
        printf(
            "%s\n%s\n%s\n", "Or auto: the checkpoint's own where it is known; raw for a prompt without instruction.",
            "Or a text with {field} places: \"Q: {text}\\nA:\" in a script, $'Q: {text}\\nA:' in a shell; with turns:",
            "\"{#system}{text}\\n\\n{#user}Q: {text}\\n{#assistant}A: {text}\\n{#answer}A:\".");
    return 0;
}

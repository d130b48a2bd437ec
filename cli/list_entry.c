#include "cli/list_entry.h"
#include "base/spec.h"
#include "base/text.h"
#include "cli/console.h"
#include "cli/list_cases.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[] = { "number", "integer", "text", "list", "word" }; /* of enum param_kind */

static void range(struct text *t, const struct param *p)
{
    text_add(t, p->min_open || isinf(p->min) ? "(" : "[");
    text_add_real(t, p->min);
    text_add(t, ", ");
    bool unbounded = isinf(p->max) || (p->kind == PARAM_INT && p->max >= UINT32_MAX);
    if (unbounded)
        text_add(t, "inf)");
    else {
        text_add_real(t, p->max);
        text_add(t, "]");
    }
}

/* The words of a parameter, its default first. */
static void add_words(struct text *t, const struct param *p, const char *between)
{
    text_add(t, p->words[(size_t)p->value]);
    for (size_t i = 0; p->words[i]; i++)
        if (i != (size_t)p->value)
            text_addf(t, "%s%s", between, p->words[i]);
}

static void print_param(const struct param *p)
{
    struct text t = { 0 };
    text_addf(&t, "%s %s", p->name, kinds[p->kind]);
    if (p->kind == PARAM_WORD) {
        text_add(&t, " ");
        add_words(&t, p, "|");
    }
    if (p->kind == PARAM_REAL || p->kind == PARAM_INT) {
        text_add(&t, " in ");
        range(&t, p);
    }
    if (p->required)
        text_add(&t, ", required");
    else if (p->kind == PARAM_REAL || p->kind == PARAM_INT) {
        text_add(&t, ", default ");
        text_add_real(&t, p->value);
    }
    printf("      %-44s %s\n", text_s(&t), p->meaning ? p->meaning : "");
    text_free(&t);
}

static void add_member(struct text *t, const char *key, const char *value)
{
    text_addf(t, "%s\"%s\":", t->s && t->s[t->len - 1] != '{' ? "," : "", key);
    if (value)
        text_add_json(t, value, strlen(value));
    else
        text_add(t, "null");
}

static void add_words_json(struct text *t, const struct param *p)
{
    text_add(t, ",\"words\":[");
    for (size_t i = 0; p->words[i]; i++) {
        text_add(t, i > 0 ? "," : "");
        text_add_json(t, p->words[i], strlen(p->words[i]));
    }
    text_add(t, "]");
    add_member(t, "default", p->words[(size_t)p->value]);
}

static void add_param_json(struct text *t, const struct param *p, const char *open)
{
    bool number = p->kind == PARAM_REAL || p->kind == PARAM_INT;
    text_add(t, open);
    add_member(t, "name", p->name);
    add_member(t, "meaning", p->meaning);
    add_member(t, "kind", kinds[p->kind]);
    if (number) {
        struct text r = { 0 };
        range(&r, p);
        add_member(t, "range", text_s(&r));
        text_free(&r);
    }
    if (number && !p->required && isfinite(p->value)) {
        text_add(t, ",\"default\":");
        text_add_real(t, p->value);
    }
    if (p->kind == PARAM_WORD)
        add_words_json(t, p);
    text_addf(t, ",\"required\":%s}", p->required ? "true" : "false");
}

static void add_case(struct text *t, const struct list_entry *e)
{
    const struct list_case *c = e->kind ? list_case(e->kind, e->name) : NULL;
    if (!c)
        return;
    text_add(t, ",\"case\":{");
    add_member(t, "file", c->file);
    add_member(t, "id", c->id);
    text_add(t, "}");
}

static void add_measure_json(struct text *t, const struct list_measure *m)
{
    add_member(t, "level", m->level);
    add_member(t, "unit", m->unit);
    text_addf(t, ",\"direction\":%d", m->direction);
    console_member(t, "minimum", m->min);
    console_member(t, "maximum", m->max);
}

static void print_measure(const struct list_measure *m)
{
    struct text t = { 0 };
    range(&t, &(struct param){ .min = m->min, .max = m->max, .min_open = isinf(m->min) });
    printf("      of %s %s, %s in %s%s\n", strchr("ai", m->level[0]) ? "an" : "a", m->level, m->unit, text_s(&t),
           m->direction > 0   ? ", more is better"
           : m->direction < 0 ? ", less is better"
                              : "");
    text_free(&t);
}

static void print_json(const struct list_entry *e)
{
    struct text t = { 0 };
    text_add(&t, "{");
    add_member(&t, "name", e->name);
    if (e->kind)
        add_member(&t, "kind", e->kind);
    add_member(&t, "meaning", e->meaning);
    add_member(&t, "source", e->source);
    if (e->domain)
        add_member(&t, "domain", e->domain);
    if (e->chain)
        add_member(&t, "chain", e->chain);
    if (e->measure)
        add_measure_json(&t, e->measure);
    text_add(&t, ",\"params\":[");
    for (size_t i = 0; i < e->n_params; i++)
        add_param_json(&t, &e->params[i], i == 0 ? "{" : ",{");
    text_add(&t, "]");
    add_case(&t, e);
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

void list_entry_print(const struct args *a, const struct list_entry *e)
{
    if (a->json) {
        print_json(e);
        return;
    }
    printf("%s%-20s%s %s\n", console_colour(CONSOLE_BOLD), e->name, console_colour(CONSOLE_PLAIN),
           e->meaning ? e->meaning : "");
    if (e->chain)
        printf("      %s\n", e->chain);
    if (e->measure)
        print_measure(e->measure);
    for (size_t i = 0; i < e->n_params; i++)
        print_param(&e->params[i]);
    if (a->verbose && e->source)
        printf("      source: %s\n", e->source);
}

/* Binding of a parsed step to its table row, and the canonical text. */
#include "base/err.h"
#include "base/spec.h"
#include <math.h>
#include <string.h>

static size_t find(const struct param params[], size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(params[i].name, name) != 0)
        i++;
    return i;
}

static int unknown_parameter(const char *name, const char *key, const struct param params[], size_t n)
{
    const char *names[SPEC_MAX_PARAMS];
    for (size_t i = 0; i < n; i++)
        names[i] = params[i].name;
    err_unknown(ERR_USAGE, "parameter", key, names, n);
    return err_add(ERR_USAGE, "%s", name);
}

static void add_range(struct text *t, const struct param *p)
{
    text_add(t, p->min_open || isinf(p->min) ? "(" : "[");
    text_add_real(t, p->min);
    text_add(t, ", ");
    text_add_real(t, p->max);
    text_add(t, isinf(p->max) ? ")" : "]");
}

static int out_of_range(const char *name, const struct param *p, double x)
{
    struct text t = { 0 };
    text_addf(&t, "%s: %s is ", name, p->name);
    text_add_real(&t, x);
    text_addf(&t, ", want %s in ", p->kind == PARAM_INT ? "an integer" : "a number");
    add_range(&t, p);
    err_set(ERR_USAGE, "%s", text_s(&t));
    text_free(&t);
    return ERR_USAGE;
}

static int check_number(const char *name, const struct param *p, double x)
{
    bool fits = x >= p->min && x <= p->max && !(p->min_open && x == p->min);
    if (!fits || (p->kind == PARAM_INT && x != floor(x)))
        return out_of_range(name, p, x);
    return 0;
}

int spec_word(const struct param *p, const char *word)
{
    for (int i = 0; p->words[i]; i++)
        if (strcmp(p->words[i], word) == 0)
            return i;
    return -1;
}

static int bind_word(const char *name, const struct param *p, struct spec_value *v)
{
    int place = spec_word(p, v->text);
    size_t n = 0;
    if (place < 0) {
        while (p->words[n])
            n++;
        err_unknown(ERR_USAGE, p->name, v->text, p->words, n);
        return err_add(ERR_USAGE, "%s", name);
    }
    v->number = place;
    v->text = NULL;
    return 0;
}

static int bind_one(const char *name, const struct param *p, const struct spec_arg *a, struct spec_value *v)
{
    *v = a->value;
    if (p->kind == PARAM_LIST) {
        if (!a->value.list)
            return err_set(ERR_USAGE, "%s: %s is %s, want a list like [a, b]", name, p->name, a->value.text);
        return 0;
    }
    if (a->value.list)
        return err_set(ERR_USAGE, "%s: %s is a list, want one value", name, p->name);
    if (p->kind == PARAM_TEXT)
        return 0;
    if (p->kind == PARAM_WORD)
        return bind_word(name, p, v);
    if (!a->is_number)
        return err_set(ERR_USAGE, "%s: %s is '%s', want a number", name, p->name, a->value.text);
    v->number = a->value.number + 0.0; /* -0 becomes 0: one value, one canonical text */
    return check_number(name, p, v->number);
}

int spec_bind(const struct spec_step *step, const struct param params[], size_t n_params, struct spec_value out[])
{
    bool seen[SPEC_MAX_PARAMS] = { false };
    size_t next = 0;
    for (size_t i = 0; i < n_params; i++)
        out[i] = (struct spec_value){ .number = params[i].value };
    for (size_t i = 0; i < step->n_args; i++) {
        const struct spec_arg *a = &step->args[i];
        size_t k = a->key ? find(params, n_params, a->key) : next++;
        if (k >= n_params && a->key)
            return unknown_parameter(step->name, a->key, params, n_params);
        if (k >= n_params)
            return err_set(ERR_USAGE, "%s takes %zu parameter%s, got %zu", step->name, n_params,
                           n_params == 1 ? "" : "s", step->n_args);
        if (seen[k])
            return err_set(ERR_USAGE, "%s: %s is given twice", step->name, params[k].name);
        seen[k] = true;
        TRY(bind_one(step->name, &params[k], a, &out[k]));
    }
    for (size_t i = 0; i < n_params; i++)
        if (params[i].required && !seen[i])
            return err_set(ERR_USAGE, "%s: %s is missing (%s)", step->name, params[i].name, params[i].meaning);
    return 0;
}

static bool at_default(const struct param *p, const struct spec_value *v)
{
    if (p->required)
        return false;
    if (p->kind == PARAM_TEXT)
        return v->text == NULL;
    if (p->kind == PARAM_LIST)
        return v->list == NULL;
    return v->number == p->value;
}

static void add_quoted(struct text *out, const char *s)
{
    text_add(out, "'");
    for (; *s; s++)
        text_addf(out, *s == '\'' ? "''" : "%c", *s);
    text_add(out, "'");
}

/* Bare when it reads back as one word. */
static void add_word(struct text *out, const char *s)
{
    if (*s && strcspn(s, "|=,()[]' \t\n\r\v\f") == strlen(s)) {
        text_add(out, s);
        return;
    }
    add_quoted(out, s);
}

/* A text that looks like a number is told from one by its quotes. */
static void add_scalar(struct text *out, const char *s)
{
    double x;
    (text_real(s, &x) ? add_quoted : add_word)(out, s);
}

/* An element of a list is a text for who reads it, '1.0' another than '1', unless the list is numeric. */
static void add_element(struct text *out, const struct param *p, const char *s)
{
    double x;
    if (p->numeric && text_real(s, &x))
        text_add_real(out, x);
    else
        add_word(out, s);
}

static void add_value(struct text *out, const struct param *p, const struct spec_value *v)
{
    if (p->kind == PARAM_TEXT) {
        add_scalar(out, v->text ? v->text : "");
    } else if (p->kind == PARAM_LIST) {
        text_add(out, "[");
        for (size_t i = 0; i < v->n_list; i++) {
            text_add(out, i > 0 ? ", " : "");
            add_element(out, p, v->list[i]);
        }
        text_add(out, "]");
    } else if (p->kind == PARAM_WORD) {
        text_add(out, p->words[(size_t)v->number]);
    } else {
        text_add_real(out, v->number);
    }
}

void spec_canonical(struct text *out, const char *name, const struct param params[], size_t n_params,
                    const struct spec_value v[])
{
    size_t n_set = 0;
    text_add(out, name);
    for (size_t i = 0; i < n_params; i++)
        n_set += !at_default(&params[i], &v[i]);
    if (n_set == 0)
        return;
    bool only_first = n_set == 1 && !at_default(&params[0], &v[0]);
    text_add(out, only_first ? "=" : "(");
    for (size_t i = 0, written = 0; i < n_params; i++) {
        if (at_default(&params[i], &v[i]))
            continue;
        text_add(out, written++ > 0 ? ", " : "");
        if (i > 0)
            text_addf(out, "%s=", params[i].name);
        add_value(out, &params[i], &v[i]);
    }
    text_add(out, only_first ? "" : ")");
}

#include "evalsets/item.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "evalsets/words.h"
#include <stdlib.h>
#include <string.h>

#define MAX_CHOICES  64
#define MAX_KEYWORDS 64
#define MAX_LINES    512  /* of a verse form */
#define MAX_LENGTH   1000 /* characters of a line */
#define MAX_TURNS    256
#define MAX_NAME     64

const char *const item_fields[] = { "context", "instruction", "text", "system" };

/* Fields that any item may have, then those of one kind. */
static const char *const common[] = { "id", "lang", "split", "text", "instruction", "context", "system", "turns" };
static const char *const generate_only[] = { "keywords", "form", "lines", "task" };
static const char *const choice_only[] = { "choices", "gold", "task" };
#define COUNT(a) (sizeof(a) / sizeof *(a))

int item_check_name(const char *where, const char *key, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t n = strlen(name);
    if (n == 0 || n > MAX_NAME || strspn(name, allowed) != n || name[0] == '.' || name[0] == '-')
        return err_set(
            ERR_DATA,
            "%s: '%s' is '%.100s', want 1 to %d ASCII letters, digits, '_', '-' or '.', the first no '-' or '.'", where,
            key, name, MAX_NAME);
    return 0;
}

static int check_length(const json_t *a, const char *where, const char *key, size_t max)
{
    size_t n = json_array_size(a);
    if (n < 1 || n > max)
        return err_set(ERR_DATA, "%s: '%s' has %zu elements, want 1 to %zu", where, key, n, max);
    return 0;
}

int item_strings(const json_t *o, const char *where, const char *key, size_t max, const char *const **list, size_t *n)
{
    json_t *a;
    TRY(doc_array(o, where, key, &a));
    TRY(check_length(a, where, key, max));
    size_t count = json_array_size(a);
    const char **s = mem_alloc(count, sizeof *s);
    *list = s;
    for (size_t i = 0; i < count; i++) {
        s[i] = json_string_value(json_array_get(a, i));
        if (!s[i] || !*s[i])
            return err_set(ERR_DATA, "%s: '%s'[%zu] is %s, want text", where, key, i, s[i] ? "empty" : "no string");
        for (size_t j = 0; j < i; j++)
            if (strcmp(s[i], s[j]) == 0)
                return err_set(ERR_DATA, "%s: '%s'[%zu] and [%zu] are both '%s'", where, key, j, i, s[i]);
    }
    *n = count;
    return 0;
}

static int check_member(const char *where, const char *key, const char *seen, const char *const names[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], seen) == 0)
            return 0;
    return err_add(err_unknown(ERR_DATA, key, seen, names, n), "%s", where);
}

static int check_item_fields(const json_t *o, const char *where, enum item_kind kind)
{
    const char *names[COUNT(common) + COUNT(generate_only)];
    size_t n = COUNT(common);
    memcpy(names, common, sizeof common);
    if (kind == ITEM_GENERATE) {
        memcpy(names + n, generate_only, sizeof generate_only);
        n += COUNT(generate_only);
    } else if (kind == ITEM_CHOICE) {
        memcpy(names + n, choice_only, sizeof choice_only);
        n += COUNT(choice_only);
    }
    return doc_known(o, where, "field", names, n);
}

static int read_turns(struct item *it, const json_t *o, const char *where)
{
    static const char *const fields[] = { "role", "text" }, *const roles[] = { "system", "user", "assistant" };
    json_t *a;
    if (!json_object_get(o, "turns"))
        return 0;
    TRY(doc_array(o, where, "turns", &a));
    TRY(check_length(a, where, "turns", MAX_TURNS));
    struct prompt_turn *turns = mem_alloc(json_array_size(a), sizeof *turns);
    it->prompt.turns = turns;
    it->prompt.n_turns = json_array_size(a);
    for (size_t i = 0; i < it->prompt.n_turns; i++) {
        const json_t *turn = json_array_get(a, i);
        if (!json_is_object(turn))
            return err_set(ERR_DATA, "%s: 'turns'[%zu] is no object with role and text", where, i);
        TRY(doc_known(turn, where, "field", fields, COUNT(fields)));
        TRY(doc_string(turn, where, "role", &turns[i].role));
        TRY(doc_string(turn, where, "text", &turns[i].text));
        TRY(check_member(where, "role", turns[i].role, roles, COUNT(roles)));
    }
    return 0;
}

static int read_prompt(struct item *it, const json_t *o, const char *where)
{
    struct prompt_field *fields = mem_alloc(ITEM_FIELDS, sizeof *fields);
    const char *asked = NULL;
    it->prompt.fields = fields;
    for (size_t i = 0; i < ITEM_FIELDS; i++) {
        const char *text = NULL, *name = item_fields[i];
        bool scored = it->kind == ITEM_TEXT && strcmp(name, "text") == 0;
        TRY(doc_maybe_string(o, where, name, &text));
        if (scored) {
            it->text = text;
            text = it->prompt.n_fields == 0 ? "" : NULL;
        }
        if (!text)
            continue;
        fields[it->prompt.n_fields++] = (struct prompt_field){ .name = name, .text = text };
        asked = strcmp(name, "context") == 0 || strcmp(name, "system") == 0 ? asked : text;
    }
    TRY(read_turns(it, o, where));
    TRY(doc_maybe_string(o, where, "task", &it->task));
    if (it->kind == ITEM_TEXT)
        return it->text && *it->text
                   ? 0
                   : err_set(ERR_DATA, "%s: 'text' is missing or empty: the text to be scored", where);
    if (!asked)
        return err_set(ERR_DATA, "%s: neither 'text' nor 'instruction': one is the prompt", where);
    if (it->kind == ITEM_GENERATE && !*asked)
        return err_set(ERR_DATA, "%s: the prompt is empty", where);
    return 0;
}

static int read_choices(struct item *it, const json_t *o, const char *where)
{
    int64_t gold;
    TRY(item_strings(o, where, "choices", MAX_CHOICES, &it->choices, &it->n_choices));
    if (it->n_choices < 2)
        return err_set(ERR_DATA, "%s: 'choices' has 1 element, want at least 2", where);
    TRY(doc_int(o, where, "gold", &gold));
    if (gold < 0 || (uint64_t)gold >= it->n_choices)
        return err_set(ERR_DATA, "%s: 'gold' is %lld, want 0 to %zu", where, (long long)gold, it->n_choices - 1);
    it->gold = (size_t)gold;
    return 0;
}

static int read_keywords(struct item *it, const json_t *o, const char *where)
{
    if (!json_object_get(o, "keywords"))
        return 0;
    TRY(item_strings(o, where, "keywords", MAX_KEYWORDS, &it->keywords, &it->n_keywords));
    for (size_t i = 0; i < it->n_keywords; i++)
        if (words_count(it->keywords[i], strlen(it->keywords[i])) == 0)
            return err_set(ERR_DATA, "%s: 'keywords'[%zu] is '%s': no word in it", where, i, it->keywords[i]);
    return 0;
}

static int read_form(struct item *it, const json_t *o, const char *where)
{
    json_t *a;
    bool named = json_object_get(o, "form") != NULL;
    if (named != (json_object_get(o, "lines") != NULL))
        return err_set(ERR_DATA, "%s: '%s' without '%s': a form is both", where, named ? "form" : "lines",
                       named ? "lines" : "form");
    if (!named)
        return 0;
    TRY(doc_string(o, where, "form", &it->form));
    TRY(doc_array(o, where, "lines", &a));
    TRY(check_length(a, where, "lines", MAX_LINES));
    uint32_t *lines = mem_alloc(json_array_size(a), sizeof *lines);
    it->lines = lines;
    it->n_lines = json_array_size(a);
    for (size_t i = 0; i < it->n_lines; i++) {
        const json_t *x = json_array_get(a, i);
        if (!json_is_integer(x))
            return err_set(ERR_DATA, "%s: 'lines'[%zu] is no integer, want 1 .. %d", where, i, MAX_LENGTH);
        if (json_integer_value(x) < 1 || json_integer_value(x) > MAX_LENGTH)
            return err_set(ERR_DATA, "%s: 'lines'[%zu] is %lld, want 1 .. %d", where, i,
                           (long long)json_integer_value(x), MAX_LENGTH);
        lines[i] = (uint32_t)json_integer_value(x);
    }
    return 0;
}

static int read_label(struct item *it, const json_t *o, const char *where, const struct item_rules *rules)
{
    TRY(doc_string(o, where, "id", &it->id));
    TRY(item_check_name(where, "id", it->id));
    TRY(doc_string(o, where, "lang", &it->lang));
    TRY(check_member(where, "lang", it->lang, rules->langs, rules->n_langs));
    it->split = "report";
    TRY(doc_maybe_string(o, where, "split", &it->split));
    TRY(check_member(where, "split", it->split, rules->splits, rules->n_splits));
    struct text address = { 0 };
    text_addf(&address, "%s/%s", rules->evalset, it->id);
    it->hash = hash_string(text_s(&address));
    text_free(&address);
    return 0;
}

int item_read(struct item *it, const json_t *o, const char *where, const struct item_rules *rules)
{
    *it = (struct item){ .kind = rules->kind };
    if (!json_is_object(o))
        return err_set(ERR_DATA, "%s: want a JSON object", where);
    TRY(check_item_fields(o, where, it->kind));
    TRY(read_label(it, o, where, rules));
    TRY(read_prompt(it, o, where));
    if (it->kind == ITEM_CHOICE)
        TRY(read_choices(it, o, where));
    TRY(read_keywords(it, o, where));
    return read_form(it, o, where);
}

/* The arrays are this file's own; const keeps others from writing. */
static void drop(const void *p)
{
    free((void *)(uintptr_t)p);
}

void item_fini(struct item *it)
{
    drop(it->prompt.fields);
    drop(it->prompt.turns);
    drop(it->choices);
    drop(it->keywords);
    drop(it->lines);
    *it = (struct item){ 0 };
}

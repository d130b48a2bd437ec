/* Task tags of any text, at the beginning of a prompt and as a field: what is read is names and texts of the input, and
 * written out as a tag it reads back as the same. */
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "evalsets/tag.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void write_tag(struct text *t, const struct tag *tag)
{
    text_addf(t, "<task:%s", tag->task);
    for (size_t i = 0; i < tag->n_args; i++) {
        text_addf(t, " %s=\"", tag->args[i].name);
        for (const char *s = tag->args[i].text; *s; s++)
            text_addf(t, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
        text_add(t, "\"");
    }
    text_add(t, ">");
}

static bool same(const struct tag *a, const struct tag *b)
{
    if (a->n_args != b->n_args || strcmp(a->task, b->task) != 0)
        return false;
    for (size_t i = 0; i < a->n_args; i++)
        if (strcmp(a->args[i].name, b->args[i].name) != 0 || strcmp(a->args[i].text, b->args[i].text) != 0)
            return false;
    return true;
}

/* Quotes may make a tag longer than one may be. */
static void read_back(const struct tag *tag)
{
    struct text t = { 0 };
    struct tag again;
    const char *rest;
    write_tag(&t, tag);
    int rc = tag_read("written", t.s, &again, &rest);
    if (rc > 0 ? !same(tag, &again) || *rest : rc == 0 || !strstr(err_text(), "no end within"))
        abort();
    tag_fini(&again);
    text_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = mem_alloc(n + 1, 1);
    struct tag t;
    const char *rest;
    if (n > 0)
        memcpy(text, data, n);
    if (tag_read("input", text, &t, &rest) > 0)
        read_back(&t);
    if (rest < text || rest > text + strlen(text))
        abort();
    tag_fini(&t);
    if (tag_read_inside("input", text, &t) > 0)
        read_back(&t);
    tag_fini(&t);
    struct prompt_field field = { "text", text };
    struct item item = { .id = "i", .task = text, .prompt = { .fields = &field, .n_fields = 1 } };
    for (int k = 0; k < 2; k++) {
        struct tag_prompt p;
        if (tag_item("input", &item, &p) == 0 && !prompt_field(&p.prompt, "text"))
            abort();
        tag_prompt_fini(&p);
        item.task = NULL;
    }
    free(text);
    return 0;
}

#include "cli/clean.h"
#include <stdio.h>
#include <string.h>

void clean_print(const char *s)
{
    struct text t = { 0 };
    text_add_shown(&t, s, strlen(s));
    fputs(text_s(&t), stdout);
    text_free(&t);
}

json_t *clean_json(const char *s)
{
    struct text t = { 0 };
    text_add_json(&t, s, strlen(s));
    json_t *o = json_loadb(text_s(&t), t.len, JSON_DECODE_ANY, NULL);
    text_free(&t);
    return o;
}

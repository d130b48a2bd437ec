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

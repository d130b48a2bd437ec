#include "cli/clean.h"
#include <stdio.h>
#include <string.h>

void clean_print_wide(const char *s, int width)
{
    struct text t = { 0 };
    text_add_shown(&t, s, strlen(s));
    printf("%-*s", width, text_s(&t));
    text_free(&t);
}

void clean_print(const char *s)
{
    clean_print_wide(s, 0);
}

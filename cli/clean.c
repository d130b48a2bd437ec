#include "cli/clean.h"
#include "base/columns.h"
#include <stdio.h>
#include <string.h>

void clean_print_wide(const char *s, size_t columns)
{
    struct text t = { 0 };
    text_add_shown(&t, s, strlen(s));
    columns_pad(&t, 0, columns);
    fputs(text_s(&t), stdout);
    text_free(&t);
}

void clean_print(const char *s)
{
    clean_print_wide(s, 0);
}

#include "base/prompt.h"
#include <string.h>

const char *prompt_field(const struct prompt *p, const char *name)
{
    for (size_t i = 0; i < p->n_fields; i++)
        if (strcmp(p->fields[i].name, name) == 0)
            return p->fields[i].text;
    return NULL;
}

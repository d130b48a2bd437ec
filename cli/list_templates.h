#ifndef CLI_LIST_TEMPLATES_H
#define CLI_LIST_TEMPLATES_H

#include "cli/options.h"

int list_templates(const struct args *a); /* the rows of model/template_rows.h to stdout; 0 */

#endif

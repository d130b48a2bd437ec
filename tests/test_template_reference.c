/* model/template: every named template gives the ids of transformers' apply_chat_template, over byte-level BPE. */
#include "base/err.h"
#include "tests/lib/check.h"
#include "tests/lib/template_cases.h"

int main(void)
{
    check(template_cases_run("bytes"), "%s", err_text());
    return check_done("template_reference");
}

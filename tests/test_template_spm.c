/* The same over SentencePiece tokenizers, whose beginnings and white space behind marks are their own. */
#include "base/err.h"
#include "tests/lib/check.h"
#include "tests/lib/template_cases.h"
#include <stdio.h>

int main(void)
{
    if (!template_cases_run("spm")) {
        printf("template_spm: skipped: %s\n", err_text());
        return 77;
    }
    return check_done("template_spm");
}

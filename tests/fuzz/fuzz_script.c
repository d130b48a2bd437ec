/* Scripts of any text: they end in a document or a message, within their limits. */
#include "base/err.h"
#include "experiments/script.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const sets[] = { "n=3", "name=x" };
    struct text source = { 0 };
    text_addn(&source, (const char *)data, n);
    text_s(&source);
    json_t *o = script_run("fuzz.lua", &source, sets, 2);
    if (!o && strncmp(err_text(), "fuzz.lua:", 9) != 0)
        abort();
    json_decref(o);
    text_free(&source);
    return 0;
}

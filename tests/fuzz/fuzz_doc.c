/* JSON documents: what is read has a canonical text, which reads as itself. */
#include "base/doc.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_t *o = doc_read("input", (const char *)data, n);
    if (!o)
        return 0;
    struct text first = { 0 }, second = { 0 };
    doc_canonical(&first, o);
    json_t *again = doc_read("canonical", text_s(&first), first.len);
    if (!again)
        abort();
    doc_canonical(&second, again);
    if (first.len != second.len || memcmp(first.s, second.s, first.len) != 0)
        abort();
    text_clear(&second);
    doc_pretty(&second, o);
    text_free(&first);
    text_free(&second);
    json_decref(again);
    json_decref(o);
    return 0;
}

/* Lines of `pool`: the answer is one JSON object whose numbers are finite, or an error. */
#include "base/doc.h"
#include "ensemble/pool_line.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text out = { 0 };
    int rc = pool_line((const char *)data, n, "linear", &out);
    json_t *answer = doc_read("answer", text_s(&out), out.len);
    if (!answer || (rc < 0) != (json_object_get(answer, "error") != NULL))
        abort();
    json_decref(answer);
    text_free(&out);
    return 0;
}

/* Lines of `dist`: the answer is one JSON object whose numbers are finite, or an error; the table for people fails alike. */
#include "base/doc.h"
#include "decode/dist.h"
#include "ensemble/pool_line.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text out = { 0 };
    struct dist *d = dist_alloc();
    dist_set(d, &(struct dist_options){ .pool = pool_line_pooled });
    int rc = dist_line(d, (const char *)data, n, &out);
    json_t *answer = doc_read("answer", text_s(&out), out.len);
    if (!answer || (rc < 0) != (json_object_get(answer, "error") != NULL))
        abort();
    json_decref(answer);
    text_clear(&out);
    if (dist_explain(d, (const char *)data, n, &out) != rc)
        abort();
    text_free(&out);
    dist_free(d);
    return 0;
}

/* config.json of any bytes, for plan: what is accepted has sizes whose products fit. */
#include "model/shape.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct shape s;
    json_t *o = doc_read("config.json", (const char *)data, n);
    if (o && shape_read(o, "config.json", &s) == 0 &&
        (s.parameters == 0 || s.idle > s.parameters || s.embedding > s.parameters || shape_activations(&s) == 0 ||
         shape_kv_values(&s) / 2 / s.head_dim / s.n_kv_heads != s.n_layers))
        abort();
    json_decref(o);
    return 0;
}

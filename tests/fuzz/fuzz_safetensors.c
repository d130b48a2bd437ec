/* Safetensors files of any bytes: what is accepted lies within the file, so that every byte of every tensor can be read. */
#include "base/mem.h"
#include "model/safetensors.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct tensor_list list = { 0 };
    uint8_t *bytes = mem_aligned(n + 1, 1);
    memcpy(bytes, data, n);
    int rc = safetensors_read(&list, "input", bytes, n);
    uint64_t used = 0;
    for (size_t i = 0; i < list.n && rc == 0; i++) {
        used += list.t[i].bytes;
        if (list.t[i].data < (const void *)bytes || (const uint8_t *)list.t[i].data + list.t[i].bytes > bytes + n)
            abort();
    }
    if (used > n)
        abort();
    tensor_list_free(&list);
    free(bytes);
    return 0;
}

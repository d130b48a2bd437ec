/* NumPy files, any bytes: a header that is refused, or rows of the width that it says, no more of them than it says. */
#include "base/npy.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct npy a;
    FILE *in = n > 0 ? fmemopen((void *)(uintptr_t)data, n, "rb") : NULL;
    if (!in)
        return 0;
    if (npy_open(&a, in, "fuzz") == 0) {
        double sum = 0;
        uint64_t rows = 0;
        for (; npy_next(&a) > 0; rows++)
            for (size_t i = 0; i < a.n_columns; i++)
                sum += a.x[i];
        if (rows > a.n_rows || rows * a.n_columns * 4 > n)
            abort();
        static volatile double read; /* so that the compiler cannot leave the reading out */
        read = sum;
        (void)read;
    }
    npy_close(&a);
    fclose(in);
    return 0;
}

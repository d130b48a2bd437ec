#include "cuda/rows.h"
#include "cuda/rows_measure.h"

CUDA_KERNEL_OF(rows_measure, rows_measure_args, ROWS_THREADS, 2)
{
    CUDA_SHARED struct rows_reduce reduce;
    float *row = (float *)a.row[blockIdx.x];
    rows_measure_row(row, a.n, &reduce);
    if (threadIdx.x == 0 && a.told)
        a.told[blockIdx.x] = *rows_measured(row, a.n);
}

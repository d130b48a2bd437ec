#include "cuda/rows_measure.h"
#include "cuda/rows.h"

CUDA_KERNEL(rows_measure, rows_measure_args, ROWS_THREADS)
{
    CUDA_SHARED struct rows_reduce reduce;
    rows_measure_row((float *)a.row[blockIdx.x], a.n, &reduce);
}

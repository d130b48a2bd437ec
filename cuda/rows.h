/* Kernels over rows (model/device_rows.h), and how they are launched: one block of ROWS_THREADS threads for each row.
 *
 * The numbers of a row depend on it alone: not on the rest of a launch, and not on the card. */
#ifndef CUDA_ROWS_H
#define CUDA_ROWS_H

#include "cuda/dialect.h"
#include "model/device_rows.h"

#define ROWS_LAUNCH 512u        /* threads of a block of each kernel here */
#define ROWS_SHARED (88u << 10) /* dynamic shared memory of rows_decide, at most; the others have none */

/* rows_measure: row[i] gets its peaks and numbers, for i < the grid. */
struct rows_measure_args {
    void *const *row;             /* (grid,) */
    struct device_measured *told; /* (grid,) copies of the numbers, or NULL */
    uint32_t n;
};

/* rows_pool: makes pool[i].out, whole, with its peaks and numbers, and apart[i] where that is asked. */
struct rows_pool_args {
    const struct device_pooled *pool; /* (grid,) */
    struct device_apart *apart;       /* (grid,) */
    struct device_measured *told;     /* (grid,) or NULL */
    uint32_t n;
};

/* rows_decide: decided[i].  Nothing of the rows is written.  spare[i] is a row's block for decisions whose program
 * changes single scores; NULL where none does. */
struct rows_decide_args {
    const struct device_decision *item; /* (grid,) */
    const struct device_step *step;
    const struct device_pooled *pool;
    const uint32_t *symbol;
    const double *value;
    float *kept;                    /* (listed,) scratch */
    void *const *spare;             /* (grid,) */
    struct device_decided *decided; /* (grid,) */
    uint32_t n;
};

CUDA_DECLARE(rows_measure, rows_measure_args);
CUDA_DECLARE(rows_pool, rows_pool_args);
CUDA_DECLARE(rows_decide, rows_decide_args);

#endif

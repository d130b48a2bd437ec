/* Microseconds of pools of rows. */
#ifndef CLI_BENCH_POOLS_H
#define CLI_BENCH_POOLS_H

#include "cli/options.h"

/* bench --pools [--symbols N]: linear and log pools of two and four rows of 128,256 symbols, and a draw from each, on one thread,
 * beside measuring one row (maximum and log Z), which says how fast the machine is.  0 or < 0. */
int bench_pools(const struct args *a);

#endif

/* Microseconds of chains and of every transform of the table on one row. */
#ifndef CLI_BENCH_CHAINS_H
#define CLI_BENCH_CHAINS_H

#include "cli/options.h"

/* bench --chains: every transform with usual parameters on a peaked row of 128,256 symbols, and the chains that are measured
 * beside other systems.  0 or < 0. */
int bench_chains(const struct args *a);

/* One chain on one row of n scores: prints its line.  0 or < 0. */
int bench_chain(const struct args *a, const char *text, uint32_t n);

/* bench --lua: transforms of a script beside their twins in C.  0 or < 0. */
int bench_lua(const struct args *a);

#endif

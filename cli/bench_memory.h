/* Bytes in memory over those of weights, keys and values. */
#ifndef CLI_BENCH_MEMORY_H
#define CLI_BENCH_MEMORY_H

#include "cli/options.h"

/* Of each operand (cli/bench_subject.h): at rest, after a few steps of one sequence; at its peak, after a prefill of 512 and
 * steps of 32 slots.  0 or failure. */
int bench_memory(const struct args *a);

#endif

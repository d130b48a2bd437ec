/* Pools over bytes beside a pool over the same voices' tokens. */
#ifndef CLI_BENCH_BYTES_H
#define CLI_BENCH_BYTES_H

#include "cli/options.h"

/* Two operands of one vocabulary, else zoo:prose and zoo:verse.  Texts are drawn from equal mixtures; each form draws its own,
 * in turns, since the machine's speed drifts.  0 or failure. */
int bench_bytes(const struct args *a);

#endif

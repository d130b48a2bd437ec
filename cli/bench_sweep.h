/* A sweep of a strategy, as a run makes it, beside the same without sharing and beside independent batches of a peer.
 *
 * 12 temperatures x 8 draws x 32 prompts x 64 symbols; noise is common to the temperatures, as in a run. */
#ifndef CLI_BENCH_SWEEP_H
#define CLI_BENCH_SWEEP_H

#include "cli/options.h"

#define BENCH_SWEEP_OPTIONS                                                                                            \
    { "sweep", NULL, NULL,                                                                                             \
      "instead: 12 temperatures x 8 draws x 32 prompts x 64 symbols of the operands, with sharing and without" },      \
    {                                                                                                                  \
        "prompts", "N", NULL, "of --sweep: fewer of its prompts"                                                       \
    }

/* Of each operand (cli/bench_subject.h).  0 or failure. */
int bench_sweep(const struct args *a);

#endif

/* Single stream, prefill of 512 and 32 slots beside the bandwidth probe and a peer, in interleaved rounds.
 *
 * The speed of a shared machine drifts: within a round everything is measured in turn, ratios are taken within rounds, and
 * their medians are told. */
#ifndef CLI_BENCH_ROUNDS_H
#define CLI_BENCH_ROUNDS_H

#include "cli/options.h"

#define BENCH_ROUNDS_OPTIONS                                                                                           \
    { "rounds", "N", NULL, "instead: single stream, prefill and 32 slots of the operands in N interleaved rounds" },   \
        { "type", "TYPE", "bf16", "weight type of operands 'random:SHAPE'" },                                          \
    {                                                                                                                  \
        "peer", "PROGRAM", NULL,                                                                                       \
            "with --rounds and --sweep, beside files: PROGRAM FILE THREADS WHAT prints seconds (tests/peers/llama.c)"  \
    }

/* Each operand: a checkpoint, or "random:SHAPE" (model/random_weights.h).  0 or failure. */
int bench_rounds(const struct args *a, size_t n_rounds);

#endif

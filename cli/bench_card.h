/* A step of a device by itself: n slots of so many positions each, every slot with pages of its own, rows that stay there. */
#ifndef CLI_BENCH_CARD_H
#define CLI_BENCH_CARD_H

#include "cli/options.h"

#define BENCH_CARD_OPTIONS                                                                                             \
    { "card", NULL, NULL,                                                                                              \
      "instead, with --device: steps of --slots after --context positions each, rows stay there" },                    \
        { "slots", "N", "1", "of --card" },                                                                            \
    {                                                                                                                  \
        "context", "N", "512", "of --card"                                                                             \
    }

/* Each operand: a checkpoint, or "random:SHAPE".  What is told: seconds of a step (the median), and that over what reading the
 * weights once and each slot's keys and values takes at the bandwidth of a copy.  0 or failure. */
int bench_card(const struct args *a);

#endif

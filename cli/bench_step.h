/* Timing of whole steps as a run makes them: wants of n live searches, one core run, decisions in parallel, moves. */
#ifndef CLI_BENCH_STEP_H
#define CLI_BENCH_STEP_H

#include "base/threads.h"
#include "model/core.h"

struct bench_step {
    struct lm *const *lms; /* (n_lms,) of one space: as many searches of each */
    size_t n_lms;
    struct core *core;
    struct threads *threads;
    bool processor; /* time of all processors used, not of the clock: of one thread, whatever else the machine does */
    size_t n;       /* searches alive at once of each */
    uint32_t salt;  /* no two measurements share a prompt, or the row store would answer for the model */
};

/* Best seconds of a step over a few dozen, fewer where they are long, scaled to all searches alive.  0 or the failure of a
 * search. */
int bench_step(const struct bench_step *b, double *seconds);

#endif

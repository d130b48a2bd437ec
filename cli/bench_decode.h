/* Seconds of an lm's steps and prefills. */
#ifndef CLI_BENCH_DECODE_H
#define CLI_BENCH_DECODE_H

#include "model/core.h"

#define BENCH_DECODE_SLOTS 256u

struct bench_decode {
    struct lm *lm;
    struct core *core;
    uint32_t
        salt; /* another for each measurement: no prefix comes twice, or the row store would answer for the model */
};

/* Of one decode step of n <= BENCH_DECODE_SLOTS slots, which part after a shared prefix: the best of some.  0 or failure. */
int bench_decode_step(const struct bench_decode *b, size_t n, double *seconds);

/* Of n symbols at once and the row after them. */
int bench_decode_prefill(const struct bench_decode *b, size_t n, double *seconds);

#endif

/* The device that tests of devices run on: the emulated card (tests/emulate), or the one that CHORALE_DEVICE names. */
#ifndef TESTS_DEVICE_BENCH_H
#define TESTS_DEVICE_BENCH_H

#include "model/device_open.h"
#include "tests/lib/lm_bench.h"

#define DEVICE_BENCH_TEXT 24
extern const sym_t device_bench_text[DEVICE_BENCH_TEXT];
extern const struct config device_bench_small; /* a llama whose symbols that text has */

bool device_bench_emulated(void);
/* On a card and in campaigns everything; the emulator takes its time, so that each check has every architecture once. */
bool device_bench_whole(void);

/* To be closed by device_close(); NULL after a failed check.  Without a card that was asked for it skips the test. */
struct device *device_bench_open(enum device_order order);
/* Passes, graphs and replays so far. */
struct device_counts device_bench_counts(const struct device *d);

/* The last rows of the text, from its last n_steps symbols on a symbol at a time; last: the last of them.  0 or ERR_*. */
int device_bench_decode(struct bench *b, size_t n_steps, struct row *last);

#endif

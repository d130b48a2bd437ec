/* In which order the blocks of a launch run, and a block's threads between two barriers.  Under the emulator's lock. */
#ifndef EMULATE_TURNS_H
#define EMULATE_TURNS_H

#include <emulate.h>

/* Blocks and threads forward, reverse or shuffled by the seed, from the next launch on. */
void turns_set(enum emulate_order order, uint64_t seed);
void turns_begin(void); /* a launch: the environment's order, unless one was set */

/* Block `at` is the first of n, block (at + step) % n the next. */
struct turns_blocks {
    uint64_t at, step;
};
struct turns_blocks turns_blocks(uint64_t n);
void turns_threads(unsigned turn[], unsigned n); /* a permutation of 0 .. n - 1 */

#endif

/* Fibers: stacks that take turns on one thread. */
#ifndef EMULATE_FIBER_H
#define EMULATE_FIBER_H

#include <stddef.h>

struct fiber {
    void *at;    /* its stack pointer while others run */
    void *stack; /* lowest address */
};

#define FIBER_STACK ((size_t)256 << 10)

/* A stack with a guard page below it; never given back. */
void fiber_alloc(struct fiber *f);

/* The next switch to f begins entry(), which must not return. */
void fiber_set(struct fiber *f, void (*entry)(void));
void fiber_switch(struct fiber *from, struct fiber *to);

#endif

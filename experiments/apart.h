/* Work in a process of its own, where its crash cannot hurt the caller: fork, work, answer through a pipe.
 *
 * For one-threaded callers: a child of a process with more threads could meet locks that nobody will ever release. */
#ifndef EXPERIMENTS_APART_H
#define EXPERIMENTS_APART_H

#include "base/interrupt.h"
#include <stddef.h>

struct apart {
    const char *what;    /* "writing results.h5", for messages */
    int (*work)(void *); /* in the child: 0 or ERR_* with a message, both of which come back */
    void *ctx;
    void *answer; /* (n_answer,) within ctx: what the child leaves there comes back */
    size_t n_answer;
    interrupt_t *signal; /* the child is killed once it is set */
};

/* What work() gave, with its message; ERR_IO when the child crashed, ERR_MEMORY when it ran out of memory, ERR_SIGINT or
 * ERR_SIGTERM when it was killed because of *signal. */
int apart_run(const struct apart *a);

#endif

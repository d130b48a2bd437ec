/* Children: work in a process of its own, whose crash cannot hurt the caller, and whose last words come back through a pipe.
 *
 * For callers that have one thread: in the child of a process with more, locks may be held that nobody will ever release. */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int fd; /* what the child writes can be read here; it ends when the child does */
};

/* Forks.  In the child work(fd, ctx) runs, writing to fd what it has to say, and the process ends with status 0; it is killed
 * when its parent dies.  what: for messages.  0, ERR_IO, ERR_MEMORY. */
int child_start(struct child *c, const char *what, void (*work)(int fd, void *ctx), void *ctx);

/* In the child, last: a code, and the message that belongs to it. */
void child_answer(int fd, int code);

/* Waits; *status as waitpid() has it.  Afterwards c is nothing. */
void child_end(struct child *c, int *status);

/* What child_answer() wrote, (n,) bytes and a NUL: true, and *code, whose message becomes this thread's where it is an error.
 * false: that is no answer. */
bool child_answered(const char *s, size_t n, int *code);

#endif

/* Whether a signal asks the work to close: SIGINT or SIGTERM once one came, 0 before; NULL: nobody asks. */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <signal.h>

typedef const volatile sig_atomic_t interrupt_t;

/* 0, or ERR_SIGINT, ERR_SIGTERM with "interrupted while WHAT". */
int interrupt_check(interrupt_t *signal, const char *what);

#endif

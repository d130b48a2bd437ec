/* Whether a signal asks the work to close: SIGINT, SIGTERM or SIGHUP once one came, 0 before; NULL: nobody asks. */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <signal.h>

typedef const volatile sig_atomic_t interrupt_t;

/* 0, or ERR_SIGINT, ERR_SIGTERM (of SIGHUP too) with "interrupted while WHAT". */
int interrupt_check(interrupt_t *signal, const char *what);

/* What SIGINT, SIGTERM and SIGHUP do from now on, system calls not restarted: a handler, SIG_DFL or SIG_IGN.  A SIGHUP that
 * is ignored (nohup) stays so. */
void interrupt_install(void (*handler)(int number));

#endif

/* Signals that ask a verb to close what it writes. */
#ifndef CLI_CAUGHT_H
#define CLI_CAUGHT_H

#include "base/interrupt.h"

/* From now on the first SIGINT, SIGTERM or SIGHUP is kept for whoever asks, and a second SIGINT or SIGTERM stops the program
 * at once.  A SIGHUP that is ignored stays so. */
interrupt_t *caught_install(void);

#endif

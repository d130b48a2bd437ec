/* Signals that ask a verb to close what it writes. */
#ifndef CLI_CAUGHT_H
#define CLI_CAUGHT_H

#include "base/interrupt.h"

/* From now on the first SIGINT or SIGTERM is kept for whoever asks, and the second stops the program at once. */
interrupt_t *caught_signals(void);

#endif

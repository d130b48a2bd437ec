/* Time for measuring: limits, rates, benchmarks.  Nothing that is computed or stored may depend on it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

double clock_seconds(void); /* of a steady clock, from a moment of its own */

#endif

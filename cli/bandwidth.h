/* Bytes per second at which all threads together read memory that no cache holds: the limit of decoding, where every step
 * reads the weights once.  Measured: the best of many windows of half a gigabyte. */
#ifndef CLI_BANDWIDTH_H
#define CLI_BANDWIDTH_H

#include "base/threads.h"

/* Bytes per second, > 0; ERR_MEMORY when the buffer cannot be had. */
double bandwidth_measure(struct threads *t);

#endif

/* Whether two results hold the same numbers, texts and traces, bit for bit. */
#ifndef TESTS_LIB_SAME_H
#define TESTS_LIB_SAME_H

#include "experiments/results.h"

/* Checks it, one line a difference; what names the comparison. */
void same_results(const char *path_a, const char *path_b, const char *what);

#endif

/* Selective prediction: what is lost when the least confident predictions are left out (Geifman & El-Yaniv 2017).
 *
 * Sorted by confidence, best first (ties by index), the risk at k is the share of wrong ones among the first k. */
#ifndef EVALSETS_SELECTIVE_H
#define EVALSETS_SELECTIVE_H

#include <stdbool.h>
#include <stddef.h>

double selective_aurc(const double confidence[], const bool right[],
                      size_t n); /* mean risk over k = 1 .. n; NAN for n = 0 */
/* AURC less that of an oracle which puts every right one first. */
double selective_excess_aurc(const double confidence[], const bool right[], size_t n);

#endif

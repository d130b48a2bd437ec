/* Rewards: the number by which best(by=reward) chooses among the texts of an item.
 *
 * The script names a metric of single texts (or of their traces): reward = "coverage".  More is better; a metric of which less
 * is better counts with the other sign.  NAN, of an item that the metric does not apply to or a text that was not judged: such
 * a text cannot be chosen. */
#ifndef EXPERIMENTS_REWARD_H
#define EXPERIMENTS_REWARD_H

#include "experiments/measures.h"
#include "experiments/trace_metric.h"

struct reward {
    const struct metric_type *text; /* one of the two */
    const struct trace_metric *trace;
};

int reward_find(const char *name, struct reward *out); /* 0; ERR_USAGE: no such metric, or one of many texts */
double reward_of(const struct reward *r, const struct measures_record *x);
void reward_meaning(const struct reward *r, struct text *out); /* "coverage (share): ..."; appended */

#endif

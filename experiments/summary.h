/* A results file in numbers: mean and interval of every metric for every arm; whether a metric tells arms apart. */
#ifndef EXPERIMENTS_SUMMARY_H
#define EXPERIMENTS_SUMMARY_H

#include "experiments/results.h"
#include "experiments/stats.h"

struct summary_metric {
    const struct results_metric *metric;
    struct interval *arms; /* (n_arms,) mean over items of the mean over draws; arm-level metrics have no interval */
    size_t n_pairs;        /* pairs of arms with at least two items in common */
    size_t n_separated;    /* of them, after Holm's correction at 5 % */
    double least_p;        /* the smallest corrected p; NAN without pairs */
    size_t best_a, best_b; /* the arms of that pair, the first of those with the smallest p before the correction */
    bool in_range;         /* some arm's mean lies between 5 % and 95 % of the metric's range (true when unbounded) */
};

struct summary {
    struct summary_metric *metrics;
    size_t n_metrics, n_arms;
};

void summary_of(const struct results *r, struct summary *out);
/* Over the items of one task ("": those without); metrics that none of its items has are left out, and no pairs are tested. */
void summary_of_task(const struct results *r, const char *task, struct summary *out);
void summary_fini(struct summary *s);
const struct summary_metric *summary_find(const struct summary *s, const char *metric); /* NULL when absent */

#endif

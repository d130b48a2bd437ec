/* Metrics that are read off a record's trace rather than its text: entropies, how much the chain kept, disagreement.
 * They stand beside those of evalsets/metric.h in /metric of the results, level record. */
#ifndef EXPERIMENTS_TRACE_METRIC_H
#define EXPERIMENTS_TRACE_METRIC_H

#include "experiments/unit.h"

struct trace_metric {
    const char *name, *unit, *meaning;
    int direction;
    double min, max;
    double (*value)(const struct unit_record *r); /* NAN: not defined */
};

const struct trace_metric *trace_metrics(size_t *n);
const struct trace_metric *trace_metric_find(const char *name); /* NULL: none of these */
/* ERR_USAGE that lists both these and the metrics of texts, and suggests. */
int trace_metric_unknown(const char *name);

#endif

/* The content of a results file in memory, made from a plan and a journal: what results_write.c writes.
 *
 * Records stand in the order of (arm, item, draw); units that share a key share their records, so that nothing depends on
 * the order of the journal's frames. */
#ifndef EXPERIMENTS_RESULTS_TABLES_H
#define EXPERIMENTS_RESULTS_TABLES_H

#include "evalsets/metric.h"
#include "experiments/jobs.h"
#include "experiments/run.h"

struct tables_record {
    uint32_t arm, item, draw;
    const struct unit_result *unit;
    const struct unit_record *record;
    double judge_nll; /* NAN: not judged */
    double nll;       /* nats, all steps under the chain (generated) or the lm (text) */
    struct sample sample;
};

struct tables {
    const struct plan *plan;
    struct jobs jobs;
    struct unit_result *units; /* (jobs.n_units,) n_records 0: missing */
    char **payloads;           /* (jobs.n_units,) what the results point into */
    double *verdicts;          /* (n_verdicts,) */
    size_t n_verdicts, cap_verdicts;
    struct keymap verdict;         /* judge key -> verdicts */
    struct keymap failed;          /* keys that failed once; 1: counted */
    struct tables_record *records; /* (n_records,) */
    size_t n_records, cap_records;
    int64_t *first;     /* (n_arms, n_items, n_draws) first record of a unit; -1: missing */
    uint32_t *count;    /* the same shape */
    size_t *unit_first; /* (jobs.n_units,) first record, SIZE_MAX: not yet */
    json_t *fits;       /* array of fit results, in the order of the plan */
    json_t *sessions;   /* array, sorted by start */
    struct run_compacted state;
};

/* 0, ERR_IO, ERR_DAMAGED; tables_fini() in both cases. */
int tables_build(struct tables *t, const struct plan *p, const char *journal);
void tables_fini(struct tables *t);

/* Metrics: values as in /metric, by level. */
struct tables_metric {
    const char *name, *unit, *meaning;
    enum metric_level level;
    int direction;
    double min, max;
    double *value;
};
/* All metrics that are defined for at least one unit, by name; the array is for tables_metrics_fini(). */
struct tables_metric *tables_metrics(const struct tables *t, size_t *n);
void tables_metrics_fini(struct tables_metric *m, size_t n);

/* experiments/results_write.c: writes t as HDF5.  0 or ERR_IO. */
int results_write(const struct tables *t, const char *path);

#endif

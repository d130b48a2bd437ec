/* A row of any table, as `list` prints it. */
#ifndef CLI_LIST_ENTRY_H
#define CLI_LIST_ENTRY_H

#include "cli/options.h"

struct param;

/* Of a metric: what it is a number of, and which numbers. */
struct list_measure {
    const char *level, *unit;
    int direction;
    double min, max;
};

/* One row of any table, for people or for machines. */
struct list_entry {
    const char *kind; /* of a strategy: what sort it is; else NULL */
    const char *name, *meaning, *source;
    const char *domain;                 /* of a transform: what its formula speaks of; else NULL */
    const char *chain;                  /* of a preset: its text; else NULL */
    const struct list_measure *measure; /* of a metric; else NULL */
    const struct param *params;
    size_t n_params;
};

/* To stdout: for people, with --json a line of JSON, with --verbose the source too. */
void list_entry_print(const struct args *a, const struct list_entry *e);

#endif

/* A report by task: where an experiment's items are of several tasks, each has a table of arms and a frontier of its own, over
 * its items alone; items without a task are one more. */
#ifndef PLOTS_REPORT_TASKS_H
#define PLOTS_REPORT_TASKS_H

#include "plots/figure.h"

#define REPORT_TASKS 12 /* that are shown, those that come first among the items */

struct report_task {
    const char *name; /* "" for items without one; borrowed from the results */
    size_t n_items;
    struct summary summary; /* metrics that are defined for its items; no pairs */
    struct figure_data data;
};

struct report_tasks {
    struct report_task task[REPORT_TASKS];
    size_t n;  /* shown; 0 where all items are of one task */
    bool more; /* there are others */
};

void report_tasks_init(struct report_tasks *t, const struct results *r);
void report_tasks_fini(struct report_tasks *t);

void report_tasks_csv(struct text *out, const struct report_tasks *t);      /* arms.csv with a first column `task` */
void report_tasks_markdown(struct text *out, const struct report_tasks *t); /* a heading and a table each */

/* Appends the section of each task: its figure, drawn into folder as frontier-task-N, and its table.  0 or ERR_IO. */
int report_tasks_page(struct text *page, const struct report_tasks *t, const char *folder);
/* File stem of the figure of task i. */
void report_tasks_figure(size_t i, struct text *out);

#endif

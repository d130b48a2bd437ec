/* A task: one live piece of a run (a unit or a text before the judge), with the verbs of a search.
 *
 * task_feed() touches nothing but the task and may run in parallel; everything else belongs to the owner thread. */
#ifndef EXPERIMENTS_TASK_H
#define EXPERIMENTS_TASK_H

#include "experiments/jobs.h"
#include "experiments/lms.h"

struct task;
struct round;

/* What tasks are made from; borrowed. */
struct task_world {
    const struct plan *plan;
    struct lms *lms;
    struct chain **chains; /* (plan->n_choices,) */
};

/* NULL + what went wrong with this unit alone (its prompt is longer than the context, say). */
struct task *task_open_unit(const struct task_world *w, const struct job *job);
/* text: (n,) becomes the task's, also on failure. */
struct task *task_open_judge(const struct task_world *w, const struct judge_job *job, char *text, size_t n);
void task_close(struct task *t);

size_t task_want(struct task *t, struct want out[], size_t max); /* 0: finished; want room for TASK_WANTS */
/* Between the core's run and the feeds: 1: offered to the round, which runs before the feeds; 0: it reads rows; ERR_*. */
int task_offer(struct task *t, struct round *r, struct row_work *work);
int task_feed(struct task *t, struct row_work *work);
int task_move(struct task *t);
/* The payload of a finished task, appended; gives the bytes of its head (experiments/journal.h). */
size_t task_write(const struct task *t, struct text *payload);
struct unit_key task_key(const struct task *t);
/* Adds to the message of rc which unit it is, and how many more were under way; returns rc. */
int task_under_way(const struct task *t, int rc, size_t n_more);
const struct job *task_job(const struct task *t); /* NULL for a text before the judge; lives as long as the jobs */

#define TASK_WANTS 64

#endif

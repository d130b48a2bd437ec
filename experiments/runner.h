/* The runner: keeps a budget of live tasks, gathers what they want, runs the core once a round over all of it, feeds them
 * in parallel, moves them one after the other, and journals what is finished.
 *
 * Results do not depend on the budget, the threads or the order: a task's rows are a function of its prefix alone. */
#ifndef EXPERIMENTS_RUNNER_H
#define EXPERIMENTS_RUNNER_H

#include "experiments/run.h"
#include "experiments/task.h"
#include "model/core.h"
#include <time.h>

struct runner {
    const struct plan *plan;
    const struct run_options *options;
    struct jobs *jobs;
    struct journal *journal;
    struct lms *lms;
    struct lua_transforms *transforms; /* of the script; NULL: none */
    struct threads *threads;
    struct core *core;
    struct round *round;
    struct chain **chains;   /* (plan->n_choices,) */
    struct row_work **works; /* (threads,) */
    struct task **live;      /* (n_live,) at most batch */
    int *status;             /* (batch,) of the last feed */
    char **messages;         /* (batch,) of feeds that failed */
    size_t n_live, batch;
    struct want *wants; /* (n_wants,) of all live tasks, in their order */
    size_t n_wants, cap_wants;
    size_t *first; /* (n_live + 1,) where a task's wants begin */
    size_t next_unit, next_judge;
    struct text payload;
    size_t n_uncommitted;
    double started, committed_at, reported_at; /* seconds, monotonic */
    time_t started_at;
    double *arm_seconds; /* (plan->n_arms,) */
    struct run_progress progress;
    char *first_failure; /* NULL: none failed */
};

/* Opens lms, chains, threads; the rest is borrowed.  0 or < 0; runner_fini() in both cases. */
int runner_init(struct runner *r, const struct plan *p, struct jobs *jobs, struct journal *journal,
                const struct run_options *o);
void runner_fini(struct runner *r);

int runner_fits(struct runner *r);    /* computes what the journal does not hold, then gives all to the lms */
int runner_work(struct runner *r);    /* all units and texts of the jobs; 0, or why it stopped: a signal, I/O, memory */
int runner_session(struct runner *r); /* journals what the session cost and commits */

#endif

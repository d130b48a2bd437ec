/* What the files of the runner share. */
#ifndef EXPERIMENTS_RUNNER_INSIDE_H
#define EXPERIMENTS_RUNNER_INSIDE_H

#include "experiments/runner.h"

/* runner.c.  Asks every task what it wants; those that want nothing are finished, written and leave.  0, or what stops
 * the run. */
int runner_gather(struct runner *r);
/* A unit that fails is told to the journal, counts as not done, and does not stop the others.  0, or what stops the run: the
 * journal cannot be written. */
int runner_unit_failed(struct runner *r, struct unit_key key);

/* runner_round.c: computes what was gathered, decides and moves; tasks that fail leave.  0, or what stops the run. */
int runner_round(struct runner *r);

/* runner_chains.c: the chains of what arms do. */
int runner_chains_open(struct runner *r);   /* all but those that wait for a fit; 0 or ERR_USAGE */
int runner_chains_fitted(struct runner *r); /* the others, once the fits are known; 0, ERR_USAGE, ERR_DATA */

#endif

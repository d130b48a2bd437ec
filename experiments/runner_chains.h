/* The chains of what arms do, for runner.c. */
#ifndef EXPERIMENTS_RUNNER_CHAINS_H
#define EXPERIMENTS_RUNNER_CHAINS_H

#include "experiments/runner.h"

int runner_chains_open(struct runner *r);   /* all but those that wait for a fit; 0 or ERR_USAGE */
int runner_chains_fitted(struct runner *r); /* the others, once the fits are known; 0, ERR_USAGE, ERR_DATA */

#endif

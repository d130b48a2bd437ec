/* Writing results.h5 from a ledger. */
#ifndef EXPERIMENTS_RESULTS_WRITE_H
#define EXPERIMENTS_RESULTS_WRITE_H

#include "experiments/ledger.h"

/* Writes l as HDF5 and reads it back; l->state is complete afterwards.  0, ERR_IO, ERR_DATA, ERR_DAMAGED. */
int results_write(struct ledger *l, const char *path);

#endif

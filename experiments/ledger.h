/* The ledger: what a journal holds for a plan.  Where each unit's result lies, the judge's verdicts, fits, sessions, what
 * failed and what is damaged; the results themselves stay in the journal until they are asked for, so that memory is a
 * few words a unit. */
#ifndef EXPERIMENTS_LEDGER_H
#define EXPERIMENTS_LEDGER_H

#include "experiments/jobs.h"
#include "experiments/run.h"

struct ledger {
    const struct plan *plan;
    struct jobs jobs; /* of the whole plan */
    struct journal_reader *reader;
    struct journal_place *place; /* (jobs.n_units,) n 0: missing */
    double *verdicts;            /* (n_verdicts,) nats */
    size_t n_verdicts, cap_verdicts;
    struct keymap verdict; /* judge key -> verdicts */
    struct keymap failed;  /* keys that failed once or have no verdict; 1: counted */
    json_t *fits;          /* array of fit results, in the order of the plan; null: not there */
    json_t *sessions;      /* array, sorted by start */
    struct run_compacted state;
};

/* Reads and verifies the whole journal.  0, ERR_IO; ledger_fini() in both cases. */
int ledger_build(struct ledger *l, const struct plan *p, const char *journal);
void ledger_fini(struct ledger *l);

/* The index in jobs.units of the result that (arm, item, draw) shows. */
size_t ledger_index(const struct ledger *l, uint32_t arm, uint32_t item, uint32_t draw);

/* The payload of unit i, (*n,) for free(); NULL: missing, or ERR_IO, ERR_DAMAGED in *rc. */
void *ledger_fetch(struct ledger *l, size_t i, size_t *n, int *rc);

/* The verdict on a text, nats; NAN and counted in state when there is none. */
double ledger_verdict(struct ledger *l, uint32_t item, struct unit_key text);

#endif

/* The columns of a results file that have one stretch for every record: numbers of the record itself, and ragged arrays with
 * their offsets. */
#ifndef EXPERIMENTS_RESULTS_COLUMNS_H
#define EXPERIMENTS_RESULTS_COLUMNS_H

#include "experiments/h5.h"
#include "experiments/unit.h"

/* A record as the columns see it; everything is borrowed. */
struct results_row {
    const struct unit_result *unit;
    const struct unit_record *record;
    uint32_t arm, item, draw, end, n_symbols, n_voices, prompt; /* prompt: index into /prompt */
    double log_weight, nll, judge_nll, reward;
};

struct results_columns;
struct results_columns *results_columns_open(struct h5 *h, enum trace_kind level); /* of the run's traces */
void results_columns_add(struct results_columns *c, const struct results_row *r);
/* The index of the prompt of a unit: prompts are shared by most records, each distinct one is stored once. */
uint32_t results_columns_prompt(struct results_columns *c, const struct unit_result *u);
void results_columns_close(struct results_columns *c); /* writes what is left, and the units of measurement; frees */

#endif

/* results.h5 files of any size, and with any names in them, without a run: for tests of what reads them. */
#ifndef TESTS_LIB_RESULTS_FILE_H
#define TESTS_LIB_RESULTS_FILE_H

#include "experiments/results.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct results_file {
    uint32_t n_arms, n_items, n_draws;
    uint32_t n_lms;        /* arms are spread over them; the others differ by chain */
    uint32_t symbols;      /* of each text */
    uint32_t voices;       /* of each lm; 0: leaves */
    const char *weighting; /* of the last lm, in the plan; NULL: none */
    uint32_t n_fits;
    uint32_t n_tasks; /* items are of them in turn; 0: of none */
    bool searches;    /* arms of an lm have one chain: they differ by search, the last two by name alone */
    bool bare;        /* the creativity metric is not defined for the first task */
    const char *const
        *names; /* (n_names,) go round as names of lms, chains, items, metrics, prompts, ...; NULL: plain */
    size_t n_names;
};

/* 0 or ERR_IO.  Arm a is better than arm a - 1 by a little on every metric, so that pairs differ. */
int results_file_write(const char *path, const struct results_file *f);

/* Names that end strings, run commands, make markup, formulas and cells, and are no UTF-8; `touch CANARY` is in them. */
extern const char *const results_file_hostile[];
extern const size_t results_file_n_hostile;
#define RESULTS_FILE_CANARY "canary-of-a-name"

#endif

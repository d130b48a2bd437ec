/* The jobs of a run: its distinct units in the order of work, and the texts that wait for the judge.
 *
 * Order: items, then draws, then arms, so that one item's arms run side by side and share their prompts' passes. */
#ifndef EXPERIMENTS_JOBS_H
#define EXPERIMENTS_JOBS_H

#include "experiments/journal.h"
#include "experiments/keymap.h"

struct job {
    struct unit_key key;
    uint32_t arm, item, draw; /* the first unit with this key */
    bool done;
};

struct judge_job {
    struct unit_key key;
    uint32_t item;
    char *text; /* (n_text,) owned */
    size_t n_text;
};

struct jobs {
    const struct plan *plan;
    struct job *units; /* (n_units,) */
    size_t n_units, cap_units;
    struct keymap by_key;
    size_t n_done, n_records; /* done when loaded; (arm, item, draw) of the plan */
    struct judge_job *judge;  /* (n_judge,) distinct texts without a verdict yet */
    size_t n_judge, cap_judge;
    struct keymap judged; /* value 1: verdict in the journal; 0: waits */
    size_t n_judged;
    double *fits; /* (n_fits,) NAN: not in the journal */
};

/* All of the plan's (n_shards 0), or of one shard: items i with i % n_shards == shard - 1. */
void jobs_plan(struct jobs *j, const struct plan *p, uint32_t shard, uint32_t n_shards);
/* Marks what the journal of a run folder holds.  0, ERR_IO. */
int jobs_load(struct jobs *j, const char *journal);
void jobs_fini(struct jobs *j);

/* A finished unit's payload: its texts that no judge has seen become judge jobs. */
int jobs_finished(struct jobs *j, const struct job *unit, const void *payload, size_t n);

#endif

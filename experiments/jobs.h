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

/* A text that waits for the judge. */
struct judge_job {
    struct unit_key key, text_key;
    uint32_t item;
    char *text; /* (n_text,) owned; NULL: in the journal */
    size_t n_text;
    struct journal_place place; /* of its unit, where text is NULL */
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
    struct keymap failed; /* keys that failed at least once */
    size_t n_judged;
    json_t **fits;                 /* (n_fits,) results; NULL: not in the journal */
    struct journal_reader *reader; /* of what was loaded; NULL: nothing */
};

/* All of the plan's (n_shards 0), or of one shard: items i with i % n_shards == shard - 1. */
void jobs_plan(struct jobs *j, const struct plan *p, uint32_t shard, uint32_t n_shards);
void jobs_fini(struct jobs *j);

/* Marks what the journal of a run folder holds: by the seals of its segments, or by every frame, each verified.
 * 0, ERR_IO, ERR_DAMAGED. */
int jobs_load_sealed(struct jobs *j, const char *journal);
int jobs_load_verified(struct jobs *j, const char *journal);

/* A unit is finished and about to be journaled: its texts that no judge has seen become judge jobs. */
int jobs_finished(struct jobs *j, const struct job *unit, const void *payload, size_t n);

/* Every unit is done or has failed, every text is judged or its judging has failed; *failed: how many have. */
bool jobs_ended(const struct jobs *j, uint64_t *failed);
bool jobs_fits_missing(const struct jobs *j); /* some fit is not in the journal */

/* The text of judge job i, (*n,) for free(); it is given once.  NULL + ERR_DAMAGED, ERR_IO: its unit cannot be read. */
char *jobs_take_text(struct jobs *j, size_t i, size_t *n);

#endif

/* Counterfactual replay: every step of a run's texts decided again under another chain, from the rows that the run logged
 * (trace levels topk and full) with the same addressed noise; no model runs.
 *
 * Until the first step at which another symbol is taken, both texts are one, so that the step is exactly the one at which
 * a run of the other chain parts from this one.  Steps after it are decided again along the logged text (what the other
 * chain would have done there, not what its own text would have been), as long as the chain has no state of its own.
 *   full  exact.
 *   topk  certain where the tail cannot win, with its mass and the largest noise in it (partial.h); else undecided. */
#ifndef EXPERIMENTS_REPLAY_H
#define EXPERIMENTS_REPLAY_H

#include "experiments/results_trace.h"

#define REPLAY_NONE UINT32_MAX

struct replay_record {
    const struct results_record *record;
    uint32_t n_steps;          /* decisions: symbols, and one more where the chain left nothing */
    uint32_t decided;          /* of them decided again: fewer where a chain with state has parted */
    uint32_t first;            /* the first step that is not certain to be the same; n_steps: all are */
    uint32_t parted;           /* the first that is certain to differ; n_steps: none */
    sym_t logged, symbol;      /* at `parted`: what was taken, and what is; REPLAY_NONE: nothing, or not known */
    uint32_t n_parted, n_open; /* of the steps decided: that differ, that are undecided */
    double low, high; /* ln of the probability of the logged text under the other chain over that under its own:
                           bounds, equal where exact; NAN where not all steps were decided */
};

/* Of one arm, or of all. */
struct replay_summary {
    uint64_t records, same, parted, undecided; /* undecided: neither certain */
    uint64_t skipped;                          /* generated texts without rows, or of searches that are not replayed */
    uint64_t steps, n_parted, n_open;          /* of steps decided */
    double mean, median;                       /* symbols until parting, of the records that part; NAN: none */
    double low, high;                          /* mean log ratio of the records whose bounds are finite; NAN: none */
    uint64_t n_ratio;                          /* how many those are */
    uint64_t impossible;                       /* records that the other chain could not have said */
};

struct replay;

/* chain: another chain for all arms; NULL: each arm's own (a check of the log).  arm: of this name, or this part of
 * one, alone; NULL: all.  NULL + ERR_DATA (no rows were kept), ERR_USAGE, ERR_DAMAGED. */
struct replay *replay_open(struct results *r, const char *chain, const char *arm);
void replay_close(struct replay *x);
/* The next record: 1, 0 (no more), < 0. */
int replay_next(struct replay *x, struct replay_record *out);
/* So far; arm: an index, or REPLAY_NONE for all. */
struct replay_summary replay_summary(const struct replay *x, uint32_t arm);
/* Why records of an arm were skipped; NULL: none were. */
const char *replay_skipped(const struct replay *x, uint32_t arm);
const char *replay_chain(const struct replay *x, uint32_t arm); /* canonical */

#endif

/* A branch: one hypothesis on its way along an lm: its slot, its symbols, its chain's state.  What every search of this
 * folder is made of.
 *
 * A step of a branch: branch_want(), branch_rows() gives the lm's row and the chain's, branch_take() adds a decision,
 * branch_push() tells the lm.  rows and take touch nothing but the branch (search_feed()); push belongs to
 * search_move(). */
#ifndef DECODE_BRANCH_H
#define DECODE_BRANCH_H

#include "decode/search.h"

/* Where a decision is offered. */
struct round;
struct branch_there {
    struct round *round;
    const struct remote_row *row;
    const struct draw_type *draw;
    struct row_work *work;
};

struct branch {
    int slot; /* -1: none */
    struct hyp hyp;
    struct symbols made; /* the hypothesis as transforms see it */
    void *chain_state;   /* chain_state_size() bytes */
};

void branch_init(struct branch *b, const struct search *s); /* no slot, nothing said */
void branch_reserve(struct branch *b, size_t n);            /* room for n symbols without allocating */
void branch_fini(struct branch *b, const struct search *s); /* drops the slot; a zeroed branch with slot -1 is fine */
int branch_open(struct branch *b, struct search *s);        /* a slot for the prompt; s->prompt gets its symbols */
/* Everything but the slot. */
void branch_copy(struct branch *to, const struct branch *from, const struct search *s);

/* Whether the hypothesis is open; where the context is full it is ended at a limit first. */
bool branch_goes_on(struct branch *b, const struct search *s);
struct want branch_want(const struct branch *b, const struct search *s);
/* The address of its next draw: purpose RNG_DRAW, lane 0. */
struct rng_address branch_address(const struct branch *b, const struct search *s);

/* The lm's row after the branch, and in SCRATCH_ROW what the chain makes of it.  0, < 0. */
int branch_rows(struct branch *b, const struct search *s, struct row_work *work, struct row *given, struct row *final);
/* The decision that would be made of it, offered to a round: its number; ERR_*. */
int branch_offer(struct branch *b, const struct search *s, struct branch_there *there);
/* The chain's part of it, for a row read elsewhere. */
int branch_apply(struct branch *b, const struct search *s, struct row_work *work, const struct row *given,
                 struct row *final);
/* Adds a decision: text, stop rules, chain state.  work: where the row that it came from was changed, untouched since; or
 * NULL, for searches that defer their choices (struct search_type). */
void branch_take(struct branch *b, const struct search *s, struct row_work *work, const struct hyp_step *step);
/* Pushes the last symbol; the voices' trace goes into its step. */
int branch_push(struct branch *b, const struct search *s);
int branch_push_told(struct branch *b, const struct search *s); /* whose trace is in the step already */
/* A slot of its own for a branch whose last symbol follows `parent`, which names all before it. */
int branch_follow(struct branch *b, const struct search *s, int parent);
void branch_drop(struct branch *b, const struct search *s);

#endif

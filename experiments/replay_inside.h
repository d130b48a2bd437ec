/* The inside of struct replay, for replay*.c. */
#ifndef EXPERIMENTS_REPLAY_INSIDE_H
#define EXPERIMENTS_REPLAY_INSIDE_H

#include "decode/draw.h"
#include "experiments/lua_transforms.h"
#include "experiments/partial.h"
#include "experiments/replay.h"

/* How an arm, or what it becomes for a task, decided, and how it is decided again. */
struct replay_choice {
    const char *task;    /* NULL: the arm itself */
    struct chain *chain; /* the other */
    bool bound;          /* to the arm's space */
    bool walks;          /* its search draws each symbol from one row: by draw */
    struct draw draw;
    bool repeats; /* its draws were one */
    bool own;     /* the other chain is its own */
    double heat;  /* its own chain was nothing but this temperature; 0: it was more */
};

/* An arm. */
struct replay_arm {
    struct replay_choice *choices; /* (n_choices,) the arm itself first */
    size_t n_choices;
    const char *skipped; /* why records were */
    bool chosen;         /* to be replayed */
    struct replay_summary sum;
    double ratio_low, ratio_high; /* sums */
    uint32_t *until;              /* (sum.parted,) */
    size_t cap_until;
};

struct replay {
    struct results *r;
    struct results_traces *traces;
    struct replay_arm *arms; /* (n_arms,) */
    size_t n_arms;
    const char **tasks; /* (n_items,) of items; NULL: none */
    uint64_t seed;
    struct lua_transforms *transforms; /* of the run's script; NULL: none */
    size_t next;                       /* record */
    /* for spaces of up to work->n symbols */
    struct row_work *work;
    struct partial *partial;
    struct draw draw; /* of the present text */
    void *state;
    size_t cap_state;
};

/* Who decides a record again. */
struct replay_text {
    struct replay *x;
    struct replay_choice *choice;
    const struct results_record *record;
    const struct space *space;
    const sym_t *prompt;
    size_t n_prompt;
    const struct unit_trace *trace;
    struct results_tokens tokens;
};

/* All steps of it into out. */
int replay_steps(const struct replay_text *t, struct replay_record *out);
/* Adds a record to its arm's summary. */
void replay_count(struct replay_arm *arm, const struct replay_record *r);

#endif

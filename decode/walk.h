/* A walk: one hypothesis going symbol by symbol along an lm; what sample and greedy are made of.
 *
 * Only how the next symbol is chosen from the chain's distribution differs between them. */
#ifndef DECODE_WALK_H
#define DECODE_WALK_H

#include "decode/search.h"

typedef sym_t walk_choice(const struct row *r, const struct rng_key *k);

struct walk {
    int slot;     /* -1: none */
    bool decided; /* a step was fed and waits for its move */
    struct hyp hyp;
    struct symbols made; /* the hypothesis as transforms see it */
    void *chain_state;   /* chain_state_size() bytes */
};

/* The verbs of struct search_type over s->state, which is a struct walk. */
int walk_init(struct search *s);
int walk_want(struct search *s, struct want out[], size_t max);
int walk_feed(struct search *s, struct row_work *work, walk_choice *choose);
int walk_move(struct search *s);
const struct hyp *walk_hyps(const struct search *s, size_t *n);
void walk_fini(struct search *s);

#endif

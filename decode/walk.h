/* A walk: one branch going symbol by symbol along an lm; what sample and greedy are made of.
 *
 * Only how the next symbol is drawn from the chain's distribution differs between them. */
#ifndef DECODE_WALK_H
#define DECODE_WALK_H

#include "decode/branch.h"
#include "decode/draw.h"

struct walk {
    struct branch branch;
    bool decided;              /* a step was fed and waits for its move */
    bool stays;                /* its decisions can be made where rows stay */
    const struct round *round; /* its next decision is that round's; NULL: it reads rows */
    size_t answer;             /* number in it */
    struct draw draw;
};

/* The verbs of struct search_type over s->state, which is a struct walk; who inits sets draw.type before. */
int walk_init(struct search *s);
int walk_want(struct search *s, struct want out[], size_t max);
int walk_offer(struct search *s, struct round *r, struct row_work *work);
int walk_feed(struct search *s, struct row_work *work);
int walk_move(struct search *s);
const struct hyp *walk_hyps(const struct search *s, size_t *n);
void walk_fini(struct search *s);

#endif

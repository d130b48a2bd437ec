/* The best few hypotheses that have ended, of a beam. */
#ifndef DECODE_BEAM_POOL_H
#define DECODE_BEAM_POOL_H

#include "decode/hyp.h"

struct beam_done {
    struct hyp hyp;
    double score;
    int parent; /* whose slot gives its trace at the next move; -1: it has it */
};

/* Best first; among equals, who came first. */
struct beam_pool {
    struct beam_done *done; /* (max + 1,) */
    uint32_t n, max;
};

void beam_pool_init(struct beam_pool *p, uint32_t max);
void beam_pool_fini(struct beam_pool *p);
void beam_pool_add(struct beam_pool *p, const struct hyp *h, double score,
                   int parent); /* copies h, if it is good enough */

#endif

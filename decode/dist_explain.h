/* What an answer of `dist` is made of, and its form for people. */
#ifndef DECODE_DIST_EXPLAIN_H
#define DECODE_DIST_EXPLAIN_H

#include "decode/chain.h"
#include "decode/dist_line.h"

struct dist_told {
    const struct dist_line *line;
    const struct row *given, *final, *draft; /* draft: NULL where nothing proposed, or no row of it is given */
    const struct chain_report *report;       /* one entry a step of line->chain */
    double mass;                             /* of the given row, that the final one still allows */
    struct row_work *work;                   /* free for use */
    const int64_t *drawn;                    /* (line->n_draws,) symbols; -1: no support was left */
};

/* Appends an answer, made of what is told. */
typedef void dist_tell(struct text *out, const struct dist_told *told);

/* A table of the steps, and the most probable symbols before and after as bars. */
void dist_explain_told(struct text *out, const struct dist_told *told);

#endif

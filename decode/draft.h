/* A draft: what proposes symbols to a speculative search: another lm, or a look-up of what has been said before.
 *
 * It follows the target's text: draft_want() and draft_feed() until draft_ready(), then draft_settle() once some of what
 * it proposed was taken. */
#ifndef DECODE_DRAFT_H
#define DECODE_DRAFT_H

#include "decode/branch.h"

#define DRAFT_MOST 32 /* symbols proposed at once */

enum draft_noise {
    DRAFT_COMMON, /* the target's own noise of each step: equal rows propose what the target will draw */
    DRAFT_OWN,    /* noise of its own, as the rejection rule needs; rows are kept */
};

struct draft {
    struct lm *lm; /* NULL: look-up */
    enum draft_noise noise;
    uint32_t ngram;      /* look-up: symbols that must repeat, at most */
    int slot;            /* of lm; -1: none, or it has no room left and proposes nothing any more */
    size_t prompt;       /* symbols of its prompt, as it sees it */
    struct branch ahead; /* the text with what is proposed; no slot */
    sym_t proposed[DRAFT_MOST];
    struct row row[DRAFT_MOST]; /* DRAFT_OWN: the chain's rows that proposals were drawn from */
    float *scores;              /* (DRAFT_MOST, n) of them */
    uint32_t n, wanted;         /* proposals there are, and are to be */
    size_t told;                /* symbols of the text in slot */
};

/* 0; ERR_USAGE: the lm's symbols are not the target's, and what its prompt meets. */
int draft_init(struct draft *d, struct search *s);
void draft_fini(struct draft *d, const struct search *s);
/* Begins a round: at most `most` proposals after text. */
void draft_begin(struct draft *d, const struct search *s, const struct branch *text, uint32_t most);
bool draft_ready(const struct draft *d);
struct want draft_want(const struct draft *d);
int draft_feed(struct draft *d, const struct search *s, struct row_work *work);
int draft_move(struct draft *d); /* after draft_feed() */
/* The slot names the text's symbols again; before the next draft_begin(). */
int draft_settle(struct draft *d, const struct branch *text);

#endif

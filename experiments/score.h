/* Scoring: the log-probability of each symbol of some continuations of one prompt.  Verbs as those of a search
 * (decode/search.h): it says what it wants, is fed, and moves. */
#ifndef EXPERIMENTS_SCORE_H
#define EXPERIMENTS_SCORE_H

#include "model/lm.h"

#define SCORE_CHUNK 16 /* rows a continuation wants at once: bounds the memory of a round */

struct score;

/* Where a row stands: before symbol `at` of a continuation, `back` positions before the last of the slot's rows. */
struct score_place {
    sym_t label; /* the symbol that came */
    size_t at;
    int slot;
    uint32_t back;
};

/* Where rows go besides their log-probability; NULL: nowhere.  Called in the order of positions. */
struct score_sink {
    int (*row)(void *ctx, const struct row *r, const struct score_place *place);
    void *ctx;
};

/* The continuations and the prompt are borrowed; the prompt has no address, so that an lm that draws voices is scored by
 * what its draws follow.  NULL + what the lm says of the prompt. */
struct score *score_open(struct lm *lm, const struct prompt *prompt, const struct symbols continuations[], size_t n);
void score_close(struct score *s);
size_t score_want(struct score *s, struct want out[], size_t max); /* at most one a continuation; 0: finished */
int score_feed(struct score *s, const struct score_sink *sink);
int score_move(struct score *s);
/* (n_symbols,) nats, of a continuation. */
const double *score_logp(const struct score *s, size_t continuation);
double score_sum(const struct score *s, size_t continuation);

#endif

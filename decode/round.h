/* A round: decisions of many hypotheses over rows that lie on devices, made there in one call each.
 *
 * Between the core's run and the searches' feed: each search that can offers its decision (search_offer()), the round
 * runs, and feeding takes the answer.  Decisions over the same rows share one pool of them.  Owner thread, but for
 * round_answer(). */
#ifndef DECODE_ROUND_H
#define DECODE_ROUND_H

#include "decode/program.h"
#include "model/remote.h"

struct round;
struct round *round_alloc(void);
void round_free(struct round *r);

void round_begin(struct round *r); /* forgets what was offered and answered */
/* The number of the decision, or ERR_DATA, ERR_MEMORY (no room for a pool's row). */
int round_offer(struct round *r, const struct remote_row *row, const struct program_at *where);
int round_run(struct round *r); /* 0 or ERR_MEMORY */
/* t: what the lm's voices gave the symbol; n_voices 0: it has none, or nothing was drawn. */
const struct device_decided *round_answer(const struct round *r, size_t i, struct lm_trace *t);

#endif

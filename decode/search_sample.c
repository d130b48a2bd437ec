/* sample: each symbol is drawn from the chain's distribution, with the noise of (seed, item, space, draw, step).
 *
 * An exact sample of the distribution over strings that lm and chain define together; log_weight is 0. */
#include "decode/searches.h"
#include "decode/walk.h"

static int sample_feed(struct search *s, struct row_work *work)
{
    return walk_feed(s, work, row_draw);
}

const struct search_type search_sample = {
    .name = "sample",
    .meaning = "draws each symbol from the chain's distribution",
    .source = "ancestral sampling; Gumbel arg max: Maddison et al. 2014",
    .random = true,
    .size = sizeof(struct walk),
    .init = walk_init,
    .want = walk_want,
    .feed = sample_feed,
    .move = walk_move,
    .hyps = walk_hyps,
    .fini = walk_fini,
};

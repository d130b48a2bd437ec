/* greedy: each symbol is the most probable one of the chain's distribution, the lowest id among equals; no noise. */
#include "decode/searches.h"
#include "decode/walk.h"

static sym_t most_probable(const struct row *r, const struct rng_key *k)
{
    (void)k;
    return row_argmax(r);
}

static int greedy_feed(struct search *s, struct row_work *work)
{
    return walk_feed(s, work, most_probable);
}

const struct search_type search_greedy = {
    .name = "greedy",
    .meaning = "takes the most probable symbol of the chain's distribution",
    .source = "arg max at every step",
    .random = false,
    .size = sizeof(struct walk),
    .init = walk_init,
    .want = walk_want,
    .feed = greedy_feed,
    .move = walk_move,
    .hyps = walk_hyps,
    .fini = walk_fini,
};

/* greedy: each symbol is the most probable one of the chain's distribution, the lowest id among equals; no noise. */
#include "decode/searches.h"
#include "decode/walk.h"

static bool greedy_walks(const struct spec_value value[], struct draw *out)
{
    (void)value;
    *out = (struct draw){ .type = draw_find("greedy") };
    return true;
}

static int greedy_init(struct search *s)
{
    struct walk *w = s->state;
    w->branch.slot = -1;
    greedy_walks(s->value, &w->draw);
    return walk_init(s);
}

const struct search_type search_greedy = {
    .name = "greedy",
    .meaning = "takes the most probable symbol of the chain's distribution",
    .source = "arg max at every step",
    .random = false,
    .check = search_any,
    .walks = greedy_walks,
    .size = sizeof(struct walk),
    .init = greedy_init,
    .want = walk_want,
    .offer = walk_offer,
    .feed = walk_feed,
    .move = walk_move,
    .hyps = walk_hyps,
    .fini = walk_fini,
};

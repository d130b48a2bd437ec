/* sample: each symbol is drawn from the chain's distribution, with the noise of (seed, item, space, draw, step).
 *
 * An exact sample of the distribution over strings that lm and chain define together, whatever kind of draw
 * (decode/draw.h); log_weight is 0. */
#include "base/err.h"
#include "decode/searches.h"
#include "decode/walk.h"

enum { DRAW, DRAWS };

static const struct param params[] = {
    [DRAW] = { .name = "draw", .kind = PARAM_TEXT, .meaning = "kind of draw: gumbel (default), cdf, arithmetic" },
    [DRAWS] = { .name = "n",
                .kind = PARAM_INT,
                .min = 1,
                .max = 1048576,
                .value = 16,
                .meaning =
                    "arithmetic: draws of an item that share their codes, a multiple of which should be asked for" },
};

static const struct draw_type *draw_of(const struct spec_value value[])
{
    return draw_find(value[DRAW].text ? value[DRAW].text : "gumbel");
}

static int sample_check(const struct spec_value value[])
{
    const struct draw_type *type = draw_of(value);
    if (!type)
        return ERR_USAGE;
    return type->random ? 0
                        : err_set(ERR_USAGE, "sample: draw '%s' has no noise; the search is called greedy", type->name);
}

static bool sample_walks(const struct spec_value value[], struct draw *out)
{
    *out = (struct draw){ .type = draw_of(value), .n = value[DRAWS].number };
    return true;
}

static int sample_init(struct search *s)
{
    struct walk *w = s->state;
    w->branch.slot = -1;
    sample_walks(s->value, &w->draw);
    return walk_init(s);
}

const struct search_type search_sample = {
    .name = "sample",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .meaning = "draws each symbol from the chain's distribution",
    .source = "ancestral sampling; Gumbel arg max: Maddison et al. 2014; arithmetic: Vilnis et al. 2023",
    .random = true,
    .check = sample_check,
    .walks = sample_walks,
    .size = sizeof(struct walk),
    .init = sample_init,
    .want = walk_want,
    .offer = walk_offer,
    .feed = walk_feed,
    .move = walk_move,
    .hyps = walk_hyps,
    .fini = walk_fini,
};

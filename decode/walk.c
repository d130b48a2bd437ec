#include "decode/walk.h"
#include "base/err.h"
#include <assert.h>

#define RESERVED_STEPS 256 /* room made at once; a longer walk doubles it a few times */

int walk_init(struct search *s)
{
    struct walk *w = s->state;
    branch_init(&w->branch, s);
    branch_reserve(&w->branch, RESERVED_STEPS);
    return branch_open(&w->branch, s);
}

int walk_want(struct search *s, struct want out[], size_t max)
{
    struct walk *w = s->state;
    assert(max > 0 && !w->decided);
    if (!branch_goes_on(&w->branch, s))
        return 0;
    out[0] = branch_want(&w->branch, s);
    return 1;
}

int walk_feed(struct search *s, struct row_work *work)
{
    struct walk *w = s->state;
    struct rng_address address = branch_address(&w->branch, s);
    struct row given, final;
    TRY(branch_rows(&w->branch, s, work, &given, &final));
    if (row_dead(&final)) {
        w->branch.hyp.end = HYP_DEAD;
        return 0;
    }
    sym_t symbol = draw_symbol(&w->draw, &final, &address, work);
    struct hyp_step step = hyp_decide(&given, &final, symbol, work);
    branch_take(&w->branch, s, work, &step);
    w->decided = true;
    return 0;
}

int walk_move(struct search *s)
{
    struct walk *w = s->state;
    if (!w->decided)
        return 0;
    w->decided = false;
    return branch_push(&w->branch, s);
}

const struct hyp *walk_hyps(const struct search *s, size_t *n)
{
    const struct walk *w = s->state;
    *n = 1;
    return &w->branch.hyp;
}

void walk_fini(struct search *s)
{
    struct walk *w = s->state;
    branch_fini(&w->branch, s);
}

#include "decode/walk.h"
#include "base/err.h"
#include "decode/round.h"
#include <assert.h>

#define RESERVED_STEPS 256 /* room made at once; a longer walk doubles it a few times */

/* A trace of more than struct hyp_step reads whole rows. */
static bool may_stay(const struct walk *w, const struct search *s)
{
    return s->args.rounds && s->args.lm->remote && s->args.trace.kind == TRACE_TOKEN &&
           !program_refusal(s->args.chain, w->draw.type);
}

int walk_init(struct search *s)
{
    struct walk *w = s->state;
    w->stays = may_stay(w, s);
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
    out[0].tap = w->stays ? LM_TAP_THERE : LM_TAP_FINAL;
    return 1;
}

int walk_offer(struct search *s, struct round *r, struct row_work *work)
{
    struct walk *w = s->state;
    struct want want = branch_want(&w->branch, s);
    struct remote_row row;
    if (!w->stays)
        return 0;
    want.tap = LM_TAP_THERE;
    TRY(lm_remote(&want, &row));
    int answer = branch_offer(&w->branch, s, &(struct branch_there){ r, &row, w->draw.type, work });
    TRY(answer);
    w->round = r;
    w->answer = (size_t)answer;
    return 1;
}

/* What the round has decided. */
static int take_answer(struct search *s, struct row_work *work)
{
    struct walk *w = s->state;
    struct lm_trace trace;
    const struct device_decided *d = round_answer(w->round, w->answer, &trace);
    if (d->bad != DEVICE_NONE)
        return err_set(ERR_DATA, "score of symbol %u is not finite, want a number or -inf", d->bad);
    if (d->symbol == DEVICE_NONE) {
        w->branch.hyp.end = HYP_DEAD;
        return 0;
    }
    struct hyp_step step = { .symbol = d->symbol,
                             .logp = (float)d->logp,
                             .logp_final = (float)d->logp_final,
                             .score = d->score,
                             .entropy = (float)d->entropy,
                             .entropy_final = (float)d->entropy_final,
                             .mass = (float)d->mass,
                             .kept = d->kept,
                             .trace = trace };
    branch_take(&w->branch, s, work, &step);
    w->decided = true;
    return 0;
}

int walk_feed(struct search *s, struct row_work *work)
{
    struct walk *w = s->state;
    struct rng_address address = branch_address(&w->branch, s);
    struct row given, final;
    if (w->round)
        return take_answer(s, work);
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
    bool told = w->round != NULL;
    w->decided = false;
    w->round = NULL;
    return (told ? branch_push_told : branch_push)(&w->branch, s);
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
